"""Contractions as matrix products: that of a single tap, and kernel gradients.

    one tap      y[(n, o), k] = x w                                        x[(n, o), c] and w[c, k] as they are
    by taps      w[t] = x_t y, one product per tap                         x_t[c, (n, o)]: the inputs that tap t meets
    by columns   w[(t, c), k] = sum over chunks of X y                     X[(t, c), (n, o)]: all x_t, one on the other
    short ones   w[(t, c), k] = sum over pieces of X y                     X[(t, c), o] of a few rows of one image
    crossed      w[(t2, c), (t1, k)] = sum over chunks of X Y              X: the taps t2 of the last axes
                                                                           Y: y moved by the taps t1 of the first ones

A chunk is a few images, so that what is built stays in cache. By columns, X lies in memory as the product wants it,
positions in its rows: with 32 channels XLA's product is then twice as fast as between transposed arrays. Crossed,
f1 c + f2 k numbers are built per position instead of f1 f2 c, and the product is square: the best for few channels.
Short columns, of three channels, are hardly more than y is, and all of them are built at once; no chunk of y is copied.

A chunk is a batch of products, one for each group and each part of its positions: see products.py.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.lowering.chunks import Sum, images_within, summed_late
from jaxcnn.lowering.precision import accumulator
from jaxcnn.lowering.products import contract, near, over_positions, positions_per_product, sum_of_products
from jaxcnn.lowering.taps import in_runs, pad, shifted, side_by_side, tap, taps
from jaxcnn.lowering.window import Window

COLUMNS = 5 * 2**18  # numbers per chunk, 5 MiB of float32: few enough to stay in cache
POSITIONS = 2**14  # per chunk, at most: enough for the product to reach its speed
SHORT = 2**22  # numbers of short columns, at most: more are slower at once
PIECE = 2**7  # positions of a product of short columns: 1024 or 8192 are slower by a third with one jaxlib or the other


def correlate_of_one_tap(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """y[n, o, k] = sum over c of x[n, o, c] w[c, k], for one group: every output meets the input at its place."""
    return contract(x, kernel.reshape(kernel.shape[-2:]), axes=(x.ndim - 1, 0))  # [n, *output, k]


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


def correlate_kernel_of_one_tap(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """The same for one group and one tap: no column is built."""
    met = tap(pad(x, window), window, (0,) * len(window.size))  # [n, *output, c]
    return over_positions(met, y).reshape(*window.size, x.shape[-1], y.shape[-1])


def correlate_kernel_by_columns(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """The same, for any number of groups."""
    g, positions = window.groups, prod(window.output)
    c, k = x.shape[-1] // g, y.shape[-1] // g
    width = len(taps(window)) * c

    def chunk(x: jax.Array, y: jax.Array) -> jax.Array:
        part = near(len(x), positions_per_product(len(x) * positions, width * k, g) // positions)
        x = pad(x, window)
        x = jnp.moveaxis(x.reshape(-1, part, *x.shape[1:]), -1, 1)  # [parts, c, images, *padded]
        for axis in reversed(range(len(window.size))):  # axis by axis: a slice for every tap is slow to compile
            x = jnp.concatenate(shifted(x, window, axis, axis + 3), 1)
        return sum_of_products(x.reshape(len(x), width, -1), y.reshape(len(x), -1, k), (1, 0))  # [t c, k]

    total = summed_late(of_groups(by_halves(chunk), g), images_per_chunk(y, g * width), x, y, (g, width, k))
    return side_by_side(total.reshape(g, *window.size, c, k))


def correlate_kernel_by_short_columns(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """The same for one group and few channels of x: a batch of many products, in which y is read where it lies."""
    c, k, rest = x.shape[-1], y.shape[-1], prod(window.output[1:])
    width, rows = len(taps(window)) * c, images_within(window.output[0], PIECE // rest)
    if y.size // k * width > SHORT:
        return correlate_kernel_by_columns(x, y, window)

    def whole(x: jax.Array, y: jax.Array) -> jax.Array:
        x = jnp.moveaxis(pad(x, window), -1, 1)  # [n, c, *padded]
        for axis in reversed(range(1, len(window.size))):
            x = jnp.concatenate(shifted(x, window, axis, axis + 2), 1)
        pieces = (a.reshape(*a.shape[:2], -1, rows, *a.shape[3:]) for a in shifted(x, window, 0, 2))
        x = jnp.concatenate([jnp.moveaxis(a, 2, 1) for a in pieces], 2)  # [n, pieces, t c, rows, *rest]
        return sum_of_products(x.reshape(-1, width, rows * rest), y.reshape(-1, rows * rest, k), (1, 0))  # [t c, k]

    return summed_late(whole, len(x), x, y, (width, k)).reshape(*window.size, c, k)


def correlate_kernel_crossed(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """The same, for any number of groups and stride 1 on the first axes: a row of x meets f rows of y, or zeros."""
    g, axes = window.groups, len(window.size)
    c, k = x.shape[-1] // g, y.shape[-1] // g
    first = first_axes(c, k, window)
    of_x, of_y = crossed(c, k, window, first)
    none, others = ((0, 0),) * first, window.padding[first:]

    def chunk(x: jax.Array, y: jax.Array) -> jax.Array:
        x = pad(in_runs(x), replace(window, padding=(*none, *others)))
        for axis in reversed(range(first, axes)):
            x = side_by_side(shifted(x, window, axis, axis + 1), -2)
        y = lax.pad(in_runs(y), jnp.zeros((), y.dtype), padding_of_outputs(window, first))
        for axis in reversed(range(first)):
            d, n, reach = window.dilation[axis], window.input[axis], window.span[axis] - 1
            starts = [reach - d * t for t in range(window.size[axis])]
            y = side_by_side([lax.slice_in_dim(y, start, start + n, axis=axis + 1) for start in starts], -2)
        x, y = (a.reshape(*a.shape[:-2], -1) for a in (x, y))  # [images, *input of the first axes, *output, numbers]
        return over_positions(x, y, g)  # [t c, f k]

    total = summed_late(of_groups(chunk, g), images_per_chunk(y, g * (of_x + of_y)), x, y, (g, of_x, of_y))
    total = total.reshape(g, *window.size[first:], c, *window.size[:first], k)
    return side_by_side(jnp.moveaxis(total, range(-1 - first, -1), range(1, 1 + first)))


def first_axes(c: int, k: int, window: Window) -> int:
    """So many of the first axes, of stride 1, belong to y that the fewest numbers are built."""
    possible = [n for n in range(1, max(len(window.size), 2)) if set(window.stride[:n]) == {1}]
    return min(possible, key=lambda n: sum(crossed(c, k, window, n)))


def crossed(c: int, k: int, window: Window, first: int) -> tuple[int, int]:
    """Numbers that are laid side by side for each position: of x, and of y."""
    return prod(window.size[first:]) * c, prod(window.size[:first]) * k


def padding_of_outputs(window: Window, first: int) -> list[tuple[int, int, int]]:
    """Of y in runs, so that every input of the first axes meets as many rows of y as there are taps."""
    reach = [(s - 1 - low, s - 1 - high, 0) for s, (low, high) in zip(window.span, window.padding, strict=True)]
    return [(0, 0, 0), *reach[:first], *((0, 0, 0),) * (len(reach) - first + 2)]


def by_halves(chunk: Sum) -> Sum:
    """The same sum, in two that wait for nothing of each other: while one is built, the other is multiplied.

    3x3, stride 2, 32 to 64 at 32x32: 6.3 ms instead of 8.2, and 7.4 MB instead of 9.1 (7 and 7 ms with jaxlib 0.12.0).
    Crossed, where less is built, it gains nothing and takes longer to compile.
    """

    def halves(x: jax.Array, y: jax.Array) -> jax.Array:
        half, rest = divmod(len(x), 2)
        return chunk(x, y) if rest else chunk(x[:half], y[:half]) + chunk(x[half:], y[half:])

    return halves


def of_groups(chunk: Sum, g: int) -> Sum:
    """The function of some images of one group, for each of g groups: [g, ..]."""

    def apart(a: jax.Array) -> jax.Array:
        return jnp.moveaxis(a.reshape(*a.shape[:-1], g, -1), -2, 0)  # [g, images, .., channels]

    return lambda x, y: chunk(x, y)[None] if g == 1 else jax.vmap(chunk)(apart(x), apart(y))


def images_per_chunk(y: jax.Array, width: int) -> int:
    """As many images as keep `width` numbers for each of y's positions within bounds."""
    return images_within(y.shape[0], min(POSITIONS, COLUMNS // width) // prod(y.shape[1:-1]))
