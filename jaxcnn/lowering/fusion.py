"""Where XLA must be told what is computed once and what is computed again.

XLA computes a cheap elementwise chain again inside each of its users. The other way round, what a backward pass
computes a second time, so that it need not be kept, XLA finds to be the same and keeps.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax


def stored(x: jax.Array) -> jax.Array:
    """x, real numbers, computed once where several use it.

    A chain is computed again inside each of its users unless one of its operations is expensive, like a division. So x
    is divided by 1; or by 2 where it is NaN and stays so, lest XLA leaves the division out.
    """

    def divided(x: jax.Array) -> jax.Array:
        return x / lax.select(lax.eq(x, x), lax.full_like(x, 1), lax.full_like(x, 2))

    return lax.platform_dependent(x, cpu=divided, default=lambda x: x)


def after(x: jax.Array, y: jax.Array) -> jax.Array:
    """x, but not before y is known: nothing computed from it can be computed earlier, or be an earlier result kept.

    To each number -0 is added, which changes none. It is minus the smaller of 0 and of 0 or 1, as the first number of y
    says: always the same, but not for XLA.
    """
    return x - jnp.minimum((y[(0,) * y.ndim] == 0).astype(x.dtype), 0)
