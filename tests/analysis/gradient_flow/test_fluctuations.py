"""Finite width: exact moments and log-normal bands against many networks."""

import numpy as np
import pytest
from scipy.special import digamma, polygamma

from analysis.gradient_flow.fluctuations import Pair, Sources, relu_beta, total
from analysis.gradient_flow.initial import HE, LECUN
from analysis.gradient_flow.stack import expect, profile


def test_relu_second_moment_of_the_mean_square_is_exact():
    width, depth, networks = 50, 6, 2000
    found = profile("relu", HE, depth, width, networks).forward[:, -1] / 2  # E[z^2] = 2 from an input of mean square 1
    exact = (1 + 5 / width) ** (depth - 1) * (1 + 2 / width)  # the last layer has no ReLU
    error = np.std(found**2) / networks**0.5
    assert abs(np.mean(found**2) - exact) < 4 * error
    assert error < 0.06 * exact


def test_beta_of_twenty_layers_of_fifty():
    spread = expect("relu", HE, 21, 50).spread("backward", 0)
    assert sum([5 / 50] * 20) == pytest.approx(2.0)
    assert spread.variance == pytest.approx(2.104, abs=0.002)  # 20 psi'(10); beta = 2 to first order, exact 2.17
    assert spread.shift == pytest.approx(-1.017, abs=0.002)  # exact -1.015
    assert np.exp(spread.shift) == pytest.approx(np.exp(-1), abs=0.01)  # the median over the mean
    assert relu_beta([50] * 20) == pytest.approx(20 * np.log1p(0.1))


def test_log_gradients_of_relu_networks():
    networks = 600
    spread = expect("relu", HE, 21, 50).spread("backward", 0)
    logs = np.log(profile("relu", HE, 21, 50, networks, seed=3).backward[:, 0])
    assert abs(logs.mean() - spread.shift) < 4 * logs.std() / networks**0.5 + 0.02
    assert logs.var() == pytest.approx(spread.variance, rel=4 * (2 / networks) ** 0.5)


def test_deep_linear_networks_are_gamma_products():
    depth, width = 10, 20
    spread = expect("linear", LECUN, depth + 1, width).spread("backward", 0)
    assert spread.shift == pytest.approx(depth * (digamma(width / 2) - np.log(width / 2)), rel=1e-9)
    assert spread.variance == pytest.approx(depth * polygamma(1, width / 2), rel=1e-9)


def test_shared_sources_add_before_they_are_squared():
    sources = Sources()
    first, _ = sources.add(Pair(0.1))
    alone, twice = sources.spread(first).variance, sources.spread(total((1, first), (1, first))).variance
    assert twice == pytest.approx(4 * alone)
