r"""Any linear layer as the matrix it is.

    y = A x + b        x and y are one example's entries in row-major order (channels last)

A's columns are the layer's answers to the unit vectors, so nothing here knows how a layer works, and its transpose must
be what the layer's backward pass applies: B = A^T (seed 4, question 5).
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn import ops

Shape = tuple[int, ...]


def matrix(layer: Callable[[jax.Array], jax.Array], input_shape: Shape, dtype: Any = jnp.float32) -> np.ndarray:
    """The matrix of an affine layer, [outputs, inputs]; its offset, layer(0), is taken off.

    Args:
        layer: x[n, *input_shape] to y[n, *output]; affine in x, which is checked at one random point.
        input_shape: one example's shape.

    Raises:
        ValueError: the layer is not affine.

    >>> matrix(lambda x: 2 * x + 1, (2,)).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    inputs = prod(input_shape)
    x = np.random.default_rng(0).normal(size=inputs)
    batch = np.concatenate([np.zeros((1, inputs)), np.eye(inputs), x[None]]).astype(dtype)  # [1 + inputs + 1, inputs]
    answers = np.asarray(jax.jit(layer)(batch.reshape(-1, *input_shape))).reshape(inputs + 2, -1)
    found, y = (answers[1:-1] - answers[0]).T, answers[-1] - answers[0]  # [outputs, inputs], [outputs]
    if not np.allclose(found @ x, y, rtol=1e-3, atol=1e-3 * np.abs(y).max(initial=1)):
        raise ValueError("matrix: the layer is not affine; fix what it chooses (max pool: its winners) first")
    return found


def conv_matrix(kernel: jax.Array, input_shape: Shape, **settings: Any) -> np.ndarray:
    """The matrix of `ops.conv(x, kernel, **settings)`: Toeplitz, with one diagonal per tap.

    Args:
        kernel: [*window, c // groups, k].
        input_shape: (*spatial, c).
        settings: stride, padding, dilation, groups.

    >>> conv_matrix(jnp.array([1.0, 10.0, 100.0])[:, None, None], (4, 1)).tolist()
    [[1.0, 10.0, 100.0, 0.0], [0.0, 1.0, 10.0, 100.0]]
    """
    kernel = jnp.asarray(kernel)
    return matrix(lambda x: ops.conv(x, kernel, **settings), input_shape, kernel.dtype)


def same_conv_matrix(taps: np.ndarray, n: int) -> np.ndarray:
    """Seed 1's W, written down entry by entry: W[i, j] = w[j - i + (K - 1) / 2] where that tap exists.

    >>> same_conv_matrix(np.array([1, 10, 100]), 4).tolist()
    [[10.0, 100.0, 0.0, 0.0], [1.0, 10.0, 100.0, 0.0], [0.0, 1.0, 10.0, 100.0], [0.0, 0.0, 1.0, 10.0]]
    """
    if len(taps) % 2 == 0:
        raise ValueError(f"same_conv_matrix: {len(taps)} taps have no middle; give an odd number")
    found = np.zeros((n, n))
    for position, tap in enumerate(taps):
        found += np.diag(np.full(n - abs(position - len(taps) // 2), float(tap)), position - len(taps) // 2)
    return found


def max_pool_matrix(x: jax.Array, window: Any, **settings: Any) -> np.ndarray:
    """The matrix of a max pool at x[*spatial, c]: it picks the winners that x has, and is linear while they win.

    One 1 in every row; its transpose returns each gradient to its winner.

    >>> max_pool_matrix(jnp.array([[1.0], [3.0], [2.0]]), 2, stride=1).tolist()
    [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
    """
    y, pull = jax.vjp(lambda x: ops.max_pool(x[None], window, **settings), jnp.asarray(x))
    rows = jax.vmap(lambda dy: pull(dy.reshape(y.shape))[0].ravel())(jnp.eye(y.size, dtype=y.dtype))
    return np.asarray(rows)  # [outputs, inputs]


def batch_norm_matrix(
    scale: jax.Array, mean: jax.Array, variance: jax.Array, spatial: Shape = (), epsilon: float = 1e-5
) -> np.ndarray:
    """The matrix of batch norm at fixed statistics: diagonal, scale / sqrt(variance + epsilon) for every position.

    >>> batch_norm_matrix(jnp.array([3.0]), jnp.array([5.0]), jnp.array([4.0]), (2,)).round(3).tolist()
    [[1.5, 0.0], [0.0, 1.5]]
    """
    scale = jnp.asarray(scale)

    def layer(x: jax.Array) -> jax.Array:
        return ops.batch_norm(x, scale, jnp.zeros_like(scale), mean, variance, epsilon=epsilon)

    return matrix(layer, (*spatial, scale.size), scale.dtype)
