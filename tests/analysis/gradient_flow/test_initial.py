"""The variances of initialisers, known or drawn, and what unequal widths make of them."""

import jax
import numpy as np
import pytest

from analysis.gradient_flow import predict
from analysis.gradient_flow.initial import tap_variances
from jaxcnn import networks
from jaxcnn.networks import initialisers

WIDTHS = (512, 256, 1024)
scaled = jax.nn.initializers.variance_scaling


@pytest.mark.parametrize(
    ("draw", "variance"),
    [
        (initialisers.xavier, 2 / (96 + 48)),
        (jax.nn.initializers.glorot_uniform(), 6 / (96 + 48) / 3),  # U(-r, r) has variance r^2 / 3
        (scaled(1 / 3, "fan_in", "uniform"), 1 / (3 * 96)),  # U(-1 / sqrt n, 1 / sqrt n)
        (initialisers.he, 2 / 96),
        (initialisers.lecun, 1 / 96),
        (initialisers.unit_normal, 1),
    ],
    ids=["Xavier", "Glorot uniform", "old default", "He", "LeCun", "unit normal"],
)
def test_variance_of_an_initialiser(draw, variance):
    drawn = [np.mean(np.square(draw(jax.random.key(seed), (96, 48), np.float32))) for seed in range(40)]
    assert tap_variances(draw, (96, 48)) == pytest.approx([variance], rel=0.01)
    assert np.mean(drawn) == pytest.approx(variance, rel=4 * (2 / (40 * 96 * 48)) ** 0.5)


def through(draw):
    """Predicted factor of the signal, and of its gradient, over ReLU layers of unequal widths."""
    layers = {}
    for number, width in enumerate(WIDTHS[1:]):
        layers |= {f"dense{number}": networks.dense(width, kernel_init=draw), f"relu{number}": networks.relu()}
    layers["last"] = networks.dense(WIDTHS[-1], kernel_init=draw)
    found = predict(networks.serial(first=networks.dense(WIDTHS[0]), relu=networks.relu(), **layers), None, np.eye(1))
    return found["forward"][-1] / found["forward"][0], found["backward"][0] / found["backward"][-1]


def test_fan_in_and_fan_out_differ_by_one_constant():
    first, last = WIDTHS[0], WIDTHS[-1]
    assert through(scaled(2, "fan_in", "normal")) == pytest.approx((1, last / first), rel=0.02)
    assert through(scaled(2, "fan_out", "normal")) == pytest.approx((first / last, 1), rel=0.02)
