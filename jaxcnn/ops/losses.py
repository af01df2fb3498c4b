r"""Losses: one number per example, and softmax with its logarithm.

    half_squared_error      e[n] = 1/2 sum over o of (p[n,o] - t[n,o])^2        dp = de (p - t)          seeds 0 and 3
    mean_squared_error      e[n] = 1/O sum over o of (p[n,o] - t[n,o])^2        dp = de 2 (p - t) / O    seed 4
    softmax_cross_entropy   e[n] = -sum over k of t[n,k] ln softmax(x[n])[k]
                            dx[n,k] = de[n] (softmax(x[n])[k] sum(t[n]) - t[n,k])    seed 2, eq. 15 to 17, corrected
                            dt[n,k] = -de[n] ln softmax(x[n])[k]
    log_softmax             y = x - max x - ln sum exp(x - max x)               dx = dy - softmax(x) sum(dy)
    softmax                 y = exp(log_softmax)                                dx = y (dy - sum(y dy))

Nothing overflows (seed 2, eq. 18), and where a label is 0 its term is 0 even if the logarithm is -inf.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxcnn.lowering.precision import accumulator
from jaxcnn.ops.arguments import filled, floating, shape
from jaxcnn.ops.rule import Cotangents, rule


def _wide(x: jax.Array) -> jax.Array:
    """In float32 at least; the results are rounded once, where they leave this file."""
    return x.astype(accumulator(x.dtype))


def _log_softmax(x: jax.Array) -> jax.Array:
    wide = _wide(x)
    shifted = wide - jnp.max(wide, -1, keepdims=True)
    return (shifted - jnp.log(jnp.sum(jnp.exp(shifted), -1, keepdims=True))).astype(x.dtype)  # [..., k]


def _log_softmax_backward(y: jax.Array, dy: jax.Array) -> Cotangents:
    y, dy = _wide(y), _wide(dy)
    return (dy - jnp.exp(y) * jnp.sum(dy, -1, keepdims=True),)


def _softmax(x: jax.Array) -> jax.Array:
    return jnp.exp(_log_softmax(_wide(x))).astype(x.dtype)  # [..., k]


def _softmax_backward(y: jax.Array, dy: jax.Array) -> Cotangents:
    y, dy = _wide(y), _wide(dy)
    return (y * (dy - jnp.sum(y * dy, -1, keepdims=True)),)


def _keep_output(arrays: Any, y: Any) -> jax.Array:
    """The output: n k numbers."""
    return y


log_softmax_rule = rule(_log_softmax, _log_softmax_backward, _keep_output)
softmax_rule = rule(_softmax, _softmax_backward, _keep_output)


def _cross_entropy(logits: jax.Array, target: jax.Array) -> jax.Array:
    terms = jnp.where(target == 0, 0, _wide(target) * _log_softmax(_wide(logits)))
    return -jnp.sum(terms, -1).astype(logits.dtype)  # [n]


def _cross_entropy_backward(kept: Any, de: jax.Array) -> Cotangents:
    logits, target, de = map(_wide, (*kept, de))
    weight = jnp.sum(target, -1, keepdims=True)  # 1 for labels that are probabilities
    dlogits = de[:, None] * (softmax_rule(logits) * weight - target)
    return dlogits, -de[:, None] * log_softmax_rule(logits)


# Keeps its two arguments: the softmax is cheaper to compute again than to store beside them.
_cross_entropy_rule = rule(_cross_entropy, _cross_entropy_backward)


def _half_squares(prediction: jax.Array, target: jax.Array) -> jax.Array:
    difference = _wide(prediction) - _wide(target)
    return (jnp.sum(difference * difference, tuple(range(1, difference.ndim))) / 2).astype(prediction.dtype)  # [n]


def _half_squares_backward(kept: Any, de: jax.Array) -> Cotangents:
    prediction, target, de = map(_wide, (*kept, de))
    dprediction = de.reshape(-1, *(1,) * (prediction.ndim - 1)) * (prediction - target)
    return dprediction, -dprediction


_half_squares_rule = rule(_half_squares, _half_squares_backward)


def _mean_squares(prediction: jax.Array, target: jax.Array) -> jax.Array:
    difference = _wide(prediction) - _wide(target)
    return jnp.mean(difference * difference, tuple(range(1, difference.ndim))).astype(prediction.dtype)  # [n]


def _mean_squares_backward(kept: Any, de: jax.Array) -> Cotangents:
    prediction, target, de = map(_wide, (*kept, de))
    per_example = prediction.size // prediction.shape[0]
    dprediction = de.reshape(-1, *(1,) * (prediction.ndim - 1)) * (2 * (prediction - target) / per_example)
    return dprediction, -dprediction


_mean_squares_rule = rule(_mean_squares, _mean_squares_backward)


def softmax_cross_entropy(
    logits: Float[Array, "n k"], labels: Int[Array, " n"] | Float[Array, "n k"]
) -> Float[Array, " n"]:
    r"""Cross entropy between labels and softmax(logits), in nats, per example.

        e[n] = -sum over k of t[n, k] ln softmax(logits[n])[k]

    Args:
        logits: [n, k].
        labels: classes [n], integers in 0..k-1, or probabilities [n, k]. Rows need not sum to 1.

    Returns:
        [n], in nats, in the logits' dtype; take the mean for a batch. NaN where an integer label is out of range and
        could not be checked because it is traced.

    Gradient: de (softmax(logits) sum(t) - t) for the logits, -de ln softmax(logits) for probabilities; keeps logits and
    labels. Finite where ln(softmax) under `jax.grad` gives NaN (ledger S2.35).

    Raises:
        TypeError: labels of neither kind, or of another float dtype than the logits.
        ValueError: shapes that do not fit; an integer label outside 0..k-1.

    Source: seed 2, eq. 15 to 18, with the sign that eq. 16 lacks and the index of eq. 17 mended (ledger S2.31, S2.32).

    >>> softmax_cross_entropy(jnp.array([[0., 0.], [1000., 0.]]), jnp.array([0, 1]))
    Array([6.931472e-01, 1.000000e+03], dtype=float32)
    """
    (logits,) = floating("softmax_cross_entropy", logits=logits)
    if logits.ndim != 2:
        raise ValueError(f"softmax_cross_entropy: logits must be [n, k], got {shape('logits', logits)}")
    filled("softmax_cross_entropy", "logits", logits)
    return _cross_entropy_rule(logits, _probabilities(logits, jnp.asarray(labels)))


def _probabilities(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Labels of either kind as [n, k] in the logits' dtype."""
    n, k = logits.shape
    if jnp.issubdtype(labels.dtype, jnp.integer):
        if labels.shape != (n,):
            raise ValueError(
                f"softmax_cross_entropy: integer labels must be [n], got {shape('labels', labels)} for "
                f"{shape('logits', logits)}"
            )
        _in_range(labels, k)
        hits = labels[:, None] == jnp.arange(k, dtype=labels.dtype)  # [n, k]
        possible = (labels >= 0) & (labels < k)
        return jnp.where(possible[:, None], hits.astype(logits.dtype), jnp.nan)
    logits, labels = floating("softmax_cross_entropy", logits=logits, labels=labels)
    if labels.shape != (n, k):
        raise ValueError(
            f"softmax_cross_entropy: probability labels must be [n, k], got {shape('labels', labels)} for "
            f"{shape('logits', logits)}; give classes as integers"
        )
    return labels


