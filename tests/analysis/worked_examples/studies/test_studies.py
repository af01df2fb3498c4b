"""The small studies against what can be said of them exactly."""

from math import exp, log, pi, sqrt

import numpy as np
import pytest

from analysis.worked_examples.studies import activations, perceptron, softmax


@pytest.mark.parametrize(("name", "mean"), [("relu", 1.0), ("leaky_relu", 0.9)])
def test_mean_activation(name: str, mean: float) -> None:
    assert activations.mean_activation(name) == pytest.approx(mean / sqrt(2 * pi), rel=1e-13)


def test_a_dead_neuron_stays_dead_and_a_leaky_one_moves() -> None:
    relu, leaky = (activations.dead_neuron(name, steps=50) for name in ("relu", "leaky_relu"))
    assert (relu.gradient, relu.losses[0], relu.losses[-1], relu.active.max()) == (0.0, 1.0, 1.0, 0.0)
    assert leaky.gradient > 0
    assert leaky.losses[-1] < leaky.losses[0]


def test_sigmoids_lose_at_least_a_quarter_per_layer() -> None:
    """One layer between first and last: the ratio is at most 1/4 times the weights' largest gain, far below 1."""
    assert activations.gradient_ratio("sigmoid", 6, 1 / 16) < activations.gradient_ratio("sigmoid", 3, 1 / 16) < 1


def test_the_confidence_interval_of_equal_runs_holds_zero() -> None:
    found = activations.Comparison(np.ones(3), np.ones(3), (-0.1, 0.1))
    assert not found.differs
    assert activations.Comparison(np.ones(3), np.ones(3), (0.1, 0.2)).differs


def test_the_exponential_overflows_just_above_its_logarithm() -> None:
    assert [np.isinf(softmax.exponential(bits, above=True)) for bits in (32, 64)] == [True, True]
    assert softmax.exponential(64, above=False) == pytest.approx(exp(0.999 * log(1.7976931348623157e308)))


def test_digits_are_a_hundred_of_each() -> None:
    data = softmax.digits()
    assert np.bincount(np.asarray(data.y)).tolist() == [100] * 10
    assert data.x.shape == (1000, 28, 28, 1)
    assert data.test_y.size == 797
    assert 0 <= float(data.x.min()) <= float(data.x.max()) <= 1


def test_the_perceptrons_gradient_vanishes_exactly() -> None:
    w = np.ones(3)
    assert perceptron.gradient_norms(w, (1, 1e5))[1] == 0
    start, end = perceptron.descend(1e5 * w, steps=3)
    assert np.array_equal(start, end)
