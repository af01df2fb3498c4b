"""Where XLA's fusion has to be stopped.

XLA computes a cheap elementwise chain again inside each of its users. For the winners of a max pool, which the backward
pass compares with every tap, that is the square of the work: a 3x3 pool of stride 1 takes 30 ms instead of 6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax import lax


def once(function: Callable[[jax.Array], Any], x: jax.Array) -> Any:
    """function(x), computed once and stored.

    `lax.optimization_barrier` asks for that, but jaxlib 0.10.1 drops it on CPU before fusing. What does hold there is a
    conditional whose predicate is known at run time only; both of its branches are the function.
    """
    return lax.platform_dependent(
        x,
        cpu=lambda x: lax.cond(x[(0,) * x.ndim] == 0, function, function, x),
        default=lambda x: lax.optimization_barrier(function(x)),
    )