def _in_range(labels: jax.Array, k: int) -> None:
    if isinstance(labels, jax.core.Tracer):
        return
    values = np.asarray(labels)
    wrong = np.flatnonzero((values < 0) | (values >= k))
    if wrong.size:
        raise ValueError(
            f"softmax_cross_entropy: labels[{wrong[0]}] is {values[wrong[0]]} but logits have {k} classes; "
            f"labels must be in 0..{k - 1}"
        )


def half_squared_error(prediction: Float[Array, "n *o"], target: Float[Array, "n *o"]) -> Float[Array, " n"]:
    r"""Half the sum of squared differences, per example: e[n] = 1/2 sum over o of (p[n,o] - t[n,o])^2.

    Args:
        prediction, target: [n, ...], the same shape.

    Gradient: de (p - t) for the prediction and its negative for the target; keeps both.

    Raises:
        ValueError: shapes that differ (nothing is broadcast: that hides mistakes).

    Source: seed 0, exercise 1; seed 3, exercise 1.

    >>> half_squared_error(jnp.array([[1., 2.]]), jnp.array([[0., 0.]]))
    Array([2.5], dtype=float32)
    """
    return _half_squares_rule(*_same_shape("half_squared_error", prediction, target))


def mean_squared_error(prediction: Float[Array, "n *o"], target: Float[Array, "n *o"]) -> Float[Array, " n"]:
    r"""Mean of squared differences, per example: e[n] = 1/O sum over o of (p[n,o] - t[n,o])^2.

    Args:
        prediction, target: [n, ...], the same shape; O is the number of entries per example. The mean over the batch is
            seed 4's E_in.

    Gradient: de 2 (p - t) / O for the prediction and its negative for the target; keeps both.

    Raises: as `half_squared_error`.

    Source: seed 4, questions 1 and 2.

    >>> mean_squared_error(jnp.array([[-0.5]]), jnp.array([[1.]]))
    Array([2.25], dtype=float32)
    """
    return _mean_squares_rule(*_same_shape("mean_squared_error", prediction, target))


def _same_shape(layer: str, prediction: Any, target: Any) -> list[jax.Array]:
    prediction, target = floating(layer, prediction=prediction, target=target)
    if prediction.shape != target.shape or prediction.ndim < 1:
        raise ValueError(
            f"{layer}: prediction and target must have one shape with a batch axis, got "
            f"{shape('prediction', prediction)}, {shape('target', target)}"
        )
    filled(layer, "prediction", prediction)
    return [prediction, target]


def softmax(x: Float[Array, "... k"]) -> Float[Array, "... k"]:
    """exp(x - max x) / sum exp(x - max x), over the last axis; gradient y (dy - sum(y dy)). Keeps the output.

    Source: seed 2, eq. 15 and 18.

    >>> softmax(jnp.array([1000., 1000.]))
    Array([0.5, 0.5], dtype=float32)
    """
    (x,) = floating("softmax", x=x)
    return softmax_rule(_wide(x)).astype(x.dtype)  # what is kept is as wide as the gradient's sums


def log_softmax(x: Float[Array, "... k"]) -> Float[Array, "... k"]:
    """ln softmax(x) over the last axis, in nats, never by way of the softmax; gradient dy - softmax(x) sum(dy).

    Keeps the output.

    Source: ledger S2.35.

    >>> log_softmax(jnp.array([1000., 0.]))
    Array([    0., -1000.], dtype=float32)
    """
    (x,) = floating("log_softmax", x=x)
    return log_softmax_rule(_wide(x)).astype(x.dtype)  # what is kept is as wide as the gradient's sums
