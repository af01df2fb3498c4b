"""The kernel gradient as matrix products.

    by taps      w[t] = x_t y, one product per tap                         x_t[c, (n, o)]: the inputs that tap t meets
    by columns   w[(t, c), k] = sum over chunks of X y                     X[(t, c), (n, o)]: all x_t, one on the other
    crossed      w[(t2, .., c), (t1, k)] = sum over chunks of X Y          X: the taps of all axes but the first
                                                                           Y: y moved by the taps of the first axis

A chunk is a few images, so that what is built stays in cache. By columns, X lies in memory as the product wants it,
positions in its rows: with 32 channels XLA's product is then twice as fast as between transposed arrays. Crossed,
f1 c + f2 k numbers are built per position instead of f1 f2 c, and the product is square: the best for few channels.

A chunk is a batch of products, one for each group and each part of its images. XLA shares a single product among
threads by how many numbers it results in, which are few here, however long its sums are; of a batch, every thread takes
some products: 96 x 96 numbers from 69,632 positions take 13.0 ms as one product and 7.5 ms as a batch of 16.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.lowering.chunks import images_within, summed
from jaxcnn.lowering.dense import contract
from jaxcnn.lowering.precision import accumulator
from jaxcnn.lowering.taps import pad, side_by_side, tap, taps
from jaxcnn.lowering.window import Window

COLUMNS = 5 * 2**18  # numbers per chunk, 5 MiB of float32: few enough to stay in cache
AT_ONCE = 2**19  # numbers; more are built in a loop, since XLA builds a single chunk when x is known, long before y is
POSITIONS = 2**14  # per chunk, at most: enough for the product to reach its speed
PART = 2**10  # positions of one product of a batch, about
WORK = 2**23  # multiplications of it, at least: of 48 x 48 numbers, batches are no faster
RESULTS = 2**20  # numbers of a batch's results, at most: products of many numbers are shared among threads anyway


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
    c, k = x.shape[-1], y.shape[-1]
    met = tap(pad(x, window), window, (0,) * len(window.size))  # [n, *output, c]
    return in_batch(over_positions, 1, c * k)(met, y).reshape(*window.size, c, k)


def correlate_kernel_by_columns(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """The same, for any number of groups."""
    g = window.groups
    c, k = x.shape[-1] // g, y.shape[-1] // g

    def chunk(x: jax.Array, y: jax.Array) -> jax.Array:
        x = jnp.moveaxis(pad(x, window), -1, 0)  # [c, images, *padded]
        for axis in reversed(range(len(window.size))):  # axis by axis: a slice for every tap is slow to compile
            x = jnp.concatenate(shifted(x, window, axis, axis + 2), 0)
        return contract(x.reshape(x.shape[0], -1), y.reshape(-1, k), (1, 0))  # [t c, k]

    width = len(taps(window)) * c
    images = images_per_chunk(y, g * width, COLUMNS)
    total = summed(in_batch(chunk, g, width * k), images, x, y, (g, width, k))
    return side_by_side(total.reshape(g, *window.size, c, k))


def correlate_kernel_crossed(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """The same, for any number of groups and stride 1 on the first axis: a row of x meets f rows of y, or zeros."""
    g, f, d, n = window.groups, window.size[0], window.dilation[0], window.input[0]
    c, k, reach = x.shape[-1] // g, y.shape[-1] // g, window.span[0] - 1
    (low, high), others, zero = window.padding[0], window.padding[1:], jnp.zeros((), y.dtype)
    within = replace(window, padding=((0, 0), *others))

    def chunk(x: jax.Array, y: jax.Array) -> jax.Array:
        x = pad(x, within)  # [images, input, *padded, c]
        for axis in reversed(range(1, len(window.size))):
            x = side_by_side(shifted(x, window, axis, axis + 1))
        y = lax.pad(y, zero, [(0, 0, 0), (reach - low, reach - high, 0), *((0, 0, 0),) * (y.ndim - 2)])
        y = side_by_side([lax.slice_in_dim(y, reach - d * t, reach - d * t + n, axis=1) for t in range(f)])
        return over_positions(x, y)  # [t c, f k], over [images, input, *output of the other axes]

    width = len(taps(window)) // f * c
    images = images_per_chunk(y, g * (width + f * k), COLUMNS)
    total = summed(in_batch(chunk, g, width * f * k), images, x, y, (g, width, f * k))
    return side_by_side(jnp.moveaxis(total.reshape(g, *window.size[1:], c, f, k), -2, 1))


def over_positions(a: jax.Array, b: jax.Array) -> jax.Array:
    """sum over n, o of a[n, *o, i] b[n, *o, j]. The fewer of i and j are the rows: 32 x 128 takes half of 128 x 32."""
    a, b = a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])
    return contract(a, b, (0, 0)) if a.shape[1] <= b.shape[1] else contract(b, a, (0, 0)).T  # [i, j]


def in_batch(
    chunk: Callable[[jax.Array, jax.Array], jax.Array], g: int, size: int
) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """The function of some images of one group, for each of g groups: [g, ..], summed over parts of the images.

    `size` is how many numbers the function results in. A single part of one group is no batch of one: crossed, 16 to 16
    channels at 32x32 would take 10 ms instead of 6.
    """

    def apart(a: jax.Array, part: int) -> jax.Array:
        a = a.reshape(-1, part, *a.shape[1:-1], g, a.shape[-1] // g)
        return jnp.moveaxis(a, -2, 1)  # [parts, g, images, .., channels]

    def of_all(x: jax.Array, y: jax.Array) -> jax.Array:
        part = images_per_product(y, size, g)
        if part == len(y) and g == 1:
            return chunk(x, y)[None]
        return jnp.sum(jax.vmap(jax.vmap(chunk))(apart(x, part), apart(y, part)), 0)

    return of_all


def images_per_product(y: jax.Array, size: int, g: int) -> int:
    """So that a product has enough to do and a batch not too many results; all images where no divisor comes near."""
    n, positions = y.shape[0], prod(y.shape[1:-1])
    wanted = max(max(PART, WORK // size) // positions, n * g * size // RESULTS)
    part = images_within(n, wanted)
    return part if 2 * part >= wanted else n


def images_per_chunk(y: jax.Array, width: int, most: int) -> int:
    """As many images as keep `width` numbers for each of y's positions within bounds."""
    n, positions = y.shape[0], prod(y.shape[1:-1])
    within = min(POSITIONS, most // width) // positions
    return images_within(n, within if n * positions * width <= AT_ONCE else min(within, n // 2))


def shifted(x: jax.Array, window: Window, axis: int, at: int) -> list[jax.Array]:
    """What each tap of one spatial axis meets; that axis is axis `at` of x."""
    d, s, last = window.dilation[axis], window.stride[axis], window.stride[axis] * (window.output[axis] - 1)
    return [lax.slice_in_dim(x, d * t, d * t + last + 1, s, at) for t in range(window.size[axis])]
