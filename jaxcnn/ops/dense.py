r"""Dense layer: a bilinear form over a batch, three contractions.

    B(x, W, y) = sum over n, i, o of  x[n,i] W[i,o] y[n,o]

    dense_y (x, W)   y[n,o]  = sum over i of x[n,i] W[i,o]         seed 2, eq. 7 (one example: y = W^T x)
    dense_dx(y', W)  x'[n,i] = sum over o of y'[n,o] W[i,o]        seed 2, eq. 10
    dense_dw(x, y')  W'[i,o] = sum over n of x[n,i] y'[n,o]        seed 2, eq. 8; seed 4: x (delta)^T

Each is a partial derivative of B, so the gradient of each is the other two. Results are as wide as their sums were
carried (float32 for half types), so that a bias is added before anything is rounded.
"""

from __future__ import annotations

from typing import Any

import jax
from jaxtyping import Array, Float

from jaxcnn.lowering.dense import input_product, kernel_product, output_product
from jaxcnn.ops.arguments import filled, floating, shape
from jaxcnn.ops.bias import with_bias
from jaxcnn.ops.rule import Cotangents, Result, rule


def _dense_y(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return output_product(x, kernel)  # [n, o]


def _dense_y_backward(kept: Any, dy: jax.Array) -> Cotangents:
    x, kernel = kept
    dy = dy.astype(x.dtype)
    return dense_dx(dy, kernel), dense_dw(x, dy)


def _dense_dx(y: jax.Array, kernel: jax.Array) -> jax.Array:
    return input_product(y, kernel)  # [n, i]


def _dense_dx_backward(kept: Any, dx: jax.Array) -> Cotangents:
    y, kernel = kept
    dx = dx.astype(y.dtype)
    return dense_y(dx, kernel), dense_dw(dx, y)


def _dense_dw(x: jax.Array, y: jax.Array) -> jax.Array:
    return kernel_product(x, y)  # [i, o]


def _dense_dw_backward(kept: Any, dw: jax.Array) -> Cotangents:
    x, y = kept
    dw = dw.astype(x.dtype)
    return dense_dx(y, dw), dense_y(x, dw)


# All three keep their two arguments: both are in memory already, nothing is copied.
dense_y = rule(_dense_y, _dense_y_backward)
dense_dx = rule(_dense_dx, _dense_dx_backward)
dense_dw = rule(_dense_dw, _dense_dw_backward, result=Result.WHOLE)


def dense(
    x: Float[Array, "n i"], kernel: Float[Array, "i o"], bias: Float[Array, " o"] | None = None
) -> Float[Array, "n o"]:
    r"""Fully connected layer: y[n, o] = b[o] + sum over i of x[n, i] W[i, o].

    Args:
        x: [n, i]; see `flatten` for images.
        kernel: [i, o].
        bias: None or [o].

    Gradient: dy W^T for x, x^T dy for the kernel, the sum of dy over the batch for the bias; keeps x and the kernel, no
    copy. Every order is handwritten.

    Raises:
        TypeError: arrays of integers or of different dtypes.
        ValueError: shapes that do not fit, naming both.

    Source: seed 2, eq. 7 to 10; seed 4, question 2.

    >>> import jax.numpy as jnp
    >>> dense(jnp.array([[1., 2.]]), jnp.array([[1., 2.], [3., 4.]]))  # seed 4: ten times s(1) = (0.7, 1)
    Array([[ 7., 10.]], dtype=float32)
    """
    x, kernel = floating("dense", x=x, kernel=kernel)
    if x.ndim != 2 or kernel.ndim != 2:
        raise ValueError(
            f"dense: x must be [n, i] and kernel [i, o], got {shape('x', x)}, {shape('kernel', kernel)}; "
            f"flatten(x) joins all axes but the first"
        )
    filled("dense", "x", x)
    filled("dense", "kernel", kernel)
    if x.shape[1] != kernel.shape[0]:
        raise ValueError(
            f"dense: x has {x.shape[1]} features (axis 1) but kernel expects {kernel.shape[0]} (axis 0); "
            f"got {shape('x', x)}, {shape('kernel', kernel)}"
        )
    return with_bias("dense", x, dense_y(x, kernel), bias)


def _flatten(x: jax.Array, *, example: tuple[int, ...]) -> jax.Array:
    return x.reshape(x.shape[0], -1)  # [n, product(example)]


def _flatten_backward(kept: None, dy: jax.Array, *, example: tuple[int, ...]) -> Cotangents:
    return (unflatten(dy, example=example),)


def _unflatten(y: jax.Array, *, example: tuple[int, ...]) -> jax.Array:
    return y.reshape(y.shape[0], *example)  # [n, *example]


def _unflatten_backward(kept: None, dx: jax.Array, *, example: tuple[int, ...]) -> Cotangents:
    return (join(dx, example=example),)


def _keep_nothing(arrays: Any, y: Any) -> None:
    """A change of shape: nothing is needed backward (0 bytes)."""


join = rule(_flatten, _flatten_backward, _keep_nothing)
unflatten = rule(_unflatten, _unflatten_backward, _keep_nothing)


def flatten(x: Float[Array, "n *example"]) -> Float[Array, "n features"]:
    r"""All axes but the first as one, in row-major order: [n, h, w, c] to [n, h w c].

    Gradient: dy in x's shape; keeps nothing.

    Source: seed 0, exercise 1 ("a one-dimension vector ... fed into a fully-connected MLP").

    >>> import jax.numpy as jnp
    >>> flatten(jnp.ones((2, 4, 4, 8))).shape  # seed 2: 8 x 4 x 4 into 128
    (2, 128)
    """
    (x,) = floating("flatten", x=x)
    if x.ndim < 2:
        raise ValueError(f"flatten: x must have a batch axis and at least one more, got {shape('x', x)}")
    filled("flatten", "x", x)
    return join(x, example=x.shape[1:])
