"""Losses per example, and the softmax, in plain `jax.numpy`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxcnn.reference.precision import wide


def softmax_cross_entropy(
    logits: Float[Array, "n k"], labels: Int[Array, " n"] | Float[Array, "n k"]
) -> Float[Array, " n"]:
    """L[n] = - sum over k of labels[n, k] log softmax(logits)[n, k], in nats; integer labels mean a one there.

    A class of label 0 adds nothing, even where its logit is minus infinity.

    >>> print(softmax_cross_entropy(jnp.float32([[0, 0]]), jnp.array([1])))
    [0.6931472]
    """
    logp = jax.nn.log_softmax(wide(logits))  # [n, k]
    if jnp.issubdtype(labels.dtype, jnp.integer):
        loss = -jnp.take_along_axis(logp, labels[:, None], axis=-1)[:, 0]
    else:
        logp = jnp.where((labels == 0) & jnp.isneginf(logp), 0, logp)
        loss = -jnp.sum(wide(labels) * logp, axis=-1)
    return loss.astype(logits.dtype)


def half_squared_error(prediction: Float[Array, " n *rest"], target: Float[Array, " n *rest"]) -> Float[Array, " n"]:
    """E[n] = 1/2 sum over all other axes of (prediction - target)^2.

    >>> half_squared_error(jnp.float32([[1, 2]]), jnp.float32([[0, 4]])).tolist()
    [2.5]
    """
    return (0.5 * jnp.sum(squares(prediction, target), axis=-1)).astype(prediction.dtype)


def mean_squared_error(prediction: Float[Array, " n *rest"], target: Float[Array, " n *rest"]) -> Float[Array, " n"]:
    """E[n] = mean over all other axes of (prediction - target)^2.

    >>> mean_squared_error(jnp.float32([[1, 2]]), jnp.float32([[0, 4]])).tolist()
    [2.5]
    """
    return jnp.mean(squares(prediction, target), axis=-1).astype(prediction.dtype)


def squares(prediction: Array, target: Array) -> Array:
    return jnp.square(wide(prediction) - wide(target)).reshape(prediction.shape[0], -1)  # [n, rest]


def softmax(x: Float[Array, "*batch k"]) -> Float[Array, "*batch k"]:
    """exp(x) / sum exp(x) over the last axis.

    >>> softmax(jnp.float32([0, 0])).tolist()
    [0.5, 0.5]
    """
    return jax.nn.softmax(wide(x)).astype(x.dtype)


def log_softmax(x: Float[Array, "*batch k"]) -> Float[Array, "*batch k"]:
    """x - log sum exp(x) over the last axis.

    >>> print(log_softmax(jnp.float32([0, 0])))
    [-0.6931472 -0.6931472]
    """
    return jax.nn.log_softmax(wide(x)).astype(x.dtype)
