"""Groups, one by one: each is a dense contraction of its own channels.

    correlate         y[n, o, (g, k)] = contraction of x[n, i, (g, c)] and w[t, c, (g, k)], for each g
    correlate_kernel  w[t, c, (g, k)] = contraction of x[n, i, (g, c)] and y[n, o, (g, k)], for each g

A group's channels are copied out of all the channels first. For the kernel gradient that is done with a few images at a
time, which stay in cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import prod

import jax
import jax.numpy as jnp

from jaxcnn.lowering.chunks import images_within, summed
from jaxcnn.lowering.window import Window

Contraction = Callable[[jax.Array, jax.Array, Window], jax.Array]
NUMBERS = 2**16  # of a group, per chunk


def correlate(a: jax.Array, b: jax.Array, window: Window, contraction: Contraction) -> jax.Array:
    """The contraction of each group, side by side in the last axis: of both arguments and of the result."""
    alone, g = replace(window, groups=1), window.groups
    pairs = zip(jnp.split(a, g, -1), jnp.split(b, g, -1), strict=True)
    return jnp.concatenate([contraction(x, y, alone) for x, y in pairs], -1)


def correlate_kernel(x: jax.Array, y: jax.Array, window: Window, contraction: Contraction) -> jax.Array:
    """w[*window, c // groups, k], by `contraction` for each group."""
    images = images_within(x.shape[0], NUMBERS * window.groups // prod(x.shape[1:]))
    shape = (*window.size, x.shape[-1] // window.groups, y.shape[-1])
    return summed(partial(correlate, window=window, contraction=contraction), images, x, y, shape)
