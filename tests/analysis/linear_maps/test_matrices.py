"""Matrices against entries written down by hand, against the layers, and against their own transposes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.linear_maps import batch_norm_matrix, conv_matrix, matrix, max_pool_matrix, same_conv_matrix
from jaxcnn import ops

RANDOM = np.random.default_rng(0)


def normal(*shape: int) -> jax.Array:
    return jnp.asarray(RANDOM.normal(size=shape))


def test_toeplitz_matrix_of_seed_1() -> None:
    taps = np.array([1.0, 10.0, 100.0])
    expected = [[10, 100, 0, 0, 0], [1, 10, 100, 0, 0], [0, 1, 10, 100, 0], [0, 0, 1, 10, 100], [0, 0, 0, 1, 10]]
    np.testing.assert_array_equal(same_conv_matrix(taps, 5), expected)
    np.testing.assert_array_equal(conv_matrix(jnp.asarray(taps)[:, None, None], (5, 1), padding="SAME"), expected)


CONVOLUTIONS = {
    "1-D": ((7, 2), (3, 2, 3), {}),
    "1-D strided": ((7, 2), (3, 2, 3), {"stride": 2}),
    "2-D": ((5, 4, 2), (3, 2, 2, 3), {}),
    "2-D padded": ((4, 4, 1), (3, 3, 1, 2), {"padding": ((1, 2), (0, 1))}),
    "2-D grouped": ((4, 4, 4), (2, 2, 2, 4), {"groups": 2, "dilation": 2}),
}


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_a_convolution_is_its_matrix_and_its_backward_pass_the_transpose(case: str) -> None:
    input_shape, kernel_shape, settings = CONVOLUTIONS[case]
    x, kernel = normal(*input_shape), normal(*kernel_shape)
    layer = jax.jit(lambda x: ops.conv(x[None], kernel, **settings)[0])
    y, pull = jax.vjp(layer, x)
    dy = normal(*y.shape)
    a = conv_matrix(kernel, input_shape, **settings)
    np.testing.assert_allclose(a @ np.ravel(x), np.ravel(y), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(a.T @ np.ravel(dy), np.ravel(pull(dy)[0]), rtol=1e-12, atol=1e-12)


def test_a_max_pool_given_its_winners() -> None:
    x = normal(5, 4, 2)
    a = max_pool_matrix(x, 2, stride=1)
    np.testing.assert_array_equal(a @ np.ravel(x), np.ravel(ops.max_pool(x[None], 2, stride=1)))
    np.testing.assert_array_equal(a.sum(1), 1)
    assert set(np.unique(a)) == {0.0, 1.0}


def test_batch_norm_at_fixed_statistics() -> None:
    scale, mean, variance = normal(3), normal(3), normal(3) ** 2
    a = batch_norm_matrix(scale, mean, variance, (2,))
    np.testing.assert_allclose(a, np.diag(np.tile(scale / np.sqrt(variance + 1e-5), 2)), rtol=1e-12, atol=1e-12)


def test_an_offset_is_taken_off() -> None:
    np.testing.assert_array_equal(matrix(lambda x: 2 * x + 3, (2,)), 2 * np.eye(2))


def test_a_layer_that_is_not_affine_is_refused() -> None:
    with pytest.raises(ValueError, match="not affine"):
        matrix(ops.relu, (3,))


def test_an_even_kernel_has_no_middle() -> None:
    with pytest.raises(ValueError, match="2 taps have no middle"):
        same_conv_matrix(np.ones(2), 5)
