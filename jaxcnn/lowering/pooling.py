"""Sums and maxima over windows, one tap at a time, and their transposes.

    window_sum(x)[o]           = sum over t of x[s o + d t - low]
    window_spread(y)[i]        = sum over t, o with s o + d t - low = i of y[o]          its transpose
    window_max(x)[o]           = the largest of those x, with the tap t at which it stands
    pick(winner, x)[o]         = x[s o + d t - low] at t = winner[o]
    put_back(winner, y)[i]     = sum over o whose winner is i of y[o]                    its transpose

An elementwise chain over shifted slices, on the way back over shifted blocks (moves.py): XLA fuses it into one pass.
No scatter, so results do not depend on the order of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxcnn.lowering.moves import by_place, spread
from jaxcnn.lowering.precision import accumulator
from jaxcnn.lowering.taps import pad, tap, taps
from jaxcnn.lowering.window import Window

Met = tuple[jax.Array, jax.Array]  # what a tap meets, or the largest of several: values and taps, [n, *output, c]
CHAIN, MOST = 5, 32  # taps of a chain, and of a reduction


def window_sum(x: jax.Array, window: Window) -> jax.Array:
    """The sum under each window, padding counting as zero: [n, *output, c] in the accumulator's dtype."""
    is_whole = window.size == window.input and not any(map(any, window.padding))
    if is_whole:  # one sum, instead of a term for each tap
        return jnp.sum(x, tuple(range(1, x.ndim - 1)), dtype=accumulator(x.dtype), keepdims=True)
    padded = pad(x.astype(accumulator(x.dtype)), window)
    return reduce(lax.add, (tap(padded, window, t) for t in taps(window)))


def window_spread(y: jax.Array, window: Window) -> jax.Array:
    """Every y to all the inputs of its window: [n, *input, c] in the accumulator's dtype."""

    def share(tap: np.ndarray, y: jax.Array) -> jax.Array:
        return y if tap.min() >= 0 else lax.select(by_place(tap >= 0, y), y, lax.full_like(y, 0))

    return spread(share, window, y.astype(accumulator(y.dtype)))


def index_dtype(window: Window) -> np.dtype:
    """The smallest integer that counts the window's taps: one byte up to 128 of them."""
    return np.min_scalar_type(-int(np.prod(window.size)))


def first_inside(window: Window) -> np.ndarray:
    """Per output position, the first tap that stands on an input and not on padding: [*output, 1]."""
    first = np.zeros(window.output, int)
    for axis, size in enumerate(window.size):
        start = window.inside(axis).argmax(1)  # [output]
        first = first * size + start.reshape(-1, *(1,) * (len(window.size) - axis - 1))
    return first[..., None]


def window_max(x: jax.Array, window: Window) -> tuple[jax.Array, jax.Array]:
    """The maximum under each window and the index of its tap; both [n, *output, c].

    The first of equal values in row-major order wins, the first NaN wins over everything, padding never wins. XLA must
    not compute the winners again in each of their users: the backward pass compares them with every tap, and that would
    be the square of the work (a 3x3 pool of stride 1 took 80 ms).
    """

    def barred(x: jax.Array) -> Met:
        return lax.optimization_barrier(reduce(larger, met_by_taps(x, window)))

    def reduced(x: jax.Array) -> Met:
        return first_largest(met_by_taps(x, window))

    return lax.platform_dependent(x, cpu=reduced, default=barred)


def met_by_taps(x: jax.Array, window: Window) -> list[Met]:
    """For every tap the values that it meets and its index; the first has that of the first tap on no padding."""
    padded, dtype = pad(x, window, -jnp.inf), index_dtype(window)
    values = [tap(padded, window, t) for t in taps(window)]
    first = jnp.broadcast_to(first_inside(window).astype(dtype), values[0].shape)
    return [(values[0], first), *((value, lax.full_like(value, t, dtype)) for t, value in enumerate(values[1:], 1))]


def larger(first: Met, second: Met) -> Met:
    """The first unless the second is larger, or the first to be NaN."""
    (a, of_a), (b, of_b) = first, second
    is_second = lax.bitwise_or(lax.gt(b, a), lax.bitwise_and(lax.ne(b, b), lax.eq(a, a)))
    return lax.select(is_second, b, a), lax.select(is_second, of_b, of_a)


def first_largest(met: Sequence[Met]) -> Met:
    """The first of the largest, in one pass over x: a reduction with two results, of a few chains of taps.

    XLA's CPU code computes the two results of a chain in a pass each, and again in each of their users; those of a
    reduction together and once. LLVM writes out a reduction of few and short chains (64 channels at 32x32, 3x3, stride
    2: 1.1 ms, and 2.3 in two passes); of 9 chains, or of more than 32 taps, it writes a loop that takes 27 ms.
    """
    if len(met) > MOST:
        return first_largest([first_largest(met[start : start + MOST]) for start in range(0, len(met), MOST)])
    length = min(CHAIN, -(-len(met) // 2))
    chains = [reduce(larger, met[start : start + length]) for start in range(0, len(met), length)]
    values, winners = (jnp.stack(each, -2) for each in zip(*chains, strict=True))  # [n, *output, chains, c]

    def later(first: Met, second: Met) -> Met:
        value, winner = larger(first, second)
        is_nothing = lax.lt(first[1], lax.full_like(first[1], 0))
        return lax.select(is_nothing, second[0], value), lax.select(is_nothing, second[1], winner)

    nothing = jnp.asarray(-jnp.inf, values.dtype), jnp.asarray(-1, winners.dtype)
    best, winner = lax.reduce((values, winners), nothing, later, (values.ndim - 2,))
    return best, winner  # [n, *output, c]


def pick(winner: jax.Array, x: jax.Array, window: Window) -> jax.Array:
    """From each window the value at its winner: [n, *output, c]."""
    padded = pad(x, window)
    met = enumerate(tap(padded, window, t) for t in taps(window))
    return reduce(lax.add, (where_it_is(lax.full_like(winner, index), winner, values) for index, values in met))


def put_back(winner: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """Each y to the input that won its window; where windows overlap the contributions add: [n, *input, c]."""

    def share(tap: np.ndarray, winner: jax.Array, y: jax.Array) -> jax.Array:
        return where_it_is(by_place(tap.astype(winner.dtype), winner), winner, y)

    return spread(share, window, winner, y.astype(accumulator(y.dtype))).astype(y.dtype)


def where_it_is(tap: jax.Array, winner: jax.Array, values: jax.Array) -> jax.Array:
    """The values at outputs whose winner is that tap, else 0."""
    return lax.select(lax.eq(winner, tap), values, lax.full_like(values, 0))
