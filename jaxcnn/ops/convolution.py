r"""Convolution: one trilinear form, three contractions, all derivatives of all orders.

    T(x, w, y) = sum over n, o, t, c, k of  x[n, s o + d t - low, c] w[t, c, k] y[n, o, k]

    conv_y (x, w)   y[n,o,k]  = sum over t, c of  x[n, s o + d t - low, c] w[t,c,k]         seed 2, eq. 1; seed 3, eq. 1
    conv_dx(y', w)  x'[n,i,c] = sum over t, k of  y'[n, (i + low - d t) / s, k] w[t,c,k]     seed 2, eq. 4; seed 0
    conv_dw(x, y')  w'[t,c,k] = sum over n, o of  x[n, s o + d t - low, c] y'[n,o,k]         seed 2, eq. 2; seed 0

(o, t, i are positions with one, two or three coordinates; a fraction counts only where it is whole and inside y'; what
falls on padding is zero.) Each is a partial derivative of T, so the gradient of each is the other two.

Results are as wide as their sums were carried (float32 for half types), so that a bias is added before anything is
rounded; a cotangent, which comes from a rounded result, goes back to the arguments' dtype without loss.
"""

from __future__ import annotations

from typing import Any

import jax
from jaxtyping import Array, Float

from jaxcnn.lowering.convolution import correlate, correlate_input, correlate_kernel
from jaxcnn.lowering.window import Window
from jaxcnn.ops.arguments import filled, floating, images, shape
from jaxcnn.ops.bias import with_bias
from jaxcnn.ops.geometry import Ints, Padding, is_integer, transposed_window, window
from jaxcnn.ops.rule import Cotangents, Result, rule


def _conv_y(x: jax.Array, kernel: jax.Array, *, window: Window) -> jax.Array:
    return correlate(x, kernel, window)  # [n, *output, k]


def _conv_y_backward(kept: Any, dy: jax.Array, *, window: Window) -> Cotangents:
    x, kernel = kept
    dy = dy.astype(x.dtype)
    return conv_dx(dy, kernel, window=window), conv_dw(x, dy, window=window)


def _conv_dx(y: jax.Array, kernel: jax.Array, *, window: Window) -> jax.Array:
    return correlate_input(y, kernel, window)  # [n, *input, c]


def _conv_dx_backward(kept: Any, dx: jax.Array, *, window: Window) -> Cotangents:
    y, kernel = kept
    dx = dx.astype(y.dtype)
    return conv_y(dx, kernel, window=window), conv_dw(dx, y, window=window)


def _conv_dw(x: jax.Array, y: jax.Array, *, window: Window) -> jax.Array:
    return correlate_kernel(x, y, window)  # [*window, c // groups, k]


def _conv_dw_backward(kept: Any, dw: jax.Array, *, window: Window) -> Cotangents:
    x, y = kept
    dw = dw.astype(x.dtype)
    return conv_dx(y, dw, window=window), conv_y(x, dw, window=window)


# All three keep their two arguments: both are in memory already, nothing is copied.
conv_y = rule(_conv_y, _conv_y_backward)
conv_dx = rule(_conv_dx, _conv_dx_backward)
conv_dw = rule(_conv_dw, _conv_dw_backward, result=Result.WHOLE)


def conv(
    x: Float[Array, "n *input c"],
    kernel: Float[Array, "*window c_per_group k"],
    bias: Float[Array, "*#output k"] | None = None,
    *,
    stride: Ints = 1,
    padding: Padding = "VALID",
    dilation: Ints = 1,
    groups: int = 1,
) -> Float[Array, "n *output k"]:
    r"""Convolution of images with a kernel, without flipping it (cross-correlation).

        y[n, o, k] = b[k] + sum over t, c of x[n, s o + d t - low, c] w[t, c, k]

    Args:
        x: [n, *input, c] with 1, 2 or 3 spatial axes.
        kernel: [*window, c // groups, k]; output channel k sees the c // groups input channels of its own group.
        bias: None, [k] (one per channel) or [*output, k] (one per output position, as in seed 2, table 1).
        stride, dilation: a positive integer, or one per spatial axis.
        padding: "VALID", "SAME" (output = ceil(input / stride)), an integer, or (low, high) per axis; negative crops.
        groups: divides both c and k; groups = c is a depthwise convolution.

    Returns:
        [n, *output, k] with output = floor((input + low + high - d (f - 1) - 1) / s) + 1, in x's dtype; sums are
        carried in float32 at least.

    Gradient: `conv_dx` for x, `conv_dw` for the kernel, a sum over batch (and positions) for the bias; keeps x and the
    kernel, no copy. Every order is handwritten.

    Raises:
        TypeError: arrays of integers or of different dtypes; settings that are not integers.
        ValueError: shapes that do not fit, naming both.

    Source: seed 0, exercise 1; seed 2, eq. 1 to 4; seed 3, eq. 1 and 7.

    >>> import jax.numpy as jnp
    >>> x = jnp.array([1., 2., 3., 4., 5.]).reshape(1, 5, 1)  # seed 1, question 1
    >>> w = jnp.array([1., 10., 100.]).reshape(3, 1, 1)
    >>> conv(x, w, padding="SAME").ravel()
    Array([210., 321., 432., 543.,  54.], dtype=float32)
    """
    x, kernel = floating("conv", x=x, kernel=kernel)
    spatial = images("conv", x)
    _check_kernel("conv", x, kernel, groups)
    c = kernel.shape[-2]
    if x.shape[-1] != c * groups:
        raise ValueError(
            f"conv: x has {x.shape[-1]} channels (axis -1) but kernel expects {c * groups} (axis -2, {c}, times "
            f"groups={groups}); got {shape('x', x)}, {shape('kernel', kernel)}"
        )
    where = window("conv", spatial, kernel.shape[:-2], stride=stride, padding=padding, dilation=dilation, groups=groups)
    return with_bias("conv", x, conv_y(x, kernel, window=where), bias)


