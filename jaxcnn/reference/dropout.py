"""Dropout in plain `jax.numpy`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def dropout(x: Float[Array, " ..."], key: Array, *, rate: float = 0.5) -> Float[Array, " ..."]:
    """x / (1 - rate) with probability 1 - rate, else 0, drawn anew for every element.

    >>> dropout(jnp.ones(3), jax.random.key(0), rate=0.0).tolist()
    [1.0, 1.0, 1.0]
    """
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0).astype(x.dtype)
