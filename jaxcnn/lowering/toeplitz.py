"""Few channels: blocks of neighbouring outputs as one matrix product with a banded (Toeplitz) matrix.

With few channels a product of columns and kernel is too narrow to be fast. Along the last axis, B neighbouring outputs
together see V = s (B - 1) + d (f - 1) + 1 inputs, and they see them through the banded matrix

    M[(t', v, c), (b, k)] = sum over t with v = s b + d t of w[t', t, c, k]      t': taps of the other axes

so that  y[.., (b, k)] = x[.., (t', v, c)] M  is B times as wide, at V / f times the multiplications.
"""

from __future__ import annotations

from itertools import product
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxcnn.lowering.chunks import images_within, mapped
from jaxcnn.lowering.precision import accumulator
from jaxcnn.lowering.taps import pad
from jaxcnn.lowering.window import Window

BLOCK = 4  # outputs per block: 2, 4, 6, 8 and 12 were tried on seed 2's layers
COLUMNS = 2**19  # numbers per chunk, 2 MiB of float32: 2**18 is slower by a third, 2**20 takes more memory


def bands(window: Window) -> np.ndarray:
    """E[t, v, b] = 1 where input v of a block meets its output b at tap t, else 0."""
    s, d, f = window.stride[-1], window.dilation[-1], window.size[-1]
    t, v, b = np.ogrid[:f, : s * (BLOCK - 1) + d * (f - 1) + 1, :BLOCK]
    return (v == s * b + d * t).astype(np.float32)


def columns(x: jax.Array, window: Window) -> jax.Array:
    """x[n, *input, c] as [n, *output but the last, blocks, (t', v, c)]."""
    n, s = x.shape[0], window.stride[-1]
    blocks, inputs = -(-window.output[-1] // BLOCK), bands(window).shape[1]
    padded = pad(x, window)
    last = (blocks - 1) * BLOCK * s  # where the last block starts
    missing = max(last + inputs - padded.shape[-2], 0)
    padded = lax.pad(padded, jnp.zeros((), x.dtype), [*[(0, 0, 0)] * (x.ndim - 2), (0, missing, 0), (0, 0, 0)])
    seen = [lax.slice_in_dim(padded, v, v + last + 1, BLOCK * s, axis=x.ndim - 2) for v in range(inputs)]
    cut = jnp.concatenate(seen, -1)  # [n, *padded but the last, blocks, v c]
    rows = []
    for t in product(*map(range, window.size[:-1])):
        start = [d * i for d, i in zip(window.dilation, t, strict=False)]
        limit = [a + st * (o - 1) + 1 for a, st, o in zip(start, window.stride, window.output, strict=False)]
        rows.append(lax.slice(cut, (0, *start, 0, 0), (n, *limit, *cut.shape[-2:]), (1, *window.stride[:-1], 1, 1)))
    return jnp.concatenate(rows, -1)


def correlate(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """y[n, o, k] = sum over t, c of x[n, s o + d t - low, c] w[t, c, k], for one group."""
    *_, f, c, k = kernel.shape
    matrix = jnp.einsum("tvb,ltck->lvcbk", bands(window), kernel.reshape(-1, f, c, k)).astype(x.dtype)
    matrix = matrix.reshape(-1, BLOCK * k)  # [t' v c, b k]
    return mapped(lambda x: banded_product(columns(x, window), matrix, window), images_per_chunk(x, window), x)


def banded_product(x: jax.Array, matrix: jax.Array, window: Window) -> jax.Array:
    """Columns times bands, with the blocks laid side by side again."""
    y = lax.dot_general(
        x, matrix, (((x.ndim - 1,), (0,)), ((), ())), preferred_element_type=accumulator(x.dtype)
    )  # [n, *output but the last, blocks, b k]
    y = y.reshape(*y.shape[:-2], -1, matrix.shape[-1] // BLOCK)
    return lax.slice_in_dim(y, 0, window.output[-1], axis=y.ndim - 2)  # [n, *output, k]


def images_per_chunk(x: jax.Array, window: Window) -> int:
    """As many images as keep the columns within bounds."""
    blocks = prod(window.output[:-1]) * -(-window.output[-1] // BLOCK)
    width = prod(window.size[:-1]) * bands(window).shape[1] * x.shape[-1]
    return images_within(x.shape[0], COLUMNS // (blocks * width))
