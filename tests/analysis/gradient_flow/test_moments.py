"""Expectations of activations against quadrature that shares nothing with them."""

import jax
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf

from analysis.gradient_flow.moments import ACTIVATIONS, Kinked, Smooth, activation

GAUSS, WEIGHTS = np.polynomial.hermite_e.hermegauss(150)
WEIGHTS = WEIGHTS / WEIGHTS.sum()

PLAIN = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x >= 0, x, 0.1 * x),
    "abs": np.abs,
    "linear": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "erf": erf,
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
}
SLOPES = {
    "relu": lambda x: np.where(x > 0, 1.0, 0.0),
    "leaky_relu": lambda x: np.where(x > 0, 1.0, 0.1),
    "abs": np.sign,
    "linear": lambda x: 1.0,
    "tanh": lambda x: 1 / np.cosh(x) ** 2,
    "sigmoid": lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2,
    "erf": lambda x: 2 / np.sqrt(np.pi) * np.exp(-(x**2)),
    "gelu": lambda x: (1 + erf(x / np.sqrt(2))) / 2 + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi),
}


def expectation(function, q):
    """E f(u), u ~ N(0, q), by adaptive quadrature on either side of the kink."""

    def integrand(z):
        return function(np.sqrt(q) * z) * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)

    return sum(quad(integrand, *ends, epsabs=1e-13)[0] for ends in ((-12, 0), (0, 12)))


def pair(f, q1, q2, c):
    """f(u) f(v) along the unit circle: for f homogeneous of degree d, E f(u) f(v) is its mean times E r^{2d}."""
    angle = np.linspace(0, 2 * np.pi, 200001)[:-1] + np.pi / 200000
    u, v = np.cos(angle), c * np.cos(angle) + np.sqrt(1 - c**2) * np.sin(angle)
    return f(np.sqrt(q1) * u) * f(np.sqrt(q2) * v)


@pytest.mark.parametrize("q", [0.1, 1.0, 12.6])
@pytest.mark.parametrize("name", list(PLAIN))
def test_moments_of_one_input(name, q):
    phi, plain, slope = ACTIVATIONS[name], PLAIN[name], SLOPES[name]
    for i, j in ((1, 0), (2, 0), (0, 2), (4, 0), (0, 4), (2, 2)):
        expected = expectation(lambda x, i=i, j=j: plain(x) ** i * slope(x) ** j, q)
        assert phi.moment(i, j, q) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("c", [-0.7, 0.0, 0.5, 0.99])
@pytest.mark.parametrize(("name", "degree"), [("relu", 1), ("leaky_relu", 1), ("abs", 1)])
def test_kinked_pairs_by_polar_integration(name, degree, c):
    q1, q2 = 0.5, 2.0
    covariance = np.array([[q1, c * np.sqrt(q1 * q2)], [c * np.sqrt(q1 * q2), q2]])
    phi, f, slope = ACTIVATIONS[name], PLAIN[name], SLOPES[name]
    values = {
        "value": 2 * pair(f, q1, q2, c).mean(),
        "slope": pair(slope, q1, q2, c).mean(),
        "square": 8 * pair(lambda x: f(x) ** 2, q1, q2, c).mean(),
        "slope_square": pair(lambda x: slope(x) ** 2, q1, q2, c).mean(),
    }
    for part, expected in values.items():
        assert phi.gram(part, covariance)[0, 1] == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("c", [-0.5, 0.0, 0.9, 0.999])
@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_smooth_pairs_by_gauss_hermite(name, c):
    q1, q2 = 0.3, 1.5
    u = np.sqrt(q1) * GAUSS[:, None]
    v = np.sqrt(q2) * (c * GAUSS[:, None] + np.sqrt(1 - c**2) * GAUSS)
    covariance = np.array([[q1, c * np.sqrt(q1 * q2)], [c * np.sqrt(q1 * q2), q2]])
    phi, f, slope = ACTIVATIONS[name], PLAIN[name], SLOPES[name]
    for part, g in (("value", f), ("slope", slope), ("square", lambda x: f(x) ** 2)):
        assert phi.gram(part, covariance)[0, 1] == pytest.approx(WEIGHTS @ (g(u) * g(v)) @ WEIGHTS, abs=1e-8)
    crossed = WEIGHTS @ (f(u) ** 2 * slope(v) ** 2) @ WEIGHTS
    assert phi.cross(covariance)[0, 1] == pytest.approx(crossed, abs=1e-8)


def test_erf_has_arcsine_moments():
    q, k = 0.8, 0.3
    found = ACTIVATIONS["erf"].gram("value", np.array([[q, k], [k, q]]))
    assert found[0, 1] == pytest.approx(2 / np.pi * np.arcsin(2 * k / (1 + 2 * q)), abs=1e-12)
    assert found[0, 0] == pytest.approx(2 / np.pi * np.arcsin(2 * q / (1 + 2 * q)), abs=1e-12)


def test_a_given_function_is_smooth_and_differentiated_by_its_own_rule():
    phi = activation(jax.nn.softplus)
    assert isinstance(phi, Smooth)
    assert phi.moment(0, 2, 1.0) == pytest.approx(ACTIVATIONS["sigmoid"].moment(2, 0, 1.0), rel=1e-12)


def test_saturated_share_of_tanh():
    assert ACTIVATIONS["tanh"].saturated(4.0) == pytest.approx(0.27578, abs=2e-3)  # P(|z| > atanh(sqrt(0.95)) / 2)
    assert Kinked("relu", 0.0).saturated(1.0) == 0.5


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="unknown activation 'elu'; use one of relu"):
        activation("elu")
    with pytest.raises(ValueError, match="expected a name or an elementwise function"):
        activation(3)
