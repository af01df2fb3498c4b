"""Singular values of the Jacobian against their theory, and the Jacobian itself against jax.jacobian."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.gradient_flow.initial import HE, LECUN, ORTHOGONAL, Init
from analysis.gradient_flow.meanfield import critical
from analysis.gradient_flow.moments import activation
from analysis.gradient_flow.spectra import (
    jacobian_stack,
    largest_linear,
    spread_per_layer,
    squared_singular_values,
    variance,
)
from analysis.gradient_flow.stack import draw


def test_orthogonal_linear_networks_keep_every_singular_value():
    values = squared_singular_values("linear", ORTHOGONAL, depth=10, width=32)
    np.testing.assert_allclose(values[-1], 1, rtol=1e-4)


def test_gaussian_linear_networks_stretch():
    values = np.mean([squared_singular_values("linear", LECUN, 10, 192, seed)[[0, -1]] for seed in range(3)], axis=0)
    assert values[0].mean() == pytest.approx(1, rel=0.05)
    assert values[0].max() == pytest.approx(largest_linear(1), rel=0.05)
    assert np.mean(values[0] ** 2) == pytest.approx(2, rel=0.05)  # second moment L + 1
    assert values[-1].max() == pytest.approx(largest_linear(10), rel=0.15)


def test_largest_singular_values_of_products():
    assert largest_linear(1) == 4
    assert largest_linear(10) == pytest.approx(28.5, abs=0.05)


@pytest.mark.parametrize(
    ("init", "width", "expected"),
    [(Init(2.0, is_orthogonal=True), 64, 8.0), (HE, 192, 16.0)],
    ids=["orthogonal", "Gaussian"],
)
def test_variance_of_relu(init, width, expected):
    assert variance("relu", 8, 1.0, init.is_orthogonal) == expected
    values = [squared_singular_values("relu", init, 8, width, seed)[-1] for seed in range(4)]
    found = np.mean([value.var() / value.mean() ** 2 for value in values])
    assert found == pytest.approx(expected, rel=0.2)  # corrections of order depth / width


def test_tanh_is_nearly_isometric_close_to_the_origin():
    sw2 = 1.05
    q = critical("tanh", 2.01e-5)[1]
    assert spread_per_layer("tanh", q) == pytest.approx(0.0043, abs=1e-4)
    assert spread_per_layer("tanh", critical("tanh", 0.05)[1]) == pytest.approx(0.34, abs=5e-3)
    assert critical("tanh", 2.01e-5)[0] == pytest.approx(sw2, abs=1e-4)


def test_the_jacobian_is_that_of_the_network():
    key, phi = jax.random.key(3), activation("tanh")
    x = jax.random.normal(jax.random.key(4), (1, 5), jnp.float32)
    params = draw(key, 3, 5, Init(1.5, 0.1))

    def network(x):
        for kernel, bias in zip(params["kernel"], params["bias"], strict=True):
            x = jnp.tanh(x @ kernel + bias)
        return x

    found = jacobian_stack(params, x, phi)[-1]
    np.testing.assert_allclose(found, jax.jacobian(network)(x[0]), rtol=2e-5, atol=1e-6)
