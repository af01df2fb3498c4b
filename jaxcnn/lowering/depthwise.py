"""One input channel per group: no channel is summed over, so products of shifted images do.

    correlate         y[n,o,k] = sum over t of x[n, s o + d t - low, k] w[t, k]
    correlate_kernel  w[t,k]   = sum over n, o of x[n, s o + d t - low, k] y[n,o,k]

XLA fuses the shifts into one pass. With k a multiple of c, x's channels are repeated first.
"""

from __future__ import annotations

from functools import reduce

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.lowering.precision import accumulator, zeros
from jaxcnn.lowering.taps import pad, tap, taps
from jaxcnn.lowering.window import Window


def repeated(x: jax.Array, k: int) -> jax.Array:
    """x[n, i, c] with each channel k / c times in a row."""
    times = k // x.shape[-1]
    return x if times == 1 else jnp.repeat(x, times, -1)  # [n, i, k]


def correlate(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    wide = accumulator(x.dtype)
    padded = pad(repeated(x, kernel.shape[-1]), window)
    products = (tap(padded, window, t).astype(wide) * kernel[t][0].astype(wide) for t in taps(window))
    return reduce(jnp.add, products)  # [n, *output, k]


def correlate_kernel_at_once(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """One sum over all images and positions per tap."""
    k, wide = y.shape[-1], accumulator(x.dtype)
    padded, y = pad(repeated(x, k), window), y.astype(wide)
    everything = tuple(range(y.ndim - 1))
    sums = [jnp.sum(tap(padded, window, t).astype(wide) * y, everything) for t in taps(window)]
    return jnp.stack(sums).reshape(*window.size, 1, k)


def correlate_kernel_by_images(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """Image by image, summed first over all spatial axes but the last: long rows of channels, which vectorise."""
    k, wide = y.shape[-1], accumulator(x.dtype)
    leading = tuple(range(len(window.size)))  # the image and all its spatial axes but the last

    def add(total: jax.Array, image: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        x, y = (a[None].astype(wide) for a in image)
        return total + jnp.stack([jnp.sum(tap(x, window, t) * y, leading) for t in taps(window)]), None

    zero = zeros((len(taps(window)), window.output[-1], k), x, y)
    total, _ = lax.scan(add, zero, (pad(repeated(x, k), window), y))
    return jnp.sum(total, 1).reshape(*window.size, 1, k)
