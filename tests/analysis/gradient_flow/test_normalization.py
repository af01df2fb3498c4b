"""Batch norm's growth against the table and against a network."""

import numpy as np
import pytest

from analysis.gradient_flow import normalization
from analysis.gradient_flow.experiments.normalised import DEPTH, factors
from analysis.gradient_flow.residual import SHARE, normalised_growth, normalised_moments, plain_growth

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


def test_a_network_with_a_large_batch_grows_so():
    found = factors("normalised", DEPTH, 3)[:, -1] ** (1 / DEPTH)
    assert found.mean() == pytest.approx(np.pi / (np.pi - 1), rel=0.02)
    assert found.std(ddof=1) < 0.02  # the tolerance is two standard errors at least


def test_residual_blocks_without_norm():
    assert plain_growth(2 / 20, 20) == pytest.approx(2.653, abs=5e-4)
    assert factors("residual", DEPTH, 4)[:, -1].mean() == pytest.approx(plain_growth(2 / DEPTH, DEPTH), rel=0.1)


def test_residual_blocks_with_norm_grow_like_a_power():
    assert normalised_growth(20) == pytest.approx(42.9, abs=0.05)
    assert factors("both", DEPTH, 4)[:, -1].mean() == pytest.approx(normalised_growth(DEPTH), rel=0.12)
    assert normalised_growth(4000) / normalised_growth(2000) == pytest.approx(2 ** (1 / SHARE), rel=1e-3)
    assert normalised_moments(20)[[5, 10, 15, 20]] == pytest.approx([6, 11, 16, 21])
