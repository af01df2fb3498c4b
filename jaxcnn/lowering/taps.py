"""The taps of a window: the inputs that each of them meets.

    tap(x, t)[n, o, c] = x[n, s o + d t - low, c]        a strided slice of the padded input
    shifted(x)[t][.., o, ..]   = x[.., s o + d t, ..]      one axis of it, for each of its taps
    nearest(x, at)[n, *at, c]                            at any positions, the edge for those outside
    side_by_side(taps)[n, o, (t, c)]                     several of them as the channels of one
    in_runs(x)[n, i, run, 8]                             channels as XLA copies them fast

XLA fuses all of them into what surrounds them. The way back, from inputs to outputs, is in moves.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxcnn.lowering.window import Sizes, Window


def taps(window: Window) -> list[Sizes]:
    """Every tap of the window, in row-major order."""
    return list(product(*map(range, window.size)))


def pad(x: jax.Array, window: Window, value: Any = 0) -> jax.Array:
    """x[n, *input, ..] with the window's padding; a negative padding crops."""
    spatial, others = [(*p, 0) for p in window.padding], [(0, 0, 0)] * (x.ndim - 1 - len(window.padding))
    return lax.pad(x, jnp.asarray(value, x.dtype), ((0, 0, 0), *spatial, *others))


def crop(x: jax.Array, padding: Sequence[tuple[int, int]]) -> jax.Array:
    """x[n, *input, c] without what the negative numbers of a padding cut off."""
    for axis, (low, high) in enumerate(padding, 1):
        x = lax.slice_in_dim(x, max(-low, 0), x.shape[axis] - max(-high, 0), axis=axis)
    return x


def tap(padded: jax.Array, window: Window, t: Sizes) -> jax.Array:
    """What tap t meets: padded[n, s o + d t, c] for every output position o."""
    start = tuple(d * i for d, i in zip(window.dilation, t, strict=True))
    limit = tuple(a + s * (o - 1) + 1 for a, s, o in zip(start, window.stride, window.output, strict=True))
    n, c = padded.shape[0], padded.shape[-1]
    return lax.slice(padded, (0, *start, 0), (n, *limit, c), (1, *window.stride, 1))  # [n, *output, c]


def shifted(x: jax.Array, window: Window, axis: int, at: int) -> list[jax.Array]:
    """What each tap of one spatial axis meets; that axis is axis `at` of x."""
    d, s, last = window.dilation[axis], window.stride[axis], window.stride[axis] * (window.output[axis] - 1)
    return [lax.slice_in_dim(x, d * t, d * t + last + 1, s, at) for t in range(window.size[axis])]


def nearest(x: jax.Array, *at: np.ndarray) -> jax.Array:
    """x[n, *at, ..], with the nearest position for those outside of x."""
    if not at:
        return x
    index = np.stack(np.broadcast_arrays(*at), -1, dtype=np.int32)
    axes, first, last = tuple(range(1, len(at) + 1)), x.shape[:1], x.shape[len(at) + 1 :]
    numbers = lax.GatherDimensionNumbers((0, *range(index.ndim, index.ndim + len(last))), axes, axes)
    return lax.gather(x, index, numbers, (*first, *(1 for _ in at), *last), mode="clip")


def side_by_side(parts: Sequence[jax.Array] | jax.Array, axis: int = -1) -> jax.Array:
    """parts[p][.., c] as one array [.., (p, c)]; or with runs of channels, along axis -2.

    Stacked before that axis and not joined in it: a join of last axes is a pass of its own over numbers written down
    before, from jaxlib 0.12.0 on (kernel gradients of few channels then take 1.2 to 1.5 times as long).
    """
    stacked = jnp.stack(parts, axis - 1)
    return stacked.reshape(*stacked.shape[: axis - 1], -1, *stacked.shape[stacked.ndim + axis + 1 :])


def in_runs(a: jax.Array) -> jax.Array:
    """a[.., c] as [.., runs, 8], or as one run where 8 does not divide c.

    Runs of 8 LLVM copies as vectors; 16 to 96 numbers one by one, in code that compiles up to three times as long.
    """
    c = a.shape[-1]
    return a.reshape(*a.shape[:-1], -1, 8 if c % 8 == 0 else c)
