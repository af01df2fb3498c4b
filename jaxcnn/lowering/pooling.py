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

from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxcnn.lowering.fusion import once
from jaxcnn.lowering.moves import by_place, spread
from jaxcnn.lowering.precision import accumulator
from jaxcnn.lowering.taps import pad, tap, taps
from jaxcnn.lowering.window import Window


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

    The first of equal values in row-major order wins, the first NaN wins over everything, padding never wins.
    """
    return once(partial(first_largest, window=window), x)


def first_largest(x: jax.Array, window: Window) -> tuple[jax.Array, jax.Array]:
    """NaN if there is any, or else the largest value; then the first tap at which it stands."""
    padded = pad(x, window, -jnp.inf)
    values = [tap(padded, window, t) for t in taps(window)]
    # Without regard to NaN; `lax.max` would share between equal values what is differentiated through it.
    largest = reduce(lambda best, value: lax.select(lax.gt(value, best), value, best), values)
    best = lax.select(reduce(lax.bitwise_or, map(is_nan, values)), lax.full_like(largest, jnp.nan), largest)
    winner, dtype = lax.full_like(best, 0, index_dtype(window)), index_dtype(window)
    is_before = lax.full_like(best, True, bool)
    for value in values[:-1]:  # the winner's number is how many taps come before it
        is_before = lax.bitwise_and(is_before, lax.bitwise_and(lax.ne(value, best), lax.eq(value, value)))
        winner = lax.add(winner, lax.convert_element_type(is_before, dtype))
    # Padding comes before only where it equals the largest value: minus infinity.
    return best, lax.max(winner, jnp.broadcast_to(first_inside(window).astype(dtype), winner.shape))


def is_nan(value: jax.Array) -> jax.Array:
    return lax.ne(value, value)


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
