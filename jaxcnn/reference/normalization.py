"""Batch normalisation in plain `jax.numpy`."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcnn.reference.precision import wide


def batch_norm(
    x: Float[Array, "n *spatial c"],
    scale: Float[Array, " c"],
    offset: Float[Array, " c"],
    mean: Float[Array, " c"] | None = None,
    variance: Float[Array, " c"] | None = None,
    *,
    epsilon: float = 1e-5,
) -> Float[Array, "n *spatial c"]:
    """y = scale (x - mean) / sqrt(variance + epsilon) + offset, per channel.

    Without `mean` and `variance` they are the batch's own, and the gradient goes through them.

    >>> batch_norm(jnp.float32([[1], [3]]), jnp.ones(1), jnp.zeros(1), epsilon=0.0).ravel().tolist()
    [-1.0, 1.0]
    """
    if mean is None or variance is None:
        mean, variance = batch_statistics(x)
    normalised = (wide(x) - wide(mean)) / jnp.sqrt(wide(variance) + epsilon)
    return (wide(scale) * normalised + wide(offset)).astype(x.dtype)


def batch_statistics(x: Float[Array, "n *spatial c"]) -> tuple[Float[Array, " c"], Float[Array, " c"]]:
    """Mean and biased variance over all axes but the last, in float32 at least.

    >>> [s.tolist() for s in batch_statistics(jnp.float32([[1], [3]]))]
    [[2.0], [1.0]]
    """
    axes = tuple(range(x.ndim - 1))
    return jnp.mean(wide(x), axis=axes), jnp.var(wide(x), axis=axes)
