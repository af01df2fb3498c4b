"""One input channel per group: no channel is summed over, so products of shifted images do.

    correlate         y[n,o,k] = sum over t of x[n, s o + d t - low, k] w[t, k]
    correlate_kernel  w[t,k]   = sum over n, o of x[n, s o + d t - low, k] y[n,o,k]

XLA fuses the shifts into one pass. With k a multiple of c, x's channels are repeated first.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.lowering.precision import accumulator, zeros
from jaxcnn.lowering.sums import sum_of_few
from jaxcnn.lowering.taps import pad, tap, taps
from jaxcnn.lowering.window import Window

ROW = 32  # 64 channels at 32x32: 3.2 ms as one piece, 3.6 as two
PIECE = 16  # 32 channels at 112x112: 2.2 ms, 5.9 in pieces of 29
MOST = 16  # pieces, each of which is code of its own


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


def correlate_kernel_by_rows(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """Image by image, row by row: a sum over few positions is unrolled, around vectors of channels.

    A longer row of an image is filled up with zeros and summed in pieces.
    """
    k, wide, columns = y.shape[-1], accumulator(x.dtype), window.output[-1]
    is_short = columns <= ROW or len(window.size) == 1  # length 512, 128 channels: 0.8 ms as one piece, 1.5 as sixteen
    pieces = 1 if is_short else min(-(-columns // PIECE), MOST)
    fill = 0 if pieces == 1 else pieces - columns % pieces  # one zero at least: y is then stored, not cut out per tap
    *before, (low, high) = window.padding
    filled = replace(window, padding=(*before, (low, high + fill * window.stride[-1])))

    def row_sums(a: jax.Array) -> jax.Array:
        return reduce(jnp.add, [sum_of_few(piece, a.ndim - 2) for piece in jnp.split(a, pieces, -2)])  # [1, *rows, k]

    def add(totals: list[jax.Array], image: tuple[jax.Array, jax.Array]) -> tuple[list[jax.Array], None]:
        x, y = (a[None].astype(wide) for a in image)
        x = pad(repeated(x, k), filled)
        y = jnp.pad(y, [(0, 0)] * (y.ndim - 2) + [(0, fill), (0, 0)])
        sums = (row_sums(tap(x, filled, t) * y) for t in taps(window))
        return [total + new for total, new in zip(totals, sums, strict=True)], None

    zero = [zeros((1, *window.output[:-1], k), x, y) for _ in taps(window)]
    totals, _ = lax.scan(add, zero, (x, y))
    return jnp.sum(jnp.stack(totals), range(1, y.ndim - 1)).reshape(*window.size, 1, k)
