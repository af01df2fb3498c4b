"""Dead networks: formulas against simulation."""

import math

import numpy as np
import pytest

from analysis.gradient_flow.dying import dead_at_point, dead_on_line, simulate

CASES = [(2, 10, 0.9437, 0.9026), (3, 20, 0.9308, 0.8804), (4, 40, 0.9243, 0.8658)]


@pytest.mark.parametrize(("width", "layers", "point", "low"), CASES)
def test_published_numbers(width, layers, point, low):
    assert dead_at_point(width, layers) == pytest.approx(point, abs=6e-5)
    assert dead_on_line(width, layers) == pytest.approx((low, point), abs=6e-5)


@pytest.mark.parametrize(("width", "layers"), [case[:2] for case in CASES])
def test_simulated_networks_die_as_often(width, layers):
    draws = 8000
    found = simulate(width, layers, np.array([[-1.0], [1.0]]), draws, seed=1)
    exact, (low, high) = dead_at_point(width, layers), dead_on_line(width, layers)
    error = math.sqrt(exact * (1 - exact) / draws)
    assert abs(found[:, 1].mean() - exact) < 4 * error
    assert low - 4 * error < found.all(axis=1).mean() < high + 4 * error  # a line through 0 has two rays
