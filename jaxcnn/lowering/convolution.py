"""The three contractions of the trilinear form, as sums that XLA runs fast.

    T(x, w, y) = sum over n, o, t, c, k of  x[n, s o + d t - low, c] w[t, c, k] y[n, o, k]

    correlate(x, w)         = dT/dy    [n, *output, k]
    correlate_input(y, w)   = dT/dx    [n, *input, c]
    correlate_kernel(x, y)  = dT/dw    [*window, c // groups, k]

Sums are carried in float32 at least and cast once, at the end.
"""

from __future__ import annotations

from itertools import product
from math import gcd
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.lowering.precision import accumulator
from jaxcnn.lowering.taps import crop, pad, tap, taps
from jaxcnn.lowering.window import Sizes, Window

SPATIAL = {1: "W", 2: "HW", 3: "DHW"}


def correlate(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """y[n, o, k] = sum over t, c of x[n, s o + d t - low, c] w[t, c, k]."""
    return convolution(x, kernel, window.stride, window.padding, window.dilation, window.groups)


def convolution(
    x: jax.Array, kernel: jax.Array, stride: Sizes, padding: tuple[tuple[int, int], ...], dilation: Sizes, groups: int
) -> jax.Array:
    """XLA's own forward convolution, channels last.

    What a negative padding crops is cut off before: with a negative low and a positive high padding XLA's CPU
    convolution reads outside its input (openxla/xla#48713, wrong in jaxlib 0.10.1).
    """
    axes = SPATIAL[len(stride)]
    return lax.conv_general_dilated(
        crop(x, padding),
        kernel,
        stride,
        [(max(low, 0), max(high, 0)) for low, high in padding],
        rhs_dilation=dilation,
        dimension_numbers=(f"N{axes}C", f"{axes}IO", f"N{axes}C"),
        feature_group_count=groups,
        preferred_element_type=accumulator(x.dtype),
    ).astype(x.dtype)  # [n, *output, k]


class Phase(NamedTuple):
    """Along one axis, the inputs i = j + s u (u = 0, 1, ...): the taps that meet them, as a convolution of y."""

    taps: range
    dilation: int
    padding: tuple[int, int]


def phases(window: Window, axis: int) -> list[Phase]:
    """One phase for each j in 0..s-1.

    Input i meets output o at tap t when d t = i + low - s o. With i + low = s q + r that asks for d t = r (mod s):
    with g = gcd(s, d), every (s/g)-th tap from the first such one, if g divides r; and o falls by d/g from each of them
    to the next.
    """
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


def correlate_input(y: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """x[n, i, c] = sum over t, k of y[n, (i + low - d t) / s, k] w[t, c, k], where the division is exact.

    Each phase of the inputs is an ordinary convolution of y at stride 1 with its taps reversed (seed 2, eq. 4, is the
    one phase of stride 1); the phases are then interleaved. Unlike in a convolution of a y with holes, no zero is
    multiplied.
    """
    plans = [phases(window, axis) for axis in range(len(window.size))]
    swapped = swap_channels(kernel, window.groups)  # [*window, k // groups, c]
    parts = [correlate_phase(y, swapped, plan, window) for plan in product(*plans)]
    for axis in reversed(range(len(plans))):
        s, n = window.stride[axis], window.input[axis]
        parts = [interleave(parts[i : i + s], axis + 1, n) for i in range(0, len(parts), s)]
    return parts[0]  # [n, *input, c]


def correlate_phase(y: jax.Array, swapped: jax.Array, plan: tuple[Phase, ...], window: Window) -> jax.Array:
    """The inputs of one phase per axis: [n, *ceil(input / stride), c]."""
    if not all(phase.taps for phase in plan):
        count = (-(-n // s) for n, s in zip(window.input, window.stride, strict=True))
        return jnp.zeros((y.shape[0], *count, swapped.shape[-1]), y.dtype)
    rotated = swapped[tuple(slice(phase.taps.start, None, phase.taps.step) for phase in plan)]
    rotated = jnp.flip(rotated, range(len(plan)))
    ones = (1,) * len(plan)
    return convolution(y, rotated, ones, tuple(p.padding for p in plan), tuple(p.dilation for p in plan), window.groups)


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


def correlate_kernel(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """w[t, c, k] = sum over n, o of x[n, s o + d t - low, c] y[n, o, k]: one matrix product per tap."""
    padded, g = pad(x, window), window.groups
    grouped_y = split_channels(y, g)  # [n o, g, k // g]
    rows = [
        lax.dot_general(
            split_channels(tap(padded, window, t), g),
            grouped_y,
            (((0,), (0,)), ((1,), (1,))),
            preferred_element_type=accumulator(x.dtype),
        )  # [g, c // g, k // g]
        for t in taps(window)
    ]
    kernel = jnp.stack(rows)  # [t, g, c // g, k // g]
    c, k = x.shape[-1] // g, y.shape[-1]
    return jnp.swapaxes(kernel, 1, 2).reshape(*window.size, c, k).astype(x.dtype)


def split_channels(x: jax.Array, groups: int) -> jax.Array:
    """[n, *spatial, c] to [positions, groups, c // groups]."""
    return x.reshape(-1, groups, x.shape[-1] // groups)
