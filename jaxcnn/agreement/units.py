"""The unit roundoff u of each dtype: half the distance from 1 to the next number.

u = 2^-53 float64, 2^-24 float32, 2^-11 float16, 2^-8 bfloat16. Where a platform multiplies float32 matrices in fewer
bits unless told otherwise (TF32 on NVIDIA GPUs, bfloat16 passes on TPUs), a contraction's operands have that unit.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

DTYPES = ("float64", "float32", "bfloat16", "float16")
SINGLE_PASS = {"gpu": 2.0**-11, "cuda": 2.0**-11, "tpu": 2.0**-8}


def unit(dtype: Any) -> float:
    """The unit roundoff of a floating-point dtype.

    >>> unit("bfloat16") == 2.0**-8
    True
    """
    return float(jnp.finfo(dtype).eps) / 2


def smallest(dtype: Any) -> float:
    """The smallest normal number: results below it may be flushed to zero."""
    return float(jnp.finfo(dtype).smallest_normal)


def contraction_unit(operand: Any, result: Any, precision: Any) -> float:
    """The unit of a contraction: its result's, or coarser where this platform multiplies float32 in fewer bits."""
    chosen = precision if precision is not None else jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]
    names = {str(getattr(p, "name", p)).lower() for p in (chosen if isinstance(chosen, tuple) else (chosen,))}
    if jnp.dtype(operand) != jnp.float32 or names & {"highest", "float32"}:
        return unit(result)
    return max(unit(result), SINGLE_PASS.get(jax.default_backend(), 0.0))
