"""A few images at a time: what is built from them stays in cache, and its buffer is used again for the next few.

    mapped(f, images, x)       f(x) for a function that treats each image alone
    summed(f, images, x, y)    f(x, y) for a function that sums over images

`images` divides the batch. One chunk is the plain call; more are a `lax.scan`. A batch that may be spread over devices
is one chunk (see mesh.py).
"""

from __future__ import annotations

from collections.abc import Callable

import jax
from jax import lax

from jaxcnn.lowering.mesh import is_spread
from jaxcnn.lowering.precision import zeros


def images_within(n: int, most: int) -> int:
    """The largest divisor of n images that is at most `most`, or 1; all n where they may be spread over devices."""
    return n if is_spread() else max(m for m in range(1, n + 1) if n % m == 0 and (m == 1 or m <= most))


def split(a: jax.Array, images: int) -> jax.Array:
    """a[n, ..] as [n / images, images, ..]."""
    return a.reshape(-1, images, *a.shape[1:])


def mapped(function: Callable[[jax.Array], jax.Array], images: int, x: jax.Array) -> jax.Array:
    """function(x), chunk by chunk, for an output [n, ..] of which each image depends on one image of x."""
    if images == x.shape[0]:
        return function(x)
    y = lax.map(function, split(x, images))
    return y.reshape(-1, *y.shape[2:])


def summed(function: Callable[[jax.Array, jax.Array], jax.Array], images: int, x: jax.Array, y: jax.Array) -> jax.Array:
    """function(x, y), chunk by chunk, for a sum over images of x and y."""
    if images == x.shape[0]:
        return function(x, y)

    def add(total: jax.Array, chunk: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        return total + function(*chunk), None

    chunks = (split(x, images), split(y, images))
    shape = jax.eval_shape(function, *(a[0] for a in chunks)).shape
    return lax.scan(add, zeros(shape, x, y), chunks)[0]
