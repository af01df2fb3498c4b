"""Groups, one by one: each is a dense contraction of its own channels.

y[n, o, (g, k)] = contraction of x[n, i, (g, c)] and w[t, c, (g, k)], for each g; or
w[t, c, (g, k)] = contraction of x[n, i, (g, c)] and y[n, o, (g, k)], for each g
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp

from jaxcnn.lowering.taps import side_by_side
from jaxcnn.lowering.window import Window

Contraction = Callable[[jax.Array, jax.Array, Window], jax.Array]


def one_by_one(a: jax.Array, b: jax.Array, window: Window, contraction: Contraction) -> jax.Array:
    """The contraction of each group, side by side in the last axis: of both arguments and of the result."""
    alone, g = replace(window, groups=1), window.groups
    pairs = zip(jnp.split(a, g, -1), jnp.split(b, g, -1), strict=True)
    return side_by_side([contraction(x, y, alone) for x, y in pairs])
