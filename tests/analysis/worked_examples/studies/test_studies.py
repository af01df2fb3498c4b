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
    """Every layer multiplies the gradient by at most 1/4 times the weights' largest gain, here far below 1."""
    ratios = list(activations.gradient_ratios("sigmoid", 1 / 16).values())
    assert np.all(np.diff(np.log(ratios)) < np.log(0.5) * np.diff(activations.DEPTHS))
    assert ratios[0] < 1


def test_the_confidence_interval_says_whether_a_difference_exists() -> None:
    """For three differences of mean m and standard deviation 1 it is m -+ 4.3027 / sqrt(3)."""
    relu = np.zeros(3)
    none, some = (activations.Comparison(relu, np.array([-1.0, 0.0, 1.0]) + m) for m in (2.4, 2.5))
    assert none.interval == pytest.approx((2.4 - 4.30265 / sqrt(3), 2.4 + 4.30265 / sqrt(3)), abs=1e-5)
    assert (none.differs, some.differs) == (False, True)


def test_a_run_that_diverged_is_in_no_pair() -> None:
    found = activations.Comparison(np.array([1.0, np.nan, 3.0, 4.0]), np.array([2.0, 1.0, np.inf, 3.0]))
    assert [pair.tolist() for pair in found.pairs] == [[1, 4], [2, 3]]
    assert found.leaky_wins == 1


@pytest.mark.heavy
def test_training_converges_at_the_lower_rate_and_not_always_at_the_higher() -> None:
    low, high = map(activations.compare_training, activations.RATES)
    assert low.pairs[0].size == 20
    assert high.pairs[0].size < 20


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
