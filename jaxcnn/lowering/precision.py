"""In which precision sums are carried."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp


def accumulator(dtype: Any) -> Any:
    """float32 at least: float16 and bfloat16 sums are carried in float32 and rounded once, at the end."""
    return jnp.promote_types(dtype, jnp.float32)
