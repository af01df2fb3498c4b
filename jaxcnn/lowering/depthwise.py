"""One input channel per group: no channel is summed over, so products of shifted images do.

    correlate         y[n,o,k] = sum over t of x[n, s o + d t - low, k] w[t, k]
    correlate_kernel  w[t,k]   = sum over n, o of x[n, s o + d t - low, k] y[n,o,k]

XLA fuses the shifts into one pass. With k a multiple of c, x's channels are repeated first.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxcnn.lowering.precision import accumulator, zeros
from jaxcnn.lowering.sums import sum_of_few
from jaxcnn.lowering.taps import pad, tap, taps
from jaxcnn.lowering.window import Sizes, Window

ROW = 32  # positions of a sum, at most: more are not unrolled (56 of 32 channels: 17 ms as one sum, 3.5 as two)


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

    Nothing is padded: what a tap meets in the padding adds nothing and is left out. A longer row is summed in parts.
    """
    k, wide, rows = y.shape[-1], accumulator(x.dtype), rows_of_taps(window)

    def add(totals: list[jax.Array], image: tuple[jax.Array, jax.Array]) -> tuple[list[jax.Array], None]:
        x, y = (a.astype(wide) for a in image)
        return [total + row_sums(x, y, window, part) for total, part in zip(totals, rows, strict=True)], None

    zero = [zeros((*part.sums, k), x, y) for part in rows]
    totals, _ = lax.scan(add, zero, (repeated(x, k), y))
    kernel = {t: zeros((k,), x, y) for t in taps(window)}
    for part, total in zip(rows, totals, strict=True):
        kernel[part.tap] += jnp.sum(total, range(total.ndim - 1))
    return jnp.stack(list(kernel.values())).reshape(*window.size, 1, k)


class Rows(NamedTuple):
    """Outputs, per axis, that a tap meets inside the input; so many positions of the last axis make a sum."""

    tap: Sizes
    outputs: tuple[range, ...]
    length: int

    @property
    def sums(self) -> Sizes:
        *rows, row = map(len, self.outputs)
        return *rows, row // self.length


def rows_of_taps(window: Window) -> list[Rows]:
    """For every tap the sums of one length and, where these do not fill its rows, a shorter one for each row."""
    found = []
    for t in taps(window):
        *rows, row = (outputs_inside(window, axis, i) for axis, i in enumerate(t))
        length = math.ceil(len(row) / max(1, math.ceil(len(row) / ROW)))
        rest = len(row) % max(1, length)
        parts = ((row[: len(row) - rest], length), (row[len(row) - rest :], rest))
        found += [Rows(t, (*rows, part), n) for part, n in parts if all((*rows, part))]
    return found


def outputs_inside(window: Window, axis: int, t: int) -> range:
    """The outputs along one axis that meet no padding at tap t."""
    inside = np.flatnonzero(window.inside(axis)[:, t]).tolist()
    return range(inside[0], inside[-1] + 1) if inside else range(0)


def row_sums(x: jax.Array, y: jax.Array, window: Window, part: Rows) -> jax.Array:
    """sum over the positions of each sum of x[s o + d t - low, k] y[o, k], for one image: [*sums, k]."""
    sizes = zip(window.stride, window.dilation, window.padding, part.tap, part.outputs, strict=True)
    met = [(s * o[0] + d * t - low, s * o[-1] + d * t - low + 1) for s, d, (low, _), t, o in sizes]
    first, end = [o[0] for o in part.outputs], [o[-1] + 1 for o in part.outputs]
    k = y.shape[-1]
    x = lax.slice(x, (*(a for a, _ in met), 0), (*(b for _, b in met), k), (*window.stride, 1))
    products = (x * lax.slice(y, (*first, 0), (*end, k))).reshape(*part.sums, part.length, k)
    return sum_of_few(products, products.ndim - 2)
