"""Fixed points, depth scales and the critical line against published numbers and independent integration."""

import numpy as np
import pytest
from scipy.optimize import brentq

from analysis.gradient_flow.meanfield import critical, fixed_length, growth, growth_map, next_correlation, phase

# tanh: sw2, sb2, q*, chi1, xi_q, c*, xi_c, xi_grad
TABLE = [
    (1.00, 0.01, 0.07778, 0.87624, 3.720, 1.0, 7.569, 7.569),
    (1.00, 0.05, 0.19359, 0.75903, 1.748, 1.0, 3.627, 3.627),
    (1.50, 0.05, 0.41804, 0.93864, 1.683, 1.0, 15.791, 15.791),
    (1.69, 0.09, 0.60705, 0.93981, 1.338, 1.0, 16.108, 16.108),
    (1.7603, 0.05, 0.56965, 0.99986, 1.521, 1.0, 7163, 7163),
    (2.00, 0.05, 0.72176, 1.04767, 1.388, 0.74408, 25.213, -21.475),
    (2.50, 0.05, 1.06396, 1.13352, 1.180, 0.44680, 11.796, -7.979),
    (6.25, 0.09, 4.07912, 1.58523, 0.688, 0.12210, 5.109, -2.170),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"sw2={row[0]}-sb2={row[1]}")
def test_fixed_points_of_tanh(row):
    at = phase("tanh", row[0], row[1])
    assert at.length == pytest.approx(row[2], abs=6e-6)
    assert at.growth == pytest.approx(row[3], abs=1.1e-5)
    assert at.length_depth == pytest.approx(row[4], abs=6e-4)
    assert at.correlation == pytest.approx(row[5], abs=6e-6)
    assert at.correlation_depth == pytest.approx(row[6], rel=2e-4)
    assert at.gradient_depth == pytest.approx(row[7], rel=3e-4)


def test_far_into_chaos_by_sums_over_a_grid():
    z = np.linspace(-10, 10, 1001)
    weights = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()

    def pair(f, q, c):
        u, v = z[:, None], c * z[:, None] + np.sqrt(1 - c**2) * z
        return 16 * weights @ (f(np.sqrt(q) * u) * f(np.sqrt(q) * v)) @ weights

    def slope(x):
        return np.cosh(x) ** -2.0

    q = brentq(lambda q: 16 * weights @ np.tanh(np.sqrt(q) * z) ** 2 + 0.09 - q, 5, 20)
    c = brentq(lambda c: (pair(np.tanh, q, c) + 0.09) / q - c, 1e-3, 0.9)
    x = np.sqrt(q) * z
    chi1 = 16 * weights @ slope(x) ** 2
    chi_q = chi1 - 32 * weights @ (np.tanh(x) ** 2 * slope(x))  # phi'' = -2 phi phi'
    expected = [q, chi1, -1 / np.log(chi_q), c, -1 / np.log(pair(slope, q, c)), -1 / np.log(chi1)]
    assert phase("tanh", 16.0, 0.09)[2:] == pytest.approx(expected, rel=1e-7)
    assert expected == pytest.approx([12.60415, 2.36726, 0.49029, 0.02970, 3.63935, -1.16045], abs=1e-5)


def test_a_curve_grows_by_the_root_of_chi1_per_layer():
    rng, at = np.random.default_rng(0), phase("tanh", 2.5, 0.05)
    networks, width, layers = 8, 192, 7
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)[:, None]
    u, v = at.length**0.5 * rng.standard_normal((2, networks, 1, width))
    z, tangent, lengths = np.cos(angle) * u + np.sin(angle) * v, np.cos(angle) * v - np.sin(angle) * u, []
    for _ in range(layers):
        W = (2.5 / width) ** 0.5 * rng.standard_normal((networks, width, width))
        b = 0.05**0.5 * rng.standard_normal((networks, 1, width))
        z, tangent = np.tanh(z) @ W + b, (np.cosh(z) ** -2.0 * tangent) @ W
        lengths.append(np.linalg.norm(tangent, axis=-1).mean(axis=-1))
    found = np.log(lengths[-1] / lengths[0]) / (layers - 1)
    assert abs(found.mean() - np.log(at.growth) / 2) < 4 * found.std(ddof=1) / networks**0.5
    assert found.std(ddof=1) / networks**0.5 < 0.1 * np.log(at.growth)


@pytest.mark.parametrize(
    ("sb2", "sw2"),
    [
        (1e-5, 1.03952),
        (2.01e-5, 1.05),
        (1e-4, 1.08603),
        (1e-3, 1.18919),
        (0.01, 1.42421),
        (0.05, 1.76095),
        (0.1, 1.98607),
        (0.3, 2.50513),
    ],
)
def test_critical_line_of_tanh(sb2, sw2):
    found, q = critical("tanh", sb2)
    assert found == pytest.approx(sw2, abs=6e-6)
    assert fixed_length("tanh", found, sb2) == pytest.approx(q, rel=1e-6)


def test_the_point_at_which_ten_thousand_layers_were_trained_is_critical():
    at = phase("tanh", 1.0247**2, 0.00448**2)
    assert at.length == pytest.approx(0.0259, abs=1e-4)
    assert at.growth == pytest.approx(1, abs=1e-4)


def test_sigmoid_vanishes_faster_than_its_bound():
    at = phase("sigmoid", 1.0)
    assert at.length == pytest.approx(0.2647, abs=5e-5)
    assert at.growth == pytest.approx(0.0557, abs=5e-5)
    assert at.growth**0.5 == pytest.approx(0.236, abs=5e-4)
    assert phase("sigmoid", 16.0).growth ** 0.5 == pytest.approx(0.63, abs=5e-3)


def test_relu_is_critical_at_one_point_only():
    assert critical("relu", 0.0) == (2.0, 1.0)
    with pytest.raises(ValueError, match="relu is critical at bias variance 0 only"):
        critical("relu", 0.1)


def test_angles_of_relu_close_like_a_power():
    c, seen = 0.0, {}
    for layer in range(1, 2001):
        c = next_correlation("relu", 2.0, 0.0, 1.0, c)
        seen[layer] = c
    expected = {1: 0.318310, 2: 0.493731, 5: 0.735946, 10: 0.871536, 50: 0.987862, 100: 0.996423}
    for layer, value in expected.items():
        assert seen[layer] == pytest.approx(value, abs=6e-7)
    assert (1 - seen[2000]) * 2000**2 == pytest.approx(9 * np.pi**2 / 2, rel=0.02)  # to a term ln l / l


def test_the_map_agrees_with_single_points():
    sw2, sb2 = np.array([0.8, 1.5, 2.5]), np.array([0.02, 0.2])
    found = growth_map("tanh", sw2, sb2)
    expected = [[growth("tanh", w, fixed_length("tanh", w, b)) for w in sw2] for b in sb2]
    np.testing.assert_allclose(found, expected, rtol=1e-3)


@pytest.mark.parametrize("variance", [0.0, -1.0, float("nan")])
def test_impossible_variances_are_refused(variance):
    with pytest.raises(ValueError, match="weight_variance must be a positive finite number"):
        phase("tanh", variance)
    with pytest.raises(ValueError, match="bias_variance must be a finite number and not negative"):
        phase("tanh", 1.0, -0.1)
