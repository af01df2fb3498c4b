"""Mixed precision: a half type for what is large and fast, float32 for what adds up.

    parameters, optimiser, statistics    float32, always (the master copy)
    network, forward and backward        bfloat16 or float16; every sum in it is carried in float32
    logits, loss, sums                   float32
    gradients                            float32: a parameter's cast is part of the network, and its gradient casts back

float16 has no numbers below 6e-8, which gradients may well be; so the loss is multiplied by a scale before the backward
pass and the gradient divided by it after (Micikevicius et al. 2018). A step whose scaled gradient overflows is left out
and the scale halved; after `PATIENCE` good steps it is doubled. bfloat16 has float32's range and needs none of this.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float32, Int32

from jaxcnn.training.config import Precision

Tree = Any

FIRST, LARGEST = 2.0**15, 2.0**24
PATIENCE = 200  # steps


class Scaling(NamedTuple):
    """What the loss is multiplied by, and for how many steps that has gone well."""

    scale: Float32[Array, ""]
    steps: Int32[Array, ""]


def first_scaling(precision: Precision) -> Scaling | tuple[()]:
    """float16's scaling at the start; nothing for the others."""
    return Scaling(jnp.float32(FIRST), jnp.int32(0)) if precision == "float16" else ()


def scale_of(scaling: Scaling | tuple[()]) -> Array | float:
    """What the loss is multiplied by: 1 where nothing is scaled."""
    return scaling.scale if isinstance(scaling, Scaling) else 1.0


def cast(tree: Tree, precision: Precision) -> Tree:
    """Leaves in the half type that the network computes in; float32 leaves them as they are."""
    return tree if precision == "float32" else jax.tree.map(lambda leaf: leaf.astype(precision), tree)


def wide(logits: Array) -> Array:
    """float32 at least."""
    return logits.astype(jnp.promote_types(logits.dtype, jnp.float32))


def overflowed(scaling: Scaling | tuple[()], is_finite: Bool[Array, ""]) -> Bool[Array, ""] | bool:
    """Whether a gradient that is not finite is the scale's doing, which can still be halved."""
    return ~is_finite & (scaling.scale > 1) if isinstance(scaling, Scaling) else False


def moved(scaling: Scaling | tuple[()], is_finite: Bool[Array, ""]) -> Scaling | tuple[()]:
    """The scaling after a step.

    >>> float(moved(Scaling(jnp.float32(8), jnp.int32(PATIENCE - 1)), jnp.bool_(True)).scale)
    16.0
    >>> float(moved(Scaling(jnp.float32(8), jnp.int32(3)), jnp.bool_(False)).scale)
    4.0
    """
    if not isinstance(scaling, Scaling):
        return scaling
    steps = jnp.where(is_finite, scaling.steps + 1, 0)
    grown = jnp.minimum(jnp.where(steps == PATIENCE, 2 * scaling.scale, scaling.scale), LARGEST)
    return Scaling(jnp.where(is_finite, grown, jnp.maximum(scaling.scale / 2, 1.0)), steps % PATIENCE)
