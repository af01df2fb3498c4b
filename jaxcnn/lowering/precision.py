"""In which precision sums are carried, and where they start."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def accumulator(dtype: Any) -> Any:
    """float32 at least: float16 and bfloat16 sums are carried in float32 and rounded once, at the end."""
    return jnp.promote_types(dtype, jnp.float32)


def zeros(shape: tuple[int, ...], *terms: jax.Array) -> jax.Array:
    """Zero as wide as the sum of `terms` is carried, varying over the mesh axes they vary on: where a loop starts."""
    wide = accumulator(jnp.result_type(*terms))
    return sum(lax.full_like(term, 0, wide, shape) for term in terms)  # type: ignore[return-value]
