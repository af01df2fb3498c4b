r"""Activations of Gaussian inputs: every expectation that the theory of signal propagation asks for.

    u ~ N(0, q)                         E[phi^i phi'^j]             `moment`
    (u, v) ~ N(0, K)                    E[f(u) f(v)]                `gram`, f one of phi, phi', phi^2, phi'^2

Kinked activations, phi(x) = x for x >= 0 and a x below, have closed forms: with c the correlation of u and v,

    E|u||v|     = (2/pi) (sqrt(1 - c^2) + c asin c)                 unit variances; Cho and Saul 2009
    E[sgn sgn]  = (2/pi) asin c

Smooth ones are summed by the trapezoidal rule, which for a Gaussian times an analytic function converges faster than
any power of the step (Trefethen and Weideman 2014); pairs by Mehler's formula E[f(u) f(v)] = sum_k f_k(q_u) f_k(q_v)
c^k, with f_k(q) the coefficients of f(sqrt(q) z) in normalised Hermite polynomials. Everything is float64 on the
host.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcnn import ops

Matrix = Float[np.ndarray, "points points"]
Part = Literal["value", "slope", "square", "slope_square"]
REACH, STEP = 12.0, 0.04  # of the trapezoidal rule, in standard deviations
DEGREE = 128  # of the Hermite expansion
FLAT = 0.05  # a unit is saturated where its slope is below this share of the steepest


@dataclass(frozen=True)
class Kinked:
    """phi(x) = x for x >= 0, a x below: ReLU (a = 0), leaky ReLU, linear (a = 1), absolute value (a = -1).

    >>> Kinked("relu", 0.0).moment(2, 0, q=2.0), Kinked("relu", 0.0).moment(0, 2, q=2.0)
    (1.0, 0.5)
    """

    name: str
    slope: float

    def function(self, x: Array) -> Array:
        """phi(x), elementwise."""
        return jnp.where(x >= 0, x, self.slope * x)

    def moment(self, value_power: int, slope_power: int, q: float) -> float:
        """E[phi(u)^i phi'(u)^j], u ~ N(0, q)."""
        sign = (-1) ** value_power * self.slope ** (value_power + slope_power)
        return float(q ** (value_power / 2) * absolute_moment(value_power) * (1 + sign) / 2)

    def gram(self, part: Part, cov: Matrix) -> Matrix:
        """E[f(u_i) f(u_j)] for u ~ N(0, cov) and f the part named."""
        a, scale, c = self.slope, np.sqrt(np.outer(np.diag(cov), np.diag(cov))), correlations(cov)
        even, odd = ((1 + a) / 2, (1 - a) / 2) if part in ("value", "slope") else ((1 + a**2) / 2, (1 - a**2) / 2)
        if part == "value":  # even u + odd |u|
            return scale * (even**2 * c + odd**2 * 2 / np.pi * (np.sqrt(1 - c**2) + c * np.arcsin(c)))
        if part == "square":  # even u^2 + odd u |u|
            bent = 2 / np.pi * ((1 + 2 * c**2) * np.arcsin(c) + 3 * c * np.sqrt(1 - c**2))
            return scale**2 * (even**2 * (1 + 2 * c**2) + odd**2 * bent)
        return even**2 + odd**2 * 2 / np.pi * np.arcsin(c)  # even + odd sgn u

    def cross(self, cov: Matrix) -> Matrix:
        """E[phi(u_i)^2 phi'(u_j)^2]."""
        a, c = self.slope, correlations(cov)
        bent = 2 / np.pi * (np.arcsin(c) + c * np.sqrt(1 - c**2))
        return np.diag(cov)[:, None] * (((1 + a**2) / 2) ** 2 + ((1 - a**2) / 2) ** 2 * bent)

    def positive(self, q: float) -> float:
        """The probability that phi(u) > 0."""
        return 0.5 if self.slope >= 0 else 1.0

    def saturated(self, q: float) -> float:
        """The probability that |phi'(u)| is below FLAT of its largest value."""
        return 0.5 if abs(self.slope) < FLAT else 0.0

    def slope_scale(self) -> float:
        """The largest |phi'|."""
        return max(1.0, abs(self.slope))


@dataclass(frozen=True)
class Smooth:
    """Any differentiable elementwise function; what is computed once per variance is kept.

    >>> erf = Smooth("erf", jax.lax.erf)
    >>> abs(erf.moment(2, 0, q=1.0) - 2 / math.pi * math.asin(2 / 3)) < 1e-14
    True
    """

    name: str
    function: Callable[[Array], Array]

    def moment(self, value_power: int, slope_power: int, q: float) -> float:
        value, slope = self.curves(q)
        return float(nodes()[1] @ (value**value_power * slope**slope_power))

    def gram(self, part: Part, cov: Matrix) -> Matrix:
        f, distinct, where = self.expansions(part, cov)
        total = mehler(f, f, correlations(cov))
        exact = np.array([self.moment(*POWERS[part], float(q)) for q in distinct])
        np.fill_diagonal(total, exact[where])  # the diagonal needs no expansion
        return total

    def cross(self, cov: Matrix) -> Matrix:
        return mehler(self.expansions("square", cov)[0], self.expansions("slope_square", cov)[0], correlations(cov))

    def expansions(self, part: Part, cov: Matrix) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Hermite coefficients at every point [points, degree]; the distinct variances, and which point has which."""
        distinct, where = np.unique(np.diag(cov), return_inverse=True)
        return np.stack([self.coefficients(part, float(q)) for q in distinct])[where], distinct, where

    def coefficients(self, part: Part, q: float) -> Float[np.ndarray, " degree"]:
        value, slope = self.curves(q)
        f = {"value": value, "slope": slope, "square": value**2, "slope_square": slope**2}[part]
        return hermite() @ (nodes()[1] * f)

    @lru_cache(512)  # noqa: B019  activations are few and live as long as the program
    def curves(self, q: float) -> tuple[np.ndarray, np.ndarray]:
        """phi and phi' at the nodes, for variance q."""
        return value_and_slope(self.function, math.sqrt(q) * nodes()[0])

    def saturated(self, q: float) -> float:
        z, weights = fine_nodes()
        _, slope = value_and_slope(self.function, math.sqrt(q) * z)
        return float(weights @ (np.abs(slope) < FLAT * self.slope_scale()))

    def positive(self, q: float) -> float:
        """The probability that phi(u) > 0."""
        z, weights = fine_nodes()
        return float(weights @ (value_and_slope(self.function, math.sqrt(q) * z)[0] > 0))

    def slope_scale(self) -> float:
        return float(np.abs(value_and_slope(self.function, nodes()[0])[1]).max())


Activation = Kinked | Smooth
POWERS = {"value": (2, 0), "slope": (0, 2), "square": (4, 0), "slope_square": (0, 4)}

ACTIVATIONS: dict[str, Activation] = {
    "relu": Kinked("relu", 0.0),
    "leaky_relu": Kinked("leaky_relu", 0.1),
    "linear": Kinked("linear", 1.0),
    "abs": Kinked("abs", -1.0),
    "tanh": Smooth("tanh", ops.tanh),
    "sigmoid": Smooth("sigmoid", ops.sigmoid),
    "erf": Smooth("erf", jax.lax.erf),
    "gelu": Smooth("gelu", partial(jax.nn.gelu, approximate=False)),
}


def activation(given: str | Activation | Callable[[Array], Array]) -> Activation:
    """An activation by name, or of any differentiable elementwise function.

    Raises:
        ValueError: an unknown name.

    >>> activation("relu").name, activation(jax.nn.softplus).name
    ('relu', 'softplus')
    """
    if isinstance(given, (Kinked, Smooth)):
        return given
    if isinstance(given, str):
        if given not in ACTIVATIONS:
            raise ValueError(f"unknown activation {given!r}; use one of {', '.join(ACTIVATIONS)}, or give a function")
        return ACTIVATIONS[given]
    if not callable(given):
        raise ValueError(f"activation: expected a name or an elementwise function, got {given!r}")
    return Smooth(getattr(given, "__name__", "function"), given)


def correlations(cov: Matrix) -> Matrix:
    """K scaled to a unit diagonal; points without variance are correlated with nothing.

    >>> correlations(np.array([[4.0, 1.0], [1.0, 1.0]])).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    scale = np.sqrt(np.outer(np.diag(cov), np.diag(cov)))
    c = np.divide(cov, scale, out=np.zeros_like(cov), where=scale > 0)
    c = np.clip(c, -1, 1)
    np.fill_diagonal(c, 1)
    return c


def mehler(f: np.ndarray, g: np.ndarray, c: Matrix) -> Matrix:
    """sum_k f_k(i) g_k(j) c_ij^k by Horner's rule.

    >>> mehler(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([[0.5]])).tolist()
    [[7.0]]
    """
    total = np.zeros_like(c)
    for left, right in zip(f.T[::-1], g.T[::-1], strict=True):
        total = total * c + np.outer(left, right)
    return total


def absolute_moment(power: int) -> float:
    """E|z|^p of a standard Gaussian.

    >>> absolute_moment(4)
    3.0
    """
    return round(2 ** (power / 2) * math.gamma((power + 1) / 2) / math.sqrt(math.pi), 14)


def value_and_slope(function: Callable[[Array], Array], x: Float[np.ndarray, "..."]) -> tuple[np.ndarray, np.ndarray]:
    """phi(x) and phi'(x) in float64; the slope by the function's own backward pass."""
    with jax.enable_x64(True), jax.ensure_compile_time_eval():
        value, slope = differentiated(function)(jnp.asarray(x, jnp.float64))
        return np.asarray(value), np.asarray(slope)


@cache
def differentiated(function: Callable[[Array], Array]) -> Callable[[Array], tuple[Array, Array]]:
    """x to (phi(x), phi'(x)), compiled once per function: root finding asks hundreds of times."""

    @jax.jit
    def both(x: Array) -> tuple[Array, Array]:
        value, pull = jax.vjp(function, x)
        return value, pull(jnp.ones_like(value))[0]

    return both


@cache
def nodes() -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Points and weights with E[f(z)] = weights @ f(points)."""
    z = np.linspace(-REACH, REACH, round(2 * REACH / STEP) + 1)
    weights = np.exp(-(z**2) / 2)
    return z, weights / weights.sum()


@cache
def fine_nodes() -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """The same, dense enough for an indicator (error about 0.001)."""
    z = np.linspace(-8, 8, 16001)
    weights = np.exp(-(z**2) / 2)
    return z, weights / weights.sum()


@cache
def hermite() -> Float[np.ndarray, "degree nodes"]:
    """Hermite polynomials with E[h_j h_k] = [j = k] at the nodes."""
    z, _ = nodes()
    rows = [np.ones_like(z), z]
    for k in range(1, DEGREE - 1):
        rows.append((z * rows[k] - math.sqrt(k) * rows[k - 1]) / math.sqrt(k + 1))
    return np.stack(rows)
