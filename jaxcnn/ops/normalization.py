r"""Batch normalisation: every channel to mean 0 and variance 1, then scaled and shifted.

With M positions per channel (the batch, times height and width), statistics over all of them (seed 4, question 4):

    mu = 1/M sum x        v = 1/M sum (x - mu)^2        r = 1 / sqrt(v + epsilon)        z = (x - mu) r
    y  = scale z + offset

    doffset = sum dy        dscale = sum dy z

    training:   dx = scale r (dy - doffset / M - z dscale / M)     mu and v depend on x: the gradient loses its mean and
                                                                   its component along z
    inference:  dx = scale r dy                                    mu and v are running statistics, constants
                dmu = -scale r doffset,   dv = -1/2 scale r^2 dscale
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxcnn.lowering.precision import accumulator
from jaxcnn.lowering.sums import channel_sum
from jaxcnn.ops.arguments import filled, floating, shape
from jaxcnn.ops.rule import Cotangents, Result, rule


def _wide(x: jax.Array) -> jax.Array:
    return x.astype(accumulator(x.dtype))


def _statistics(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    positions = x.size // x.shape[-1]
    mean = channel_sum(x) / positions  # [c]
    squares = jnp.square(_wide(x) - mean)  # a second pass: E[x^2] - E[x]^2 cancels
    return mean, channel_sum(squares, is_computed=True) / positions


def _statistics_backward(kept: Any, cotangents: Any) -> Cotangents:
    (x, mean), (dmean, dvariance) = kept, cotangents
    positions = x.size // x.shape[-1]
    return ((dmean + 2 * dvariance * (_wide(x) - mean)) / positions,)  # [n, ..., c]


def _keep_mean(arrays: Any, y: Any) -> Any:
    """x, in memory already, and c means."""
    return arrays[0], y[0]


def _normalize(
    x: jax.Array, scale: jax.Array, offset: jax.Array, mean: jax.Array, variance: jax.Array, *, epsilon: float
) -> jax.Array:
    gain = _wide(scale) * lax.rsqrt(variance + epsilon)
    return (gain * (_wide(x) - mean) + _wide(offset)).astype(x.dtype)  # [n, ..., c]


def _normalize_backward(kept: Any, dy: jax.Array, *, epsilon: float) -> Cotangents:
    x, scale, mean, variance = kept
    _, r, dscale, doffset = _sums(x, dy, mean, variance, epsilon)
    gain = _wide(scale) * r
    return gain * _wide(dy), dscale, doffset, -gain * doffset, -gain * r * dscale / 2


def _batch_normalize(x: jax.Array, scale: jax.Array, offset: jax.Array, *, epsilon: float) -> jax.Array:
    return _normalize(x, scale, offset, *_statistics(x), epsilon=epsilon)


def _batch_normalize_backward(kept: Any, dy: jax.Array, *, epsilon: float) -> Cotangents:
    x, scale = kept
    mean, variance = statistics(x)
    z, r, dscale, doffset = _sums(x, dy, mean, variance, epsilon)
    positions = x.size // x.shape[-1]
    dx = _wide(scale) * r * (_wide(dy) - (doffset + z * dscale) / positions)
    return dx, dscale, doffset


def _sums(
    x: jax.Array, dy: jax.Array, mean: jax.Array, variance: jax.Array, epsilon: float
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """z [n, ..., c], r [c], and the two sums that are the gradients of scale and offset [c]."""
    r = lax.rsqrt(variance + epsilon)
    z = (_wide(x) - mean) * r
    return z, r, channel_sum(_wide(dy) * z, is_computed=True), channel_sum(dy)


def _keep_all_but_offset(arrays: Any, y: Any) -> Any:
    """x, in memory already, and three vectors of c; z is computed again from them."""
    x, scale, _, mean, variance = arrays
    return x, scale, mean, variance


def _keep_x_and_scale(arrays: Any, y: Any) -> Any:
    """x, in memory already, and c scales; the statistics are two cheap passes over x."""
    return arrays[:2]


statistics = rule(_statistics, _statistics_backward, _keep_mean, result=Result.WHOLE)
normalize = rule(_normalize, _normalize_backward, _keep_all_but_offset)
batch_normalize = rule(_batch_normalize, _batch_normalize_backward, _keep_x_and_scale)


def batch_norm(
    x: Float[Array, "n *spatial c"],
    scale: Float[Array, " c"],
    offset: Float[Array, " c"],
    mean: Float[Array, " c"] | None = None,
    variance: Float[Array, " c"] | None = None,
    *,
    epsilon: float = 1e-5,
) -> Float[Array, "n *spatial c"]:
    r"""Batch normalisation over all axes but the last.

        y = scale (x - mu) / sqrt(v + epsilon) + offset

    Args:
        x: [n, c] or [n, *spatial, c]; the statistics have shape [c] (seed 4: 1 x C and 1 x 1 x 1 x C).
        scale, offset: [c], in x's dtype.
        mean, variance: None means the batch's own statistics (training mode; `batch_statistics` gives them, for a
            running average); given, [c], in any float dtype, they are used as they are (inference mode).
        epsilon: added to the variance; positive.

    Returns:
        x's shape and dtype; computed in float32 at least.

    Gradient: in training mode through the statistics, dx = scale r (dy - mean(dy) - z mean(dy z)), which has no
    component along the constant or along z, so that a bias just before it has gradient 0; in inference mode
    dx = scale r dy. Keeps x and scale (inference: and the statistics).

    Raises:
        TypeError: arrays of integers or of different dtypes.
        ValueError: shapes that do not fit; mean without variance; epsilon that is not positive.

    Source: seed 4, question 4; Ioffe and Szegedy, 2015.

    >>> x = jnp.array([[1., 10.], [3., 30.]])
    >>> batch_norm(x, jnp.ones(2), jnp.zeros(2)).round(3)
    Array([[-1., -1.],
           [ 1.,  1.]], dtype=float32)
    """
    x, scale, offset = floating("batch_norm", x=x, scale=scale, offset=offset)
    _check_channels("batch_norm", x, scale=scale, offset=offset)
    if not epsilon > 0:
        raise ValueError(f"batch_norm: epsilon must be positive, got {epsilon}; 1e-5 is usual")
    if (mean is None) != (variance is None):
        raise ValueError("batch_norm: mean and variance go together; give both (inference) or neither (training)")
    if mean is None:
        return batch_normalize(x, scale, offset, epsilon=float(epsilon))
    mean, variance = floating("batch_norm", mean=mean, variance=variance)
    _check_channels("batch_norm", x, mean=mean, variance=variance)
    return normalize(x, scale, offset, _wide(mean), _wide(variance), epsilon=float(epsilon))


def batch_statistics(x: Float[Array, "n *spatial c"]) -> tuple[Float[Array, " c"], Float[Array, " c"]]:
    r"""Mean and biased variance of each channel over all axes but the last, in float32 at least.

        mu[c] = 1/M sum x        v[c] = 1/M sum (x - mu)^2

    Gradient: dx = (dmu + 2 dv (x - mu)) / M; keeps x and mu.

    Source: seed 4, question 4.

    >>> batch_statistics(jnp.array([[1., 10.], [3., 30.]]))
    (Array([ 2., 20.], dtype=float32), Array([  1., 100.], dtype=float32))
    """
    (x,) = floating("batch_statistics", x=x)
    _check_channels("batch_statistics", x)
    return statistics(x)


def _check_channels(layer: str, x: jax.Array, **vectors: jax.Array) -> None:
    if x.ndim < 2:
        raise ValueError(f"{layer}: x must be [n, c] or [n, *spatial, c], got {shape('x', x)}")
    filled(layer, "x", x)
    for name, vector in vectors.items():
        if vector.shape != x.shape[-1:]:
            raise ValueError(
                f"{layer}: {name} must have one entry for each of the {x.shape[-1]} channels of x (axis -1), got "
                f"{shape('x', x)}, {shape(name, vector)}"
            )
