"""The taps of the first axis side by side in the channels: what is left is a contraction over the other axes.

    of the inputs     X[(n, o1), .., (t1, c)] = x[n, s1 o1 + d1 t1 - low1, .., c]            a volume as its planes
                      y[(n, o1), .., k]       = sum over t, (t1, c) of X[..] W[t, (t1, c), k]
    of the outputs    Y[n, i1, .., (t1, k)]   = sum over t, c of x[n, i1, ..] W[t, c, (t1, k)]
                      y[n, o1, .., k]         = sum over t1 of Y[n, o1 + d1 t1 - low1, .., (t1, k)]        for s1 = 1

with t the taps of the other axes. XLA's convolutions on CPU are fast for two spatial axes, not for three. Of the
outputs nothing is copied beforehand, no row of padding is multiplied, and few channels are more to multiply at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from math import prod

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.lowering.chunks import images_within, summed_late
from jaxcnn.lowering.fusion import stored
from jaxcnn.lowering.taps import shifted, side_by_side
from jaxcnn.lowering.window import Window

Contraction = Callable[[jax.Array, jax.Array, Window], jax.Array]

INPUTS = 2**22  # numbers of X in a kernel gradient, at most: 2 volumes of 16 at 64x64x64 84 MB, at once 135 MB


def flat(window: Window) -> Window:
    """The same window without its first axis."""
    axes = {name: getattr(window, name)[1:] for name in ("input", "size", "stride", "padding", "dilation")}
    return replace(window, **axes)


def planes(x: jax.Array) -> jax.Array:
    """x[n, i1, i2, i3, c] as [(n, i1), i2, i3, c]."""
    return x.reshape(-1, *x.shape[2:])


def moved(x: jax.Array, by: int, length: int) -> jax.Array:
    """x[n, i1 - by, ..] for so many rows or planes i1, 0 where there is none."""
    ends = ((0, 0, 0), (by, length - by - x.shape[1], 0), *((0, 0, 0),) * (x.ndim - 2))
    return lax.pad(x, jnp.zeros((), x.dtype), ends)


def inputs(x: jax.Array, window: Window) -> jax.Array:
    """X[(n, o1), i2, i3, (t1, c)]."""
    met = window.stride[0] * (window.output[0] - 1) + window.span[0]
    return planes(side_by_side(shifted(moved(x, window.padding[0][0], met), window, 0, 1)))


def correlate_by_inputs(x: jax.Array, kernel: jax.Array, window: Window, contraction: Contraction) -> jax.Array:
    """y[n, *output, k], by `contraction` over the last two axes."""
    stacked = jnp.moveaxis(kernel, 0, -3).reshape(*window.size[1:], -1, kernel.shape[-1])  # [t2, t3, (t1, c), k]
    return contraction(inputs(x, window), stacked, flat(window)).reshape(len(x), *window.output, -1)


def correlate_by_outputs(x: jax.Array, kernel: jax.Array, window: Window, contraction: Contraction) -> jax.Array:
    """The same for any number of axes and stride 1 on the first, by `contraction` with one tap there."""
    (f, *others), k, (low, _) = window.size, kernel.shape[-1], window.padding[0]
    one = replace(window, size=(1, *others), padding=((0, 0), *window.padding[1:]))
    stacked = jnp.moveaxis(kernel, 0, -2).reshape(1, *others, -1, f * k)  # [1, t, c, (t1, k)]
    y = contraction(x, stacked, one).reshape(*x.shape[:2], *window.output[1:], f, k)
    starts = [low - window.dilation[0] * t for t in range(f)]
    return stored(reduce(jnp.add, (moved(y[..., t, :], start, window.output[0]) for t, start in enumerate(starts))))


def correlate_kernel(x: jax.Array, y: jax.Array, window: Window, contraction: Contraction) -> jax.Array:
    """w[*window, c, k], by `contraction` over the last two axes, a few volumes at a time."""

    def chunk(x: jax.Array, y: jax.Array) -> jax.Array:
        return contraction(inputs(x, window), planes(y), flat(window))  # [t2, t3, (t1, c), k]

    f, c, k = window.size[0], x.shape[-1], y.shape[-1]
    volumes = images_within(len(x), INPUTS // (f * window.output[0] * prod(x.shape[2:])))
    stacked = summed_late(chunk, volumes, x, y, (*window.size[1:], f * c, k))
    return jnp.moveaxis(stacked.reshape(*window.size[1:], f, c, k), -3, 0)
