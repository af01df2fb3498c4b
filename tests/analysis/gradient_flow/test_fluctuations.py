"""Finite width: exact moments and log-normal bands against many networks."""

import numpy as np
import pytest
from scipy.special import digamma, polygamma
from scipy.stats import binom

from analysis.gradient_flow.fluctuations import Pair, Sources, relu_beta, total
from analysis.gradient_flow.initial import HE, LECUN
from analysis.gradient_flow.stack import expect, profile
from tests.analysis.gradient_flow.plain import stacks


def test_relu_second_moment_of_the_mean_square_is_exact():
    width, depth, networks = 50, 6, 2000
    found = profile("relu", HE, depth, width, networks).forward[:, -1] / 2  # E[z^2] = 2 from an input of mean square 1
    exact = (1 + 5 / width) ** (depth - 1) * (1 + 2 / width)  # the last layer has no ReLU
    error = np.std(found**2) / networks**0.5
    assert abs(np.mean(found**2) - exact) < 4 * error
    assert error < 0.06 * exact


def exact_logs(layers, width):
    """Mean and variance of ln |delta|^2 behind He's ReLU layers: each multiplies it by (2 / n) chi^2 of k degrees of
    freedom, k ~ Binomial(n, 1/2) the units that are on (and not 0).
    """
    k = np.arange(1, width + 1)
    share = binom.pmf(k, width, 0.5) / (1 - 0.5**width)
    means = digamma(k / 2) + np.log(4 / width)
    mean = share @ means
    return layers * mean, layers * (share @ (polygamma(1, k / 2) + (means - mean) ** 2))


def test_beta_of_twenty_layers_of_fifty():
    spread, (mean, variance) = expect("relu", HE, 21, 50).spread("backward", 0), exact_logs(20, 50)
    assert sum([5 / 50] * 20) == pytest.approx(2.0)  # to first order
    assert (mean, variance) == pytest.approx((-1.035, 2.163), abs=1e-3)
    assert spread.shift == pytest.approx(mean, abs=0.02)  # gamma sources: exact to first order and nearly to second
    assert spread.variance == pytest.approx(variance, abs=0.07)
    assert np.exp(spread.shift) == pytest.approx(np.exp(-1), abs=0.01)  # the median over the mean
    assert relu_beta([50] * 20) == pytest.approx(20 * np.log1p(0.1))


def test_many_relu_networks_in_numpy():
    networks, (mean, variance) = 600, exact_logs(20, 50)
    found = np.concatenate([stacks("relu", 2.0, 0.0, 21, 50, 100, seed=seed).backward[:, 0] for seed in range(6)])
    logs = np.log(found)
    assert abs(logs.mean() - mean) < 4 * (variance / networks) ** 0.5
    assert abs(logs.var(ddof=1) - variance) < 4 * variance * (2 / networks) ** 0.5
    assert np.median(logs) == pytest.approx(-1, abs=4 * 1.26 * (variance / networks) ** 0.5)


def test_the_mean_square_is_kept_on_average():
    found = stacks("relu", 2.0, 0.0, 6, 50, 1500).forward
    error = found.std(axis=0, ddof=1) / 1500**0.5
    assert np.all(np.abs(found.mean(axis=0) - 2) < 4 * error)
    assert error.max() < 0.05


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
    logs = np.log(stacks("linear", 1.0, 0.0, depth + 1, width, 1000).backward[:, 0])
    assert abs(logs.mean() - spread.shift) < 4 * (spread.variance / 1000) ** 0.5
    assert abs(logs.var(ddof=1) - spread.variance) < 4 * spread.variance * (2 / 1000) ** 0.5


def test_shared_sources_add_before_they_are_squared():
    sources = Sources()
    first, _ = sources.add(Pair(0.1))
    alone, twice = sources.spread(first).variance, sources.spread(total((1, first), (1, first))).variance
    assert twice == pytest.approx(4 * alone)
