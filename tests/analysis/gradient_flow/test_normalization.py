"""Batch norm's growth against the table and against a network."""

import numpy as np
import pytest

from analysis.gradient_flow import normalization
from analysis.gradient_flow.experiments.normalised import BATCH, DEPTH, WIDTH, factors
from analysis.gradient_flow.residual import SHARE, normalised_growth, normalised_moments, plain_growth
from tests.analysis.gradient_flow.plain import FUNCTIONS

TABLE = {"linear": 1, "sigmoid": 1.0336, "tanh": 1.1778, "erf": 1.2257, "gelu": 1.3188, "relu": 1.46694, "abs": 2.7519}


@pytest.mark.parametrize("phi", list(TABLE))
def test_growth_per_layer(phi):
    assert normalization.growth(phi) == pytest.approx(TABLE[phi], abs=6e-5)


@pytest.mark.parametrize(("slope", "expected"), [(0.2, 1.2436), (0.1, 1.3428), (0.01, 1.4533), (0.0, 1.4669)])
def test_growth_of_leaky_relu(slope, expected):
    even = (1 + slope**2) / 2
    assert normalization.growth_of_slope(slope) == pytest.approx(expected, abs=1e-4)
    assert normalization.growth_of_slope(slope) == pytest.approx(
        even / (even - (1 - slope) ** 2 / (2 * np.pi)), rel=1e-12
    )


def test_relu_grows_by_pi_over_pi_minus_one():
    assert normalization.growth("relu") == pytest.approx(np.pi / (np.pi - 1), rel=1e-12)
    assert normalization.growth("relu") ** 0.5 == pytest.approx(1.21117, abs=6e-6)


@pytest.mark.parametrize("phi", ["linear", "sigmoid", "tanh", "relu", "abs"])
def test_growth_in_numpy(phi):
    (value, slope), rng = FUNCTIONS[phi], np.random.default_rng(0)
    networks, batch, width, layers = 4, 384, 192, 5
    x, passed, deltas = rng.standard_normal((networks, batch, width)), [], []
    for _ in range(layers + 1):
        scale = x.std(axis=1, keepdims=True)
        u = (x - x.mean(axis=1, keepdims=True)) / scale
        W = width**-0.5 * rng.standard_normal((networks, width, width))
        passed.append((u, scale, W))
        x = value(u) @ W
    delta = rng.standard_normal(x.shape)
    for u, scale, W in passed[::-1]:
        deltas.append(np.mean(delta**2, axis=(1, 2)))
        delta = slope(u) * (delta @ W.mT)
        delta = (delta - delta.mean(axis=1, keepdims=True) - u * np.mean(u * delta, axis=1, keepdims=True)) / scale
    found = np.log(deltas[-1] / deltas[0]) / layers  # the first layer divides by the input's variance, not by phi's
    error = found.std(ddof=1) / networks**0.5
    assert abs(found.mean() - np.log(TABLE[phi])) < 4 * error + 2 / batch + 2 / width
    assert error < 0.01


def test_a_network_with_a_large_batch_grows_so():
    found = factors("normalised", DEPTH, 3)[:, -1] ** (1 / DEPTH)
    assert found.mean() == pytest.approx(np.pi / (np.pi - 1), rel=0.02)
    assert found.std(ddof=1) < 0.02  # the tolerance is two standard errors at least


def grows_by(expected, found, finite=0.0):
    """Within four standard errors, and these are small; `finite` is what width and batch may add, relative."""
    error = found.std(axis=0, ddof=1) / len(found) ** 0.5
    assert np.all(np.abs(found.mean(axis=0) - expected) < 4 * error + finite * np.asarray(expected))
    assert np.all(error < 0.08 * np.asarray(expected))


def test_residual_blocks_without_norm():
    assert plain_growth(2 / 20, 20) == pytest.approx(2.653, abs=5e-4)
    assert plain_growth(2.0, 20) == 2**20
    grows_by(plain_growth(2 / DEPTH, DEPTH), factors("residual", DEPTH, 8)[:, -1])


@pytest.mark.parametrize(("variance", "depth"), [(2 / 20, 20), (2.0, 4)], ids=["alpha^2 = 1/L", "alpha = 1"])
def test_signals_of_residual_blocks_in_numpy(variance, depth):
    networks, width, rng = 40, 128, np.random.default_rng(0)
    x = rng.standard_normal((networks, width))
    start = np.mean(x**2, axis=1)
    for _ in range(depth):
        W = (variance / width) ** 0.5 * rng.standard_normal((networks, width, width))
        x = x + np.einsum("noi,ni->no", W, np.maximum(x, 0))
    grows_by(plain_growth(variance, depth), np.mean(x**2, axis=1) / start)


def test_signals_of_residual_blocks_with_norm_in_numpy():
    networks, batch, width, rng = 32, 48, 96, np.random.default_rng(0)
    x, moments, variances = rng.standard_normal((networks, batch, width)), [], []
    for _ in range(20):
        mean, variance = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
        W = (2 / width) ** 0.5 * rng.standard_normal((networks, width, width))
        x = x + np.maximum((x - mean) / variance**0.5, 0) @ W
        moments.append(np.mean(x**2, axis=(1, 2)))
        variances.append(x.var(axis=1).mean(axis=1))
    blocks = np.array([5, 10, 15, 20])
    grows_by(normalised_moments(20)[blocks], np.array(moments)[blocks - 1].T)
    grows_by(1 + (1 - 1 / np.pi) * blocks, np.array(variances)[blocks - 1].T)


def test_residual_blocks_with_norm_grow_like_a_power():
    assert normalised_growth(20) == pytest.approx(42.9, abs=0.05)
    assert normalization.growth("relu") ** 20 == pytest.approx(2129, rel=1e-3)  # without the residual connections
    grows_by(normalised_growth(DEPTH), factors("both", DEPTH, 8)[:, -1], finite=2 / BATCH + 2 / WIDTH)
    assert normalised_growth(4000) / normalised_growth(2000) == pytest.approx(2 ** (1 / SHARE), rel=1e-3)
