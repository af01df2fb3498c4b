"""Tests of the average pool to a given size."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.networks import adaptive_avg_pool

X = jnp.arange(2 * 4 * 6 * 3, dtype=jnp.float64).reshape(2, 4, 6, 3)


def test_at_its_own_size_it_is_the_identity():
    assert np.array_equal(adaptive_avg_pool(4).apply({}, X[:, :, :4]), X[:, :, :4])


def test_windows_are_equal_and_averaged():
    assert np.array_equal(adaptive_avg_pool(2).apply({}, X), X.reshape(2, 2, 2, 2, 3, 3).mean(axis=(2, 4)))


def test_windows_that_would_overlap_are_refused():
    with pytest.raises(ValueError, match="4 equal windows do not fit into 4 x 6 positions"):
        adaptive_avg_pool(4).apply({}, X)
