"""Strides as blocks: s neighbouring inputs per axis become channels of one, and the stride is gone.

    X[n, u, (r, c)] = x[n, s u + r - low, c]      W[q, (r, c), k] = w[s q + r, c, k]      0 <= r < s per axis

    y[n, o, k] = sum over q, r, c of X[n, o + q, (r, c)] W[q, (r, c), k]

A window that the stride does not divide is filled up with zero taps. The input gradient is then one contraction of
ceil(f / s) taps per axis, where the phases of the stride would be s contractions per axis. The kernel gradient is one
of stride 1, of which what belongs to the zero taps is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.lowering.window import Sizes, Window

Contraction = Callable[[jax.Array, jax.Array, Window], jax.Array]


def blocked(window: Window) -> Window:
    """The window of stride 1 over blocks of its stride, without padding."""
    size = tuple(-(-f // s) for f, s in zip(window.size, window.stride, strict=True))
    blocks = tuple(o + q - 1 for o, q in zip(window.output, size, strict=True))
    ones = (1,) * len(size)
    return Window(blocks, size, ones, ((0, 0),) * len(size), ones)


def correlate_input(y: jax.Array, kernel: jax.Array, window: Window, contraction: Contraction) -> jax.Array:
    """x[n, *input, c] from y[n, *output, k], by `contraction` for the same sum over blocks."""
    inner = blocked(window)
    x = spread(contraction(y, blocks_of_kernel(kernel, window), inner), window.stride)  # [n, *blocks * stride, c]
    sizes = zip(window.padding, inner.input, window.stride, window.input, strict=True)
    crop = [(-low, n + low - u * s, 0) for (low, _), u, s, n in sizes]
    return lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), *crop, (0, 0, 0)))  # [n, *input, c]


def correlate_kernel(x: jax.Array, y: jax.Array, window: Window, contraction: Contraction) -> jax.Array:
    """w[*window, c, k] from x[n, *input, c] and y[n, *output, k], by `contraction` for the same sum over blocks."""
    inner = blocked(window)
    sizes = zip(window.padding, inner.input, window.stride, window.input, strict=True)
    fit = [(low, u * s - n - low, 0) for (low, _), u, s, n in sizes]
    x = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), *fit, (0, 0, 0)))  # [n, *blocks * stride, c]
    blocks = jnp.moveaxis(contraction(gather(x, window.stride), y, inner), -1, 0)  # [k, *taps, (r, c)]
    kernel = jnp.moveaxis(spread(blocks, window.stride), 0, -1)  # [*taps * stride, c, k]
    return kernel[tuple(slice(f) for f in window.size)]


def blocks_of_kernel(kernel: jax.Array, window: Window) -> jax.Array:
    """W[*taps, (r, c), k]."""
    sizes = zip(blocked(window).size, window.stride, window.size, strict=True)
    fill = [(0, q * s - f, 0) for q, s, f in sizes]
    filled = lax.pad(kernel, jnp.zeros((), kernel.dtype), (*fill, (0, 0, 0), (0, 0, 0)))  # [*taps * stride, c, k]
    return jnp.moveaxis(gather(jnp.moveaxis(filled, -1, 0), window.stride), 0, -1)


def gather(a: jax.Array, stride: Sizes) -> jax.Array:
    """a[n, *(u s + r), c] as a[n, *u, (r of the last axis, .., r of the first, c)], one axis at a time."""
    for axis, s in enumerate(stride, 1):
        a = a.reshape(*a.shape[:axis], a.shape[axis] // s, s, *a.shape[axis + 1 :])
        a = jnp.moveaxis(a, axis + 1, -2)  # [n, .., u, .., s, c]
        a = a.reshape(*a.shape[:-2], -1)
    return a


def spread(a: jax.Array, stride: Sizes) -> jax.Array:
    """The way back of `gather`."""
    for axis, s in reversed(list(enumerate(stride, 1))):
        a = a.reshape(*a.shape[:-1], s, a.shape[-1] // s)
        a = jnp.moveaxis(a, -2, axis + 1)  # [n, .., u, s, .., c]
        a = a.reshape(*a.shape[:axis], a.shape[axis] * s, *a.shape[axis + 2 :])
    return a
