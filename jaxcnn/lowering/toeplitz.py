"""Few channels: blocks of neighbouring outputs at once, through a banded (Toeplitz) matrix.

With few channels a product of columns and kernel is too narrow to be fast. Along the last axis, B neighbouring outputs
together see V = s (B - 1) + d (f - 1) + 1 inputs, and they see them through the banded matrix

    M[t', v, c, (b, k)] = sum over t with v = s b + d t of w[t', t, c, k]        t': taps of the other axes

so that y[.., (b, k)] = sum over t', v, c of x[.., B s o + v, c] M[t', v, c, (b, k)]  is B times as wide, at V / f times
the multiplications: a product with columns, or a convolution of stride B s. The kernel gradient is the sum of what the
matrix's has where the matrix holds the kernel:  w[t', t, c, k] = sum over b of M[t', s b + d t, c, (b, k)].
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from itertools import product
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxcnn.lowering import xla
from jaxcnn.lowering.chunks import images_within, mapped
from jaxcnn.lowering.mesh import is_spread
from jaxcnn.lowering.precision import accumulator
from jaxcnn.lowering.taps import pad, side_by_side
from jaxcnn.lowering.window import Window

BLOCK = 4  # outputs per block of a product: 2, 4, 6, 8 and 12 were tried on seed 2's layers
WIDTH, MOST = 32, 16  # numbers per block of a convolution, and outputs at most: 24 and 48 numbers are slower
COLUMNS = 2**19  # numbers per chunk, 2 MiB of float32: 2**18 is slower by a third, 2**20 takes more memory


def inputs_per_block(window: Window, block: int) -> int:
    """V: what a block multiplies for each other tap, where a window multiplies f."""
    return window.stride[-1] * (block - 1) + window.span[-1]


def of_blocks(window: Window, block: int) -> Window:
    """The window of the matrix."""
    v, stride, low = inputs_per_block(window, block), block * window.stride[-1], window.padding[-1][0]
    last = (-(-window.output[-1] // block) - 1) * stride  # where the last block starts
    return replace(
        window,
        size=(*window.size[:-1], v),
        stride=(*window.stride[:-1], stride),
        padding=(*window.padding[:-1], (low, last + v - window.input[-1] - low)),
        dilation=(*window.dilation[:-1], 1),
    )


def bands(window: Window, block: int) -> np.ndarray:
    """E[t, v, b] = 1 where input v of a block meets its output b at tap t, else 0."""
    s, d, f = window.stride[-1], window.dilation[-1], window.size[-1]
    t, v, b = np.ogrid[:f, : inputs_per_block(window, block), :block]
    return (v == s * b + d * t).astype(np.float32)


def outputs_per_block(k: int) -> int:
    """Of a convolution: a power of two of them, so that a block has more than WIDTH / 2 numbers and at most WIDTH."""
    return min(1 << max((WIDTH // k).bit_length() - 1, 1), MOST)


def outputs_per_kernel_block(c: int, k: int, window: Window) -> int:
    """Of a kernel gradient: as many as fill its blocks, and the fewer the more channels there are.

    3 to 4 channels at 28x28, 3x3: 1.0 ms one by one, 0.8 by two, 0.9 by four; 6 to 16: 3.6, 4.8, 5.9. One on several
    devices, which would send each other the matrix, not the smaller kernel.
    """
    most = 1 if is_spread() or c * k > 64 else 4 if c * k <= 4 else 2
    return next(block for block in (4, 2, 1) if block <= most and window.output[-1] % block == 0)


def banded(kernel: jax.Array, window: Window, block: int) -> jax.Array:
    """M[*other taps, v, c, (b, k)]."""
    *other, f, c, k = kernel.shape
    matrix = jnp.einsum("tvb,ltck->lvcbk", bands(window, block), kernel.reshape(-1, f, c, k)).astype(kernel.dtype)
    return matrix.reshape(*other, -1, c, block * k)


def outputs_of_blocks(y: jax.Array, block: int, window: Window) -> jax.Array:
    """y[.., blocks, (b, k)] as [.., outputs, k]."""
    y = y.reshape(*y.shape[:-2], -1, y.shape[-1] // block)
    return lax.slice_in_dim(y, 0, window.output[-1], axis=y.ndim - 2)  # [n, *output, k]


def correlate_by_strides(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """y[n, o, k] = sum over t, c of x[n, s o + d t - low, c] w[t, c, k], for one group, as a convolution by blocks."""
    block = outputs_per_block(kernel.shape[-1])
    x, kernel = xla.evened(x, kernel)
    return outputs_of_blocks(xla.correlate(x, banded(kernel, window, block), of_blocks(window, block)), block, window)


def correlate_kernel_by_strides(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """w[t, c, k] = sum over n, o of x[n, s o + d t - low, c] y[n, o, k], for one group, out of that of the matrix."""
    c, k, s, span = x.shape[-1], y.shape[-1], window.stride[-1], window.span[-1]
    block = outputs_per_kernel_block(c, k, window)
    y = y.reshape(*y.shape[:-2], -1, block * k)  # [n, *output but the last, blocks, (b, k)]
    matrix = xla.correlate_kernel_in_order(x, y, of_blocks(window, block)).reshape(*window.size[:-1], -1, c, block, k)
    held = (lax.slice_in_dim(matrix[..., b, :], s * b, s * b + span, window.dilation[-1], -3) for b in range(block))
    return reduce(jnp.add, held)


def columns(x: jax.Array, window: Window) -> jax.Array:
    """x[n, *input, c] as [n, *output but the last, blocks, (t', v, c)]."""
    n, s = x.shape[0], window.stride[-1]
    blocks, inputs = -(-window.output[-1] // BLOCK), inputs_per_block(window, BLOCK)
    padded = pad(x, window)
    last = (blocks - 1) * BLOCK * s  # where the last block starts
    missing = max(last + inputs - padded.shape[-2], 0)
    padded = lax.pad(padded, jnp.zeros((), x.dtype), [*[(0, 0, 0)] * (x.ndim - 2), (0, missing, 0), (0, 0, 0)])
    seen = [lax.slice_in_dim(padded, v, v + last + 1, BLOCK * s, axis=x.ndim - 2) for v in range(inputs)]
    cut = side_by_side(seen)  # [n, *padded but the last, blocks, v c]
    rows = []
    for t in product(*map(range, window.size[:-1])):
        start = [d * i for d, i in zip(window.dilation, t, strict=False)]
        limit = [a + st * (o - 1) + 1 for a, st, o in zip(start, window.stride, window.output, strict=False)]
        rows.append(lax.slice(cut, (0, *start, 0, 0), (n, *limit, *cut.shape[-2:]), (1, *window.stride[:-1], 1, 1)))
    return side_by_side(rows)


def correlate_by_columns(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """The same as a product with columns, a few images at a time."""
    matrix = banded(kernel, window, BLOCK)
    matrix = matrix.reshape(-1, matrix.shape[-1])  # [t' v c, b k]

    def chunk(x: jax.Array) -> jax.Array:
        x = columns(x, window)
        contract = (((x.ndim - 1,), (0,)), ((), ()))
        return outputs_of_blocks(
            lax.dot_general(x, matrix, contract, preferred_element_type=accumulator(x.dtype)), BLOCK, window
        )

    return mapped(chunk, images_per_chunk(x, window), x)


def images_per_chunk(x: jax.Array, window: Window) -> int:
    """As many images as keep the columns within bounds."""
    blocks = prod(window.output[:-1]) * -(-window.output[-1] // BLOCK)
    width = prod(window.size[:-1]) * inputs_per_block(window, BLOCK) * x.shape[-1]
    return images_within(x.shape[0], COLUMNS // (blocks * width))
