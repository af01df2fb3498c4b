"""Sums are carried in float32 at least, and cast once at the end."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array


def wide(x: Any) -> Array:
    """The same numbers in float32, or in float64 if they have it already."""
    x = jnp.asarray(x)
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
