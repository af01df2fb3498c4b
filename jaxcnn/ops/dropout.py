r"""Dropout: a random mask, the same forward and backward.

    y = x m / (1 - rate)        dx = dy m / (1 - rate)        m = 1 with probability 1 - rate, else 0

The map is its own transpose, so the rule is its own gradient.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxcnn.ops.arguments import floating
from jaxcnn.ops.rule import Cotangents, Result, rule


def _masked(x: jax.Array, is_kept: jax.Array, *, rate: float) -> jax.Array:
    return jnp.where(is_kept, x / (1 - rate), 0)


def _masked_backward(is_kept: jax.Array, dy: jax.Array, *, rate: float) -> Cotangents:
    return masked(dy, is_kept, rate=rate), None


def _keep_mask(arrays: Any, y: Any) -> jax.Array:
    """The mask, one byte per entry."""
    return arrays[1]


masked = rule(_masked, _masked_backward, _keep_mask, Result.ALIKE)


def dropout(x: Float[Array, "..."], key: Key[Array, ""], *, rate: float = 0.5) -> Float[Array, "..."]:
    r"""Zero each entry with probability `rate` and divide the others by 1 - rate, which keeps the mean.

    Args:
        x: any shape.
        key: a `jax.random.key`; the same key gives the same mask.
        rate: the share that is dropped, 0 <= rate < 1; 0 is the identity.

    Gradient: dy under the same mask and factor; keeps the mask, one byte per entry.

    Raises:
        ValueError: a rate outside [0, 1).

    Source: Srivastava et al., 2014.

    >>> dropout(jnp.ones(8), jax.random.key(0), rate=0.5)
    Array([0., 0., 2., 2., 0., 2., 2., 0.], dtype=float32)
    """
    if not 0 <= rate < 1:
        raise ValueError(f"dropout: rate is the share to drop, in [0, 1), got {rate}")
    (x,) = floating("dropout", x=x)
    return masked(x, jax.random.bernoulli(key, 1 - rate, x.shape), rate=float(rate))
