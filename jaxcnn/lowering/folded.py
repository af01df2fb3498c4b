"""Three spatial axes as two: what the taps of the first axis meet is laid side by side in the channels.

    X[(n, o1), i2, i3, (t1, c)] = x[n, s1 o1 + d1 t1 - low1, i2, i3, c]
    W[t2, t3, (t1, c), k]       = w[t1, t2, t3, c, k]

    y[(n, o1), o2, o3, k] = sum over t2, t3, (t1, c) of X[(n, o1), s o + d t - low, (t1, c)] W[t, (t1, c), k]

f1 times the images and f1 times the channels: XLA's convolutions on CPU are fast for two spatial axes, not for three.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.lowering.taps import side_by_side
from jaxcnn.lowering.window import Window

Contraction = Callable[[jax.Array, jax.Array, Window], jax.Array]


def flat(window: Window) -> Window:
    """The same window without its first axis."""
    axes = {name: getattr(window, name)[1:] for name in ("input", "size", "stride", "padding", "dilation")}
    return replace(window, **axes)


def fold(x: jax.Array, window: Window) -> jax.Array:
    """x[n, i1, i2, i3, c] as X[(n, o1), i2, i3, (t1, c)]."""
    s, d, last = window.stride[0], window.dilation[0], window.stride[0] * (window.output[0] - 1)
    x = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), (*window.padding[0], 0), *((0, 0, 0),) * (x.ndim - 2)))
    planes = [lax.slice_in_dim(x, d * t, d * t + last + 1, s, axis=1) for t in range(window.size[0])]
    return side_by_side(planes).reshape(-1, *x.shape[2:-1], len(planes) * x.shape[-1])


def correlate(x: jax.Array, kernel: jax.Array, window: Window, contraction: Contraction) -> jax.Array:
    """y[n, *output, k], by `contraction` over the last two axes."""
    k = kernel.shape[-1]
    stacked = jnp.moveaxis(kernel, 0, -3).reshape(*window.size[1:], -1, k)  # [t2, t3, (t1, c), k]
    return contraction(fold(x, window), stacked, flat(window)).reshape(x.shape[0], *window.output, k)


def correlate_kernel(x: jax.Array, y: jax.Array, window: Window, contraction: Contraction) -> jax.Array:
    """w[*window, c, k], by `contraction` over the last two axes."""
    k = y.shape[-1]
    stacked = contraction(fold(x, window), y.reshape(-1, *y.shape[2:]), flat(window))  # [t2, t3, (t1, c), k]
    return jnp.moveaxis(stacked.reshape(*window.size[1:], window.size[0], -1, k), -3, 0)
