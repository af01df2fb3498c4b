"""Support and density: dense against convolution (seed 3, exercise 4c)."""

import jax.numpy as jnp
import numpy as np

from analysis.linear_maps import density, support
from jaxcnn import ops

X = jnp.arange(1.0, 9.0, dtype=jnp.float64)
TAPS = jnp.array([1.0, 2.0, 3.0], jnp.float64)


def convolve(x: jnp.ndarray, taps: jnp.ndarray) -> jnp.ndarray:
    return ops.conv(x[None, :, None], taps[:, None, None])[0, :, 0]


def test_a_convolution_is_sparse_by_its_units_and_dense_by_its_weights() -> None:
    assert density(lambda x: convolve(x, TAPS), X) == 3 / 8
    assert density(lambda taps: convolve(X, taps), TAPS) == 1


def test_a_dense_layer_is_dense_by_its_units_and_sparse_by_its_weights() -> None:
    w = jnp.ones((8, 6), jnp.float64)
    assert density(lambda x: ops.dense(x[None], w)[0], X) == 1
    assert density(lambda w: ops.dense(X[None], w)[0], w) == 1 / 6


def test_one_pixel_reaches_one_patch() -> None:
    x = jnp.arange(56.0, dtype=jnp.float64).reshape(7, 8)
    kernel = jnp.ones((3, 3, 1, 1), jnp.float64)
    reached = support(lambda x: ops.conv(x[None, :, :, None], kernel)[0, :, :, 0], x)[..., 2, 3]
    np.testing.assert_array_equal(np.argwhere(reached), [[r, c] for r in (0, 1, 2) for c in (1, 2, 3)])
