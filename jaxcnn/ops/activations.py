r"""Activations: one number in, one number out, and the derivative expressed by the number that came out.

    relu         y = max(0, x)          dx = dy [y > 0]                    seed 0; seed 2, eq. 11 and 12
    leaky_relu   y = max(a x, x)        dx = dy (1 if x >= 0 else a)       seed 0, a = 0.1
    sigmoid      y = 1 / (1 + e^-x)     dx = dy y (1 - y)                  seed 0
    tanh         y = tanh x             dx = dy (1 - y) (1 + y)            seed 4, question 1
    identity     y = x                  dx = dy                            seed 2, eq. 13 and 14

At the kinks: relu'(0) = 0 and leaky_relu'(0) = 1, as `jax.nn` has them. All are finite, values and gradients, for any
finite input.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxcnn.ops.arguments import floating
from jaxcnn.ops.rule import Cotangents, Result, rule


def _keep_output(arrays: Any, y: Any) -> jax.Array:
    """The output, which the next layer keeps anyway: no copy."""
    return y


def _keep_nothing(arrays: Any, y: Any) -> None:
    """Linear with constant coefficients: nothing is needed backward (0 bytes)."""


def _relu(x: jax.Array) -> jax.Array:
    return lax.max(x, jnp.zeros((), x.dtype))


def _relu_backward(y: jax.Array, dy: jax.Array) -> Cotangents:
    return (jnp.where(y > 0, dy, 0),)


def _leaky_relu(x: jax.Array, *, negative_slope: float) -> jax.Array:
    return jnp.where(x >= 0, x, negative_slope * x)


def _keep_sign(arrays: Any, y: Any) -> jax.Array:
    """Where x >= 0, one byte each: the output cannot tell, for a tiny negative x times the slope rounds to zero."""
    return arrays[0] >= 0


def _leaky_relu_backward(is_positive: jax.Array, dy: jax.Array, *, negative_slope: float) -> Cotangents:
    return (jnp.where(is_positive, dy, negative_slope * dy),)


def _sigmoid(x: jax.Array) -> jax.Array:
    return lax.logistic(x)


def _sigmoid_backward(y: jax.Array, dy: jax.Array) -> Cotangents:
    return (dy * (y * (1 - y)),)


def _tanh(x: jax.Array) -> jax.Array:
    return lax.tanh(x)


def _tanh_backward(y: jax.Array, dy: jax.Array) -> Cotangents:
    return (dy * ((1 - y) * (1 + y)),)  # not 1 - y^2: that loses all digits near saturation


def _identity(x: jax.Array) -> jax.Array:
    return x


def _identity_backward(kept: None, dy: jax.Array) -> Cotangents:
    return (dy,)


_relu_rule = rule(_relu, _relu_backward, _keep_output, Result.ALIKE)
_leaky_relu_rule = rule(_leaky_relu, _leaky_relu_backward, _keep_sign, Result.ALIKE)
_sigmoid_rule = rule(_sigmoid, _sigmoid_backward, _keep_output, Result.ALIKE)
_tanh_rule = rule(_tanh, _tanh_backward, _keep_output, Result.ALIKE)
_identity_rule = rule(_identity, _identity_backward, _keep_nothing, Result.ALIKE)


def relu(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """max(0, x), elementwise; the gradient passes where the output is positive, so relu'(0) = 0. Keeps the output.

    Source: seed 0, exercise 2; seed 2, eq. 11 and 12.

    >>> relu(jnp.array([-1., 0., 0.5]))
    Array([0. , 0. , 0.5], dtype=float32)
    """
    return _relu_rule(*floating("relu", x=x))


def leaky_relu(x: Float[Array, "..."], *, negative_slope: float = 0.1) -> Float[Array, "..."]:
    """x where x >= 0 and negative_slope x elsewhere; the gradient is 1 there (at 0 too) and negative_slope elsewhere.

    For slopes up to 1 this is max(negative_slope x, x), as seed 0 writes it; for larger ones it is not (ledger S0.35).
    Keeps the sign of x, one byte each.

    Raises:
        ValueError: a slope that is not finite.

    Source: seed 0, exercise 2, with its slope of 0.1.

    >>> leaky_relu(jnp.array([-1., 0., 0.5]))
    Array([-0.1,  0. ,  0.5], dtype=float32)
    """
    if not isfinite(negative_slope):
        raise ValueError(f"leaky_relu: negative_slope must be a finite number, got {negative_slope}; seed 0 uses 0.1")
    return _leaky_relu_rule(*floating("leaky_relu", x=x), negative_slope=float(negative_slope))


def sigmoid(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """1 / (1 + exp(-x)), elementwise; the gradient is y (1 - y), at most 1/4. Keeps the output.

    Source: seed 0, exercise 2 (vanishing gradient).

    >>> sigmoid(jnp.array([-1e4, 0., 1e4]))
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    return _sigmoid_rule(*floating("sigmoid", x=x))


def tanh(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """tanh x, elementwise; the gradient is 1 - y^2. Keeps the output.

    Source: seed 4, question 1.

    >>> tanh(jnp.array([-1e4, 0., 1e4]))
    Array([-1.,  0.,  1.], dtype=float32)
    """
    return _tanh_rule(*floating("tanh", x=x))


def identity(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """x itself; the gradient is dy. Keeps nothing.

    Source: seed 2, eq. 13 and 14.

    >>> identity(jnp.array([-1., 2.]))
    Array([-1.,  2.], dtype=float32)
    """
    return _identity_rule(*floating("identity", x=x))
