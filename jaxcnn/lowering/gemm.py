"""The kernel gradient as matrix products.

    by taps     w[t] = x_t^T y, one product per tap, for each group        x_t: the inputs that tap t meets
    by chunks   w^T  = sum over chunks of y^T (x_t for all t side by side)

By chunks, a few images at a time, the columns stay in cache. y^T x runs at 1.5 times the speed of its transpose x^T y
in XLA's products on CPU.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.lowering.chunks import images_within, summed
from jaxcnn.lowering.precision import accumulator
from jaxcnn.lowering.taps import pad, tap, taps
from jaxcnn.lowering.window import Window

COLUMNS = 2**20  # numbers per chunk, 4 MiB of float32: few enough for the columns to stay in cache
POSITIONS = 8192  # per chunk, at most: enough for the product to reach its speed


def correlate_kernel_by_taps(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """w[t, c, k] = sum over n, o of x[n, s o + d t - low, c] y[n, o, k], for any number of groups."""
    padded, g = pad(x, window), window.groups
    c, k = x.shape[-1] // g, y.shape[-1] // g
    grouped = y.reshape(-1, g, k)  # [positions, g, k]
    products = [
        lax.dot_general(
            tap(padded, window, t).reshape(-1, g, c),
            grouped,
            (((0,), (0,)), ((1,), (1,))),
            preferred_element_type=accumulator(x.dtype),
        )  # [g, c, k]
        for t in taps(window)
    ]
    return jnp.swapaxes(jnp.stack(products), 1, 2).reshape(*window.size, c, g * k)


def correlate_kernel_by_chunks(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """The same, for one group."""
    n, c, k = x.shape[0], x.shape[-1], y.shape[-1]
    positions, width = y.size // (n * k), len(taps(window)) * c
    images = images_within(n, min(POSITIONS, COLUMNS // width) // positions)
    total = summed(lambda x, y: transposed_product(y, columns(pad(x, window), window)), images, x, y)  # [k, t c]
    return total.T.reshape(*window.size, c, k)


def columns(x: jax.Array, window: Window) -> jax.Array:
    """What all taps meet, side by side; taken axis by axis, since a slice for every tap is slow to compile."""
    for axis in reversed(range(len(window.size))):
        d, s, o = window.dilation[axis], window.stride[axis], window.output[axis]
        starts = range(0, d * window.size[axis], d)
        x = jnp.concatenate([lax.slice_in_dim(x, i, i + s * (o - 1) + 1, s, axis + 1) for i in starts], -1)
    return x  # [images, *output, t c]


def transposed_product(y: jax.Array, x: jax.Array) -> jax.Array:
    """y^T x, summed over all axes but the last: [k, c]."""
    return lax.dot_general(
        y.reshape(-1, y.shape[-1]),
        x.reshape(-1, x.shape[-1]),
        (((0,), (0,)), ((), ())),
        preferred_element_type=accumulator(x.dtype),
    )
