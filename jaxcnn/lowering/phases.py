"""The input gradient as convolutions of the cotangent, one for each phase of the stride, interleaved.

    x[n, i, c] = sum over t, k of y[n, (i + low - d t) / s, k] w[t, c, k]      where the division is exact

Input i meets output o at tap t when d t = i + low - s o. With i + low = s q + r that asks for d t = r (mod s): with
g = gcd(s, d), every (s/g)-th tap from the first such one, if g divides r; and o falls by d/g from each of them to the
next. So the inputs i = j, j + s, j + 2 s, ... are an ordinary convolution of y at stride 1 with those taps reversed
(seed 2, eq. 4, is the one phase of stride 1). Unlike in a convolution of a y with holes, no zero is multiplied.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import gcd
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.lowering.precision import zeros
from jaxcnn.lowering.window import Window

Contraction = Callable[[jax.Array, jax.Array, Window], jax.Array]


class Phase(NamedTuple):
    """Along one axis, the inputs i = j + s u (u = 0, 1, ...): the taps that meet them, as a convolution of y."""

    taps: range
    dilation: int
    padding: tuple[int, int]


def phases(window: Window, axis: int) -> list[Phase]:
    """One phase for each j in 0..s-1, of ceil(input / s) inputs each."""
    n, f, s, d = window.input[axis], window.size[axis], window.stride[axis], window.dilation[axis]
    outputs, low, g = window.output[axis], window.padding[axis][0], gcd(s, d)
    count = -(-n // s)
    found = []
    for j in range(s):
        q, r = divmod(j + low, s)
        first = next((t for t in range(f) if (d * t - r) % s == 0), f)
        met = range(first, f, s // g)
        newest = q - (d * first - r) // s  # the output that input j meets at the first tap
        oldest = newest - (len(met) - 1) * (d // g)
        found.append(Phase(met, d // g, (-oldest, count + newest - outputs)))
    return found


def correlate_input(y: jax.Array, kernel: jax.Array, window: Window, correlate: Contraction) -> jax.Array:
    """[n, *input, c], with `correlate` for the convolution of each phase."""
    plans = [phases(window, axis) for axis in range(len(window.size))]
    swapped = swap_channels(kernel, window.groups)  # [*window, k // groups, c]
    parts = [correlate_phase(y, swapped, plan, window, correlate) for plan in product(*plans)]
    for axis in reversed(range(len(plans))):
        s, n = window.stride[axis], window.input[axis]
        parts = [interleave(parts[i : i + s], axis + 1, n) for i in range(0, len(parts), s)]
    return parts[0]


def correlate_phase(
    y: jax.Array, swapped: jax.Array, plan: tuple[Phase, ...], window: Window, correlate: Contraction
) -> jax.Array:
    """The inputs of one phase per axis: [n, *ceil(input / stride), c]."""
    if not all(phase.taps for phase in plan):
        count = (-(-n // s) for n, s in zip(window.input, window.stride, strict=True))
        return zeros((y.shape[0], *count, swapped.shape[-1]), y, swapped)
    rotated = swapped[tuple(slice(phase.taps.start, None, phase.taps.step) for phase in plan)]
    rotated = jnp.flip(rotated, range(len(plan)))
    where = Window(
        window.output,
        tuple(len(phase.taps) for phase in plan),
        (1,) * len(plan),
        tuple(phase.padding for phase in plan),
        tuple(phase.dilation for phase in plan),
        window.groups,
    )
    return correlate(y, rotated, where)


def swap_channels(kernel: jax.Array, groups: int) -> jax.Array:
    """w[t, c // groups, k] to w[t, k // groups, c]: inputs and outputs trade places within each group."""
    *size, c, k = kernel.shape
    split = kernel.reshape(*size, c, groups, k // groups)
    return jnp.swapaxes(split, -1, -3).reshape(*size, k // groups, groups * c)


def interleave(parts: list[jax.Array], axis: int, n: int) -> jax.Array:
    """Positions j + s u of the result from position u of part j, up to n of them."""
    if len(parts) == 1:
        return parts[0]
    shape = parts[0].shape
    merged = jnp.stack(parts, axis + 1).reshape(*shape[:axis], -1, *shape[axis + 1 :])
    return lax.slice_in_dim(merged, 0, n, axis=axis)
