"""Which outputs depend on which inputs: the support of a Jacobian, and how much of it is filled.

Seed 3, exercise 4c: in a dense layer unit-to-unit connections are dense and weight-to-unit connections sparse; in a
convolution it is the other way round.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def support(function: Callable[[Any], jax.Array], x: Any) -> np.ndarray:
    """Where d function / d x is not zero at x, [*output, *x].

    A derivative that happens to vanish at x is counted as no connection: give an x in general position.

    >>> support(lambda x: x[1:] * x[:-1], jnp.array([1.0, 2.0, 3.0])).astype(int).tolist()
    [[1, 1, 0], [0, 1, 1]]
    """
    return np.asarray(jax.jit(jax.jacrev(function))(jnp.asarray(x))) != 0


def density(function: Callable[[Any], jax.Array], x: Any) -> float:
    """The filled share of the Jacobian at x.

    >>> density(lambda x: 2 * x, jnp.ones(4))
    0.25
    """
    return float(support(function, x).mean())
