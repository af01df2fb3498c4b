"""Pools as JAX has them: `lax.reduce_window`, channels last, any number of spatial axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxcnn.reference.convolution import Padding, cropped, pairs, per_axis, positive, span
from jaxcnn.reference.precision import wide


def max_pool(
    x: Float[Array, "n *spatial c"],
    window: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: Padding = "VALID",
    dilation: int | Sequence[int] = 1,
) -> Float[Array, "n *output c"]:
    """y[n, o, c] = max over t of x[n, s o + d t - low, c]; padding counts as minus infinity.

    JAX differentiates it for dilation 1 only (ties: the first winner); with dilation this is a forward pass.

    >>> max_pool(jnp.float32([1, 3, 2, 0]).reshape(1, 4, 1), 2).ravel().tolist()
    [3.0, 2.0]
    """
    # JAX knows the gradient of this reduction by its literal start value: not an array, not the dtype's own minimum.
    return windows(x, lax.max, -jnp.inf, window, stride, padding, dilation)


def avg_pool(
    x: Float[Array, "n *spatial c"],
    window: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: Padding = "VALID",
    dilation: int | Sequence[int] = 1,
    count_include_pad: bool = True,
) -> Float[Array, "n *output c"]:
    """y[n, o, c] = sum over t of x[n, s o + d t - low, c] / count.

    The count is the window's size, or, with `count_include_pad=False`, the taps that lie in the input (at least 1).

    >>> avg_pool(jnp.float32([1, 3, 2, 0]).reshape(1, 4, 1), 2).ravel().tolist()
    [2.0, 1.0]
    """
    counted = jnp.ones_like(wide(x)[:1, ..., :1])  # [1, *spatial, 1]
    if count_include_pad:
        count = jnp.prod(jnp.array(per_axis(window, x.ndim - 2)))
    else:
        count = jnp.maximum(windows(counted, lax.add, 0.0, window, stride, padding, dilation), 1)
    return (windows(wide(x), lax.add, 0.0, window, stride, padding, dilation) / count).astype(x.dtype)


def global_avg_pool(x: Float[Array, "n *spatial c"]) -> Float[Array, "n c"]:
    """y[n, c] = mean over all positions of x[n, position, c].

    >>> global_avg_pool(jnp.float32([1, 3, 2, 0]).reshape(1, 4, 1)).tolist()
    [[1.5]]
    """
    return jnp.mean(wide(x), axis=tuple(range(1, x.ndim - 1))).astype(x.dtype)


def windows(
    x: Array,
    reduce: Callable[[Any, Any], Any],
    start: float,
    window: int | Sequence[int],
    stride: int | Sequence[int] | None,
    padding: Padding,
    dilation: int | Sequence[int],
) -> Array:
    """The reduction over every window. Cropped before: JAX cannot differentiate a maximum with negative padding."""
    rank = x.ndim - 2
    sizes, dilations = per_axis(window, rank), per_axis(dilation, rank)
    strides = sizes if stride is None else per_axis(stride, rank)
    pads = pairs(padding, x.shape[1:-1], span(sizes, dilations), strides)
    return lax.reduce_window(
        cropped(x, pads),
        start,
        reduce,
        window_dimensions=(1, *sizes, 1),
        window_strides=(1, *strides, 1),
        padding=((0, 0), *positive(pads), (0, 0)),
        window_dilation=(1, *dilations, 1),
    )
