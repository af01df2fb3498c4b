"""Singular values of the Jacobian against their theory, and the Jacobian itself against jax.jacobian."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.gradient_flow.experiments.jacobian import length
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


def exact_moments(kind, n, depth):
    """E[mean s^4] and E[(mean s^2)^2] over the n squared singular values of a product of layers, at any width.

    Of A = J J^T both are linear in what they were a layer before: E over W, and over ReLU's masks, which by the
    symmetry of W's rows are independent fair coins, of tr (D W A W^T D)^2 and of (tr D W A W^T D)^2.
    """
    steps = {
        "Gaussian linear": lambda x, y: (x * (1 + 1 / n) + y, y + 2 * x / n**2),
        "Gaussian ReLU": lambda x, y: (x * (1 + 3 / n) + 2 * y, y * (1 + 1 / n) + 4 * x / n**2),
        "orthogonal ReLU": lambda x, y: (x + (2 * x + n * y) / (n + 2), y + (2 * x / n + y) / (n + 2)),
    }
    x = y = 1.0
    for _ in range(depth):
        x, y = steps[kind](x, y)
    return x, y


def agrees_with(values, kind, depth):
    """Squared singular values [networks, n] have E[mean s^4] = r E[(mean s^2)^2], r exact for this width."""
    networks, width = values.shape
    fourth, second = exact_moments(kind, width, depth)
    square = np.mean(values, axis=1) ** 2
    departure = np.mean(values**2, axis=1) - fourth / second * square
    error = departure.std(ddof=1) / networks**0.5
    assert abs(departure.mean()) < 4 * error
    assert error < 0.06 * fourth / second * square.mean()
    assert abs(square.mean() - second) < 4 * square.std(ddof=1) / networks**0.5


def test_gaussian_linear_networks_stretch():
    networks, width = 12, 128
    values = np.array([squared_singular_values("linear", LECUN, 10, width, seed) for seed in range(networks)])
    for depth in (1, 10):
        agrees_with(values[:, depth - 1], "Gaussian linear", depth)
        assert exact_moments("Gaussian linear", 1e9, depth)[0] == pytest.approx(depth + 1)
        largest = values[:, depth - 1].max(axis=1)
        edge = width ** (-2 / 3)  # how far the largest is from its limit, relative
        assert largest.mean() == pytest.approx(largest_linear(depth), rel=4 * edge)
    assert np.mean(values[:, 0]) == pytest.approx(1, abs=4 * (2 / width**2 / networks) ** 0.5)


def test_largest_singular_values_of_products():
    assert largest_linear(1) == 4
    assert largest_linear(10) == pytest.approx(28.5, abs=0.05)


@pytest.mark.parametrize(
    ("init", "expected"), [(Init(2.0, is_orthogonal=True), 8.0), (HE, 16.0)], ids=["orthogonal", "Gaussian"]
)
def test_variance_of_relu(init, expected):
    kind, networks, width = "orthogonal ReLU" if init.is_orthogonal else "Gaussian ReLU", 16, 64
    assert variance("relu", 8, 1.0, init.is_orthogonal) == expected
    assert exact_moments(kind, 1e9, 8) == pytest.approx((1 + expected, 1))
    values = [squared_singular_values("relu", init, 8, width, seed)[-1] for seed in range(networks)]
    agrees_with(np.array(values), kind, 8)


def test_variance_of_tanh_with_orthogonal_weights():
    sw2, q = critical("tanh", 0.05)
    init, found = Init(sw2, 0.05, is_orthogonal=True), {}
    for width in (64, 128):
        values = [squared_singular_values("tanh", init, 4, width, seed, length(q, sw2, 0.05))[-1] for seed in range(6)]
        found[width] = np.mean([value.var() / value.mean() ** 2 for value in values])
    limit = 2 * found[128] - found[64]  # the correction is of order depth / width
    assert limit == pytest.approx(variance("tanh", 4, q, is_orthogonal=True), rel=0.1)


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
