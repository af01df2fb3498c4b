"""Convolution and its transpose as JAX has them (`lax.conv_general_dilated`), channels last, one to three axes."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxcnn.reference.precision import wide

Padding = str | int | Sequence[tuple[int, int]]
LAYOUTS = {1: ("NWC", "WIO", "NWC"), 2: ("NHWC", "HWIO", "NHWC"), 3: ("NDHWC", "DHWIO", "NDHWC")}


def conv(
    x: Float[Array, "n *spatial c"],
    kernel: Float[Array, "*window c_per_group k"],
    bias: Float[Array, "*output_or_none k"] | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: Padding = "VALID",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Float[Array, "n *output k"]:
    """y[n, o, k] = sum over t, c of x[n, s o + d t - low, c] kernel[t, c, k], plus bias: cross-correlation.

    `bias` is [k], or [*output, k] with one number per output position.

    >>> conv(jnp.arange(4.0).reshape(1, 4, 1), jnp.float32([1, 10]).reshape(2, 1, 1)).ravel().tolist()
    [10.0, 21.0, 32.0]
    """
    rank = x.ndim - 2
    strides, dilations = per_axis(stride, rank), per_axis(dilation, rank)
    spans = span(kernel.shape[:-2], dilations)
    y = lax.conv_general_dilated(
        padded(wide(x), pairs(padding, x.shape[1:-1], spans, strides)),
        wide(kernel),
        window_strides=strides,
        padding="VALID",
        rhs_dilation=dilations,
        dimension_numbers=LAYOUTS[rank],
        feature_group_count=groups,
    )
    return with_bias(y, bias).astype(x.dtype)  # [n, *output, k]


def conv_transpose(
    x: Float[Array, "n *spatial k"],
    kernel: Float[Array, "*window c_per_group k"],
    bias: Float[Array, "*output_or_none c"] | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: Padding = "VALID",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Float[Array, "n *output c"]:
    """y[n, s o + d t - low, c] = sum over t, k of x[n, o, k] kernel[t, c, k], plus bias: the transpose of `conv`.

    Output per axis: (n-1) s + span - low - high for explicit padding, (n-1) s + max(span, s) for "VALID", and n s for
    "SAME".

    >>> conv_transpose(jnp.float32([1, 2]).reshape(1, 2, 1), jnp.float32([1, 10]).reshape(2, 1, 1)).ravel().tolist()
    [1.0, 12.0, 20.0]
    """
    rank = x.ndim - 2
    strides, dilations = per_axis(stride, rank), per_axis(dilation, rank)
    spans = span(kernel.shape[:-2], dilations)
    y = lax.conv_general_dilated(
        wide(x),
        rotated(wide(kernel), groups),
        window_strides=(1,) * rank,
        padding=[(f - 1, f - 1) for f in spans],
        lhs_dilation=strides,
        rhs_dilation=dilations,
        dimension_numbers=LAYOUTS[rank],
        feature_group_count=groups,
    )
    y = padded(y, [(-low, -high) for low, high in transposed_pairs(padding, spans, strides)])
    return with_bias(y, bias).astype(x.dtype)  # [n, *output, c]


def padded(x: Array, padding: Sequence[tuple[int, int]]) -> Array:
    """x[n, *spatial, c] with zeros where the padding is positive, cropped where it is negative.

    Not left to the convolution: XLA's own reads outside its input where low < 0 < high (openxla/xla#48713).
    """
    return jnp.pad(cropped(x, padding), [(0, 0), *positive(padding), (0, 0)])


def cropped(x: Array, padding: Sequence[tuple[int, int]]) -> Array:
    """x[n, *spatial, c] without what the negative numbers of a padding cut off."""
    for axis, (low, high) in enumerate(padding, 1):
        x = lax.slice_in_dim(x, max(-low, 0), x.shape[axis] - max(-high, 0), axis=axis)
    return x


def positive(padding: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is left of a padding after the crop."""
    return [(max(low, 0), max(high, 0)) for low, high in padding]


def rotated(kernel: Array, groups: int) -> Array:
    """The kernel turned by 180 degrees, with its two channel axes exchanged inside each group."""
    *window, c, k = kernel.shape
    flipped = jnp.flip(kernel, range(len(window))).reshape(*window, c, groups, k // groups)
    return jnp.swapaxes(flipped, -1, -3).reshape(*window, k // groups, groups * c)  # [*window, k // groups, c]


def with_bias(y: Array, bias: Array | None) -> Array:
    return y if bias is None else y + wide(bias)


def per_axis(value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, Sequence) else (value,) * rank


def span(size: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """Inputs under one window, per axis."""
    return tuple(d * (f - 1) + 1 for f, d in zip(size, dilation, strict=True))


def pairs(
    padding: Padding, input: tuple[int, ...], spans: tuple[int, ...], strides: tuple[int, ...]
) -> Sequence[tuple[int, int]]:
    """(low, high) per axis of a word, an integer, or the pairs themselves."""
    if isinstance(padding, str):
        return lax.padtype_to_pads(input, spans, strides, padding)
    return [(padding, padding)] * len(input) if isinstance(padding, int) else list(padding)


def transposed_pairs(padding: Padding, spans: tuple[int, ...], strides: tuple[int, ...]) -> Sequence[tuple[int, int]]:
    """(low, high) of the convolution that is transposed; the words mean what they mean to `lax.conv_transpose`."""
    if padding == "VALID":
        return [(0, min(f - s, 0)) for f, s in zip(spans, strides, strict=True)]
    if padding == "SAME":
        lows = [max(f - s, 0) // 2 for f, s in zip(spans, strides, strict=True)]
        return [(low, f - s - low) for low, f, s in zip(lows, spans, strides, strict=True)]
    return pairs(padding, spans, spans, strides)
