"""Activations as JAX has them. `jnp.maximum(x, 0)` is not among them: JAX gives it slope 1/2 at 0."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def relu(x: Float[Array, " ..."]) -> Float[Array, " ..."]:
    """max(x, 0), with slope 0 at 0.

    >>> relu(jnp.float32([-2, 0, 3])).tolist()
    [0.0, 0.0, 3.0]
    """
    return jax.nn.relu(x)


def leaky_relu(x: Float[Array, " ..."], *, negative_slope: float = 0.1) -> Float[Array, " ..."]:
    """x for x >= 0, else negative_slope x; slope 1 at 0.

    >>> leaky_relu(jnp.float32([-2, 0, 3]), negative_slope=0.5).tolist()
    [-1.0, 0.0, 3.0]
    """
    return jnp.where(x >= 0, x, negative_slope * x)


def sigmoid(x: Float[Array, " ..."]) -> Float[Array, " ..."]:
    """1 / (1 + exp(-x)).

    >>> sigmoid(jnp.float32([-1e4, 0, 1e4])).tolist()
    [0.0, 0.5, 1.0]
    """
    return jax.nn.sigmoid(x)


def tanh(x: Float[Array, " ..."]) -> Float[Array, " ..."]:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x)).

    >>> tanh(jnp.float32([-1e4, 0, 1e4])).tolist()
    [-1.0, 0.0, 1.0]
    """
    return jnp.tanh(x)


def identity(x: Float[Array, " ..."]) -> Float[Array, " ..."]:
    """x itself: the linear output layer.

    >>> identity(jnp.float32([-2, 3])).tolist()
    [-2.0, 3.0]
    """
    return x
