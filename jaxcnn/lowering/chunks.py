"""A few images at a time: what is built from them stays in cache, and its buffer is used again for the next few.

    mapped(f, images, x)       f(x) for a function that treats each image alone
    summed(f, images, x, y)    f(x, y) for a function that sums over images
    summed_late                the same, and nothing is built from x before y is known

`images` divides the batch. One chunk is the plain call; more are a loop. A batch that may be spread over devices
is one chunk (see mesh.py).
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.lowering.fusion import after
from jaxcnn.lowering.mesh import is_spread
from jaxcnn.lowering.precision import zeros

Sum = Callable[[jax.Array, jax.Array], jax.Array]


def images_within(n: int, most: int) -> int:
    """The largest divisor of n images that is at most `most`, or 1; all n where they may be spread over devices."""
    return n if is_spread() else max((m for m in range(1, min(n, most) + 1) if n % m == 0), default=1)


def chunk(a: jax.Array, images: int, i: jax.Array) -> jax.Array:
    """The i-th so many images of a[n, ..]: a slice of a itself, since a reshaped copy would be a second one."""
    chunks = a.reshape(-1, images, *a.shape[1:])
    return lax.dynamic_index_in_dim(chunks, i, keepdims=False, allow_negative_indices=False)


def mapped(function: Callable[[jax.Array], jax.Array], images: int, x: jax.Array) -> jax.Array:
    """function(x), chunk by chunk, for an output [n, ..] of which each image depends on one image of x."""
    if images == x.shape[0]:
        return function(x)
    y = lax.map(lambda i: function(chunk(x, images, i)), jnp.arange(x.shape[0] // images))
    return y.reshape(-1, *y.shape[2:])


def summed(function: Sum, images: int, x: jax.Array, y: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """function(x, y), chunk by chunk, for a sum of that shape over images of x and y."""
    if images == x.shape[0]:
        return function(x, y)

    def add(i: jax.Array, total: jax.Array) -> jax.Array:
        return total + function(chunk(x, images, i), chunk(y, images, i))

    return lax.fori_loop(0, x.shape[0] // images, add, zeros(shape, x, y))


def summed_late(function: Sum, images: int, x: jax.Array, y: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """`summed` for a function that builds much from x. XLA builds what a single chunk needs when x is known, which for
    a kernel gradient is long before y is, and keeps it in memory; a loop starts when both are. (Spread over devices,
    x does not wait: all of them would be told of one number of y.)
    """
    is_single = images == x.shape[0] and not is_spread()
    return summed(function, images, after(x, y) if is_single else x, y, shape)
