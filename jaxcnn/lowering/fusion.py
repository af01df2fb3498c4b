"""Where XLA must be told what is computed once and what is computed again.

XLA computes a cheap elementwise chain again inside each of its users. For the winners of a max pool, which the backward
pass compares with every tap, that is the square of the work: a 3x3 pool of stride 1 takes 80 ms instead of 9. The other
way round, what a backward pass computes a second time, so that it need not be kept, XLA finds to be the same and keeps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.lowering.mesh import is_spread


def once(function: Callable[[jax.Array], Any], x: jax.Array) -> Any:
    """function(x), computed once and stored.

    `lax.optimization_barrier` asks for that, but jaxlib 0.10.1 drops it on CPU before fusing. What does hold there is a
    conditional whose predicate is known at run time only; both of its branches are the function. Real numbers need none
    (see `stored`). Where x may be spread over devices, the predicate would have to be sent to all of them.
    """

    def barred(x: jax.Array) -> Any:
        return lax.optimization_barrier(function(x))

    def branched(x: jax.Array) -> Any:
        return lax.cond(x[(0,) * x.ndim] == 0, function, function, x)

    return barred(x) if is_spread() else lax.platform_dependent(x, cpu=branched, default=barred)


def stored(x: jax.Array) -> jax.Array:
    """x, real numbers, computed once where several use it; on CPU, without a conditional.

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
