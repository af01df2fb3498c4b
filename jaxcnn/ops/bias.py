"""Bias: a sum over everything it was broadcast along.

    y[n, o, k]  = x[n, o, k] + b[k]     or + b[o, k]        seed 0 (one per channel); seed 2, table 1 (one per position)
    dx          = dy
    db[k]       = sum over n, o of dy[n, o, k]              the gradient that seed 0 leaves out (ledger S0.09)
    db[o, k]    = sum over n of dy[n, o, k]                 seed 2, eq. 3

Broadcasting and summing are each other's transpose, so the two rules are each other's gradient.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxcnn.lowering.precision import accumulator
from jaxcnn.lowering.sums import channel_sum
from jaxcnn.ops.arguments import floating, shape
from jaxcnn.ops.rule import Cotangents, Result, rule


def with_bias(layer: str, x: jax.Array, y: jax.Array, bias: Any) -> jax.Array:
    """y + bias in x's dtype, where y is still as wide as it was summed; bias is None, [k], or one per position."""
    if bias is None:
        return y.astype(x.dtype)
    x, bias = floating(layer, x=x, bias=bias)
    if bias.shape not in (y.shape[-1:], y.shape[1:]):
        allowed = [list(each) for each in dict.fromkeys((y.shape[-1:], y.shape[1:]))]
        raise ValueError(
            f"{layer}: bias must have shape {' (one per channel) or '.join(map(str, allowed))}"
            f"{' (one per position)' if len(allowed) > 1 else ''}, got {shape('bias', bias)}"
        )
    return add_bias(y, bias, like=bias.shape).astype(x.dtype)


def _add_bias(x: jax.Array, bias: jax.Array, *, like: tuple[int, ...]) -> jax.Array:
    return x + bias  # [n, *output, k]


def _add_bias_backward(kept: None, dy: jax.Array, *, like: tuple[int, ...]) -> Cotangents:
    return dy, sum_to(dy, like=like, batch=dy.shape[: dy.ndim - len(like)])


def _sum_to(y: jax.Array, *, like: tuple[int, ...], batch: tuple[int, ...]) -> jax.Array:
    if len(like) == 1:
        return channel_sum(y).astype(y.dtype)  # [k]
    return jnp.sum(y, 0, dtype=accumulator(y.dtype)).astype(y.dtype)  # [*output, k]


def _sum_to_backward(kept: None, db: jax.Array, *, like: tuple[int, ...], batch: tuple[int, ...]) -> Cotangents:
    return (spread(db, like=like, batch=batch),)


def _spread(bias: jax.Array, *, like: tuple[int, ...], batch: tuple[int, ...]) -> jax.Array:
    return jnp.broadcast_to(bias, batch + like)  # [*batch, *like]


def _spread_backward(kept: None, dy: jax.Array, *, like: tuple[int, ...], batch: tuple[int, ...]) -> Cotangents:
    return (sum_to(dy, like=like, batch=batch),)


def _keep_nothing(arrays: Any, y: Any) -> None:
    """All three are linear with constant coefficients: nothing is needed backward (0 bytes)."""


add_bias = rule(_add_bias, _add_bias_backward, _keep_nothing)
sum_to = rule(_sum_to, _sum_to_backward, _keep_nothing, result=Result.WHOLE)
spread = rule(_spread, _spread_backward, _keep_nothing)
