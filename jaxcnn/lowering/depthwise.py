"""One input channel per group: no channel is summed over, so products of shifted images do.

    correlate         y[n,o,k] = sum over t of x[n, s o + d t - low, k] w[t, k]
    correlate_kernel  w[t,k]   = sum over n, o of x[n, s o + d t - low, k] y[n,o,k]

XLA fuses the shifts into one pass. With k a multiple of c, x's channels are repeated first. What a tap would meet in
the padding adds nothing: "in one pass" and "by rows" leave it out, and no padded copy of x is written.
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
from jaxcnn.lowering.taps import nearest, pad, tap, taps
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


def correlate_in_one_pass(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """The same, with the products padded and not x: they are computed where they are added."""
    x, wide, terms = repeated(x, kernel.shape[-1]), accumulator(x.dtype), []
    for t in taps(window):
        outputs = outputs_of(window, t)
        if all(outputs):
            product = met(x, window, t, outputs).astype(wide) * kernel[t][0].astype(wide)
            ends = ((o[0], n - 1 - o[-1], 0) for o, n in zip(outputs, window.output, strict=True))
            terms.append(lax.pad(product, jnp.zeros((), wide), ((0, 0, 0), *ends, (0, 0, 0))))
    return reduce(jnp.add, terms, zeros((len(x), *window.output, x.shape[-1]), x, kernel))  # [n, *output, k]


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


def correlate_kernel_in_one_pass(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """All taps in one pass over x and y; with two spatial axes, images [h, q] and taps [a, b]:

        sums[n, h, a, b, k]  =  sum over q of x[n, s h + d a - low, s q + d b - low, k] y[n, h, q, k]

    A row of x and one of y are in the innermost cache when all taps meet there. The sum over q is a chain of as many
    terms. What lies in the padding is read at the edge and left out by a choice of 0: no pass has a branch.
    """
    *rows, last = range(len(window.size))
    x, k, wide = repeated(x, y.shape[-1]), y.shape[-1], accumulator(x.dtype)
    at = [outer(window.positions(axis), axis, len(rows)) for axis in rows]  # each [*rows of outputs, *of taps]
    is_inside = reduce(
        np.logical_and, (outer(window.inside(axis), axis, len(rows)) for axis in rows), np.ones((), bool)
    )

    def products(q: int) -> jax.Array:
        columns, are_inside = window.positions(last)[q], window.inside(last)[q]
        of_y = lax.index_in_dim(y, q, last + 1, keepdims=False).astype(wide)  # [n, *rows, k]
        of_y = lax.expand_dims(of_y, range(last + 1, 2 * last + 2))  # [n, *rows, 1 for each tap's axis, k]
        if are_inside.all():
            of_x = lax.slice_in_dim(x, columns[0], columns[-1] + 1, window.dilation[last], last + 1)
            return nearest(of_x, *at).astype(wide) * of_y  # [n, *rows, *taps, k]
        of_x = nearest(x, *(i[..., None] for i in at), columns)
        return jnp.where(are_inside[:, None], of_x.astype(wide) * of_y, 0)

    terms = [products(q) for q in range(window.output[last])]
    sums = sum(reduce(jnp.add, chain) for chain in (terms[::2], terms[1::2]) if chain)  # two chains take 0.9 of one
    sums = sums if is_inside.all() else jnp.where(is_inside[..., None, None], sums, 0)
    # jaxlib 0.12.0 would take the last terms into its sums over rows, and write down the others one by one: 25 ms.
    return jnp.sum(lax.optimization_barrier(sums), range(last + 1)).reshape(*window.size, 1, k)


def outer(a: np.ndarray, axis: int, axes: int) -> np.ndarray:
    """a[o, t] of one of so many axes as [*outputs, *taps], of size 1 along the others."""
    return np.expand_dims(a, [i for i in range(2 * axes) if i % axes != axis])


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
        *rows, row = outputs_of(window, t)
        length = math.ceil(len(row) / max(1, math.ceil(len(row) / ROW)))
        rest = len(row) % max(1, length)
        parts = ((row[: len(row) - rest], length), (row[len(row) - rest :], rest))
        found += [Rows(t, (*rows, part), n) for part, n in parts if all((*rows, part))]
    return found


def outputs_of(window: Window, t: Sizes) -> tuple[range, ...]:
    """The outputs, per axis, that meet no padding at tap t."""
    return tuple(outputs_inside(window, axis, i) for axis, i in enumerate(t))


def outputs_inside(window: Window, axis: int, t: int) -> range:
    """The outputs along one axis that meet no padding at tap t."""
    inside = np.flatnonzero(window.inside(axis)[:, t]).tolist()
    return range(inside[0], inside[-1] + 1) if inside else range(0)


def met(x: jax.Array, window: Window, t: Sizes, outputs: tuple[range, ...]) -> jax.Array:
    """x[.., s o + d t - low, k] for outputs that meet no padding at tap t: [.., *outputs, k]."""
    sizes = zip(window.stride, window.dilation, window.padding, t, outputs, strict=True)
    ends = [(s * o[0] + d * t - low, s * o[-1] + d * t - low + 1) for s, d, (low, _), t, o in sizes]
    ahead = x.ndim - 1 - len(ends)  # axes
    first, last = (*(0,) * ahead, *(a for a, _ in ends), 0), (*x.shape[:ahead], *(b for _, b in ends), x.shape[-1])
    return lax.slice(x, first, last, (*(1,) * ahead, *window.stride, 1))


def row_sums(x: jax.Array, y: jax.Array, window: Window, part: Rows) -> jax.Array:
    """sum over the positions of each sum of x[s o + d t - low, k] y[o, k], for one image: [*sums, k]."""
    first, last = [o[0] for o in part.outputs], [o[-1] + 1 for o in part.outputs]
    products = met(x, window, part.tap, part.outputs) * lax.slice(y, (*first, 0), (*last, y.shape[-1]))
    products = products.reshape(*part.sums, part.length, y.shape[-1])
    return sum_of_few(products, products.ndim - 2)