def conv_transpose(
    x: Float[Array, "n *input k"],
    kernel: Float[Array, "*window c_per_group k"],
    bias: Float[Array, "*#output c"] | None = None,
    *,
    stride: Ints = 1,
    padding: Padding = "VALID",
    dilation: Ints = 1,
    groups: int = 1,
) -> Float[Array, "n *output c"]:
    r"""Transposed convolution: the input gradient of `conv(., kernel)`, used as a layer.

        y[n, i, c] = b[c] + sum over t, k of x[n, (i + low - d t) / s, k] w[t, c, k]      where the division is exact

    Args:
        x: [n, *input, k] with 1, 2 or 3 spatial axes.
        kernel: [*window, c // groups, k], laid out as for the convolution that this transposes (as
            `jax.lax.conv_transpose(..., transpose_kernel=True)` and PyTorch's ConvTranspose do).
        bias: None, [c] or [*output, c].
        stride, dilation, groups: of that convolution.
        padding: of that convolution, so it shortens the output: (input - 1) s + d (f - 1) + 1 - low - high. A negative
            `high` lengthens it (PyTorch's output_padding). "VALID" gives (input - 1) s + max(d (f - 1) + 1, s), "SAME"
            gives input s, both as in `jax.lax.conv_transpose`.

    Gradient: `conv_y` for x, `conv_dw` for the kernel; keeps both, no copy.

    Raises: as `conv`.

    Source: seed 4, question 5 (the gradient of a convolution as a convolution).

    >>> import jax.numpy as jnp
    >>> y = jnp.array([1., 10.]).reshape(1, 2, 1)
    >>> conv_transpose(y, jnp.array([1., 2., 3.]).reshape(3, 1, 1), stride=2).ravel()
    Array([ 1.,  2., 13., 20., 30.], dtype=float32)
    """
    x, kernel = floating("conv_transpose", x=x, kernel=kernel)
    spatial = images("conv_transpose", x)
    _check_kernel("conv_transpose", x, kernel, groups)
    if x.shape[-1] != kernel.shape[-1]:
        raise ValueError(
            f"conv_transpose: x has {x.shape[-1]} channels (axis -1) but kernel expects {kernel.shape[-1]} (axis -1); "
            f"got {shape('x', x)}, {shape('kernel', kernel)}"
        )
    where = transposed_window(
        "conv_transpose", spatial, kernel.shape[:-2], stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    return with_bias("conv_transpose", x, conv_dx(x, kernel, window=where), bias)


def _check_kernel(layer: str, x: jax.Array, kernel: jax.Array, groups: int) -> None:
    if kernel.ndim != x.ndim:
        raise ValueError(
            f"{layer}: kernel must be [*window, c // groups, k] with the {x.ndim - 2} spatial axes of x, "
            f"got {shape('kernel', kernel)} for {shape('x', x)}"
        )
    filled(layer, "kernel", kernel)
    if not is_integer(groups):
        raise TypeError(f"{layer}: groups must be an integer, got {groups!r}")
    if groups < 1:
        raise ValueError(f"{layer}: groups must be at least 1, got {groups}")
    if kernel.shape[-1] % groups:
        raise ValueError(
            f"{layer}: groups={groups} does not divide the {kernel.shape[-1]} channels of kernel's last axis; "
            f"got {shape('kernel', kernel)}"
        )
