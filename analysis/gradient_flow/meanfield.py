r"""Mean-field theory of a wide random network z = W phi(z) + b: what happens to length, angle and gradient per layer.

W has variance sw2 / fan_in, b has variance sb2 (Poole et al. 2016, Schoenholz et al. 2017):

    length     q <- sw2 E[phi(sqrt(q) z)^2] + sb2           fixed point q*,   depth scale xi_q
    gradient   E|delta_l|^2 = chi1 E|delta_{l+1}|^2         chi1 = sw2 E[phi'(sqrt(q*) z)^2],   xi_grad = -1 / ln chi1
    angle      c <- (sw2 E[phi(u) phi(v)] + sb2) / q*       fixed point c*,   xi_c = -1 / ln chi(c*)

Depth scales are in layers: a difference shrinks by e in xi. chi1 < 1 is order: gradients vanish, inputs become alike.
chi1 > 1 is chaos: they explode, and alike inputs part. Between the two runs the critical line.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

from analysis.gradient_flow.moments import Activation, activation

TRAINABLE_DEPTHS = 6  # networks up to about 6 xi_c layers could be trained (Schoenholz et al. 2017, figure 5)
LARGEST, SMALLEST = 1e6, 1e-12  # lengths that count as infinite and as zero

Given = str | Activation | Callable[[Array], Array]


class Phase(NamedTuple):
    """A point of the phase diagram."""

    weight_variance: float  # sw2
    bias_variance: float  # sb2
    length: float  # q*
    growth: float  # chi1, of the gradient's second moment per layer towards the input
    length_depth: float  # xi_q
    correlation: float  # c*
    correlation_depth: float  # xi_c
    gradient_depth: float  # xi_grad, negative where gradients explode

    @property
    def name(self) -> str:
        """In words."""
        if abs(self.growth - 1) < 1e-3:
            return "critical"
        return "ordered: gradients vanish" if self.growth < 1 else "chaotic: gradients explode"

    @property
    def depth_budget(self) -> float:
        """The number of layers through which inputs can still be told apart, about 6 xi_c."""
        return TRAINABLE_DEPTHS * self.correlation_depth


def phase(phi: Given, weight_variance: float, bias_variance: float = 0.0) -> Phase:
    """Where a network of this activation and initialisation lies.

    Raises:
        ValueError: a weight variance that is not positive, or a negative bias variance.

    >>> at = phase("tanh", 2.0, 0.05)
    >>> round(at.length, 5), round(at.growth, 5), round(at.correlation, 5), round(at.correlation_depth, 3)
    (0.72176, 1.04767, 0.74408, 25.213)
    """
    phi = activation(phi)
    check(weight_variance, bias_variance)
    q = fixed_length(phi, weight_variance, bias_variance)
    chi1 = growth(phi, weight_variance, q)
    c = fixed_correlation(phi, weight_variance, bias_variance, q)
    slope = correlation_slope(phi, weight_variance, q, c)
    return Phase(
        weight_variance,
        bias_variance,
        q,
        chi1,
        depth_scale(length_slope(phi, weight_variance, q)),
        c,
        depth_scale(slope),
        depth_scale(chi1),
    )


def next_length(phi: Given, weight_variance: float, bias_variance: float, q: float) -> float:
    """The mean square of the next layer's pre-activations, of pre-activations with mean square q.

    >>> next_length("relu", 2.0, 0.1, q=3.0)
    3.1
    """
    return weight_variance * activation(phi).moment(2, 0, q) + bias_variance


def growth(phi: Given, weight_variance: float, q: float) -> float:
    """chi1 at length q: the factor of E[delta^2] per layer, towards the input.

    >>> growth("relu", 1.0, q=3.0)
    0.5
    """
    return weight_variance * activation(phi).moment(0, 2, max(q, SMALLEST))


def length_slope(phi: Given, weight_variance: float, q: float) -> float:
    """The length map's derivative sw2 d E[phi^2] / dq = chi1 + sw2 E[phi phi''], by a difference in log q.

    >>> round(length_slope("relu", 1.0, q=3.0), 9)
    0.5
    """
    phi, q, step = activation(phi), max(q, SMALLEST), 1e-4
    low, high = (phi.moment(2, 0, q * math.exp(sign * step)) for sign in (-1, 1))
    return weight_variance * (high - low) / (q * 2 * math.sinh(step))


def fixed_length(phi: Given, weight_variance: float, bias_variance: float) -> float:
    """q*: the stable fixed point that lengths of order one are drawn to; 0 or infinity where they shrink or grow on.

    >>> fixed_length("relu", 1.0, 0.1), fixed_length("relu", 2.0, 0.0), fixed_length("relu", 2.0, 0.1)
    (0.2, 1.0, inf)
    """
    phi = activation(phi)

    def excess(log_q: float) -> float:
        q = math.exp(log_q)
        return (next_length(phi, weight_variance, bias_variance, q) - q) / q

    if abs(excess(0.0)) < 1e-14:
        return 1.0  # every length is kept, as by He's initialisation
    outwards = 1 if excess(0.0) > 0 else -1
    near, far = 0.0, 0.5 * outwards
    while excess(far) * outwards > 0:
        near, far = far, far + 0.5 * outwards
        if not math.log(SMALLEST) < far < math.log(LARGEST):
            return 0.0 if outwards < 0 else math.inf
    root = math.exp(bisect(excess, near, far))
    return round(root, 15)


def fixed_correlation(phi: Given, weight_variance: float, bias_variance: float, q: float) -> float:
    """c*: the correlation that two different inputs are drawn to; 1 unless the network is chaotic.

    >>> fixed_correlation("relu", 1.0, 0.1, q=0.2)
    1.0
    """
    if not 0 < q < math.inf:
        return 1.0

    def excess(c: float) -> float:
        return next_correlation(phi, weight_variance, bias_variance, q, c) - c

    below = 1 - 1e-7
    if growth(phi, weight_variance, q) <= 1 or (excess(0.0) > 0 and excess(below) > 0):
        return 1.0
    return max(bisect(excess, 0.0, below), 0.0) if excess(0.0) > 0 else 0.0


def next_correlation(phi: Given, weight_variance: float, bias_variance: float, q: float, c: float) -> float:
    """The correlation of two inputs' pre-activations one layer on, of equal lengths q = q*.

    >>> round(next_correlation("relu", 2.0, 0.0, 1.0, 0.0), 6)
    0.31831
    """
    gram = activation(phi).gram("value", q * np.array([[1, c], [c, 1]]))
    return float((weight_variance * gram[0, 1] + bias_variance) / (weight_variance * gram[0, 0] + bias_variance))


def correlation_slope(phi: Given, weight_variance: float, q: float, c: float) -> float:
    """The correlation map's derivative at c, sw2 E[phi'(u) phi'(v)]; chi1 at c = 1.

    >>> correlation_slope("relu", 2.0, q=1.0, c=0.0), correlation_slope("relu", 2.0, q=1.0, c=1.0)
    (0.5, 1.0)
    """
    if c == 1 or not 0 < q < math.inf:
        return growth(phi, weight_variance, q)
    return float(weight_variance * activation(phi).gram("slope", q * np.array([[1, c], [c, 1]]))[0, 1])


def growth_map(
    phi: Given, weight_variances: Float[np.ndarray, " n"], bias_variances: Float[np.ndarray, " m"]
) -> Float[np.ndarray, "m n"]:
    """chi1 on a grid of the phase diagram: for every sw2 the fixed points are the curve sb2 = q - sw2 E[phi^2] in q.

    >>> growth_map("tanh", np.array([2.0]), np.array([0.05])).round(3).tolist()
    [[1.048]]
    """
    phi = activation(phi)
    q = np.geomspace(1e-6, 1e2, 400)
    lengths = np.array([phi.moment(2, 0, value) for value in q])
    slopes = np.array([phi.moment(0, 2, value) for value in q])
    columns = []
    for sw2 in weight_variances:
        biases = q - sw2 * lengths
        is_stable = biases > np.maximum.accumulate(np.append(-np.inf, biases))[:-1]  # the outermost branch
        is_stable &= np.arange(len(q)) >= np.argmin(biases)
        columns.append(np.interp(bias_variances, biases[is_stable], (sw2 * slopes)[is_stable]))
    return np.stack(columns, axis=1)


def critical(phi: Given, bias_variance: float) -> tuple[float, float]:
    """(sw2, q*) on the critical line chi1 = 1 at this bias variance.

    The line is a curve in q: sw2 = 1 / E[phi'^2], sb2 = q - sw2 E[phi^2]. Where several q have the same sb2, the
    smallest is taken.

    Raises:
        ValueError: the activation has no critical point with this bias variance (ReLU's only one is at zero).

    >>> round(critical("tanh", 0.05)[0], 5), critical("relu", 0.0)
    (1.76095, (2.0, 1.0))
    """
    phi = activation(phi)
    check(1.0, bias_variance)

    def bias_at(log_q: float) -> float:
        q = math.exp(log_q)
        return q - phi.moment(2, 0, q) / phi.moment(0, 2, q)

    if abs(bias_at(0.0)) < 1e-12 and abs(bias_at(1.0)) < 1e-12:  # a kink at the origin keeps every length
        if bias_variance == 0:
            return 1 / phi.moment(0, 2, 1.0), 1.0
        raise ValueError(f"critical: {phi.name} is critical at bias variance 0 only, got {bias_variance}")
    if bias_variance == 0 and abs(phi.moment(2, 0, SMALLEST)) < 10 * SMALLEST:
        return 1 / phi.moment(0, 2, SMALLEST), 0.0  # phi(0) = 0: the line ends where the length does
    grid = np.arange(math.log(1e-9), math.log(1e3), 0.05)
    above = np.array([bias_at(log_q) for log_q in grid]) > bias_variance
    turns = np.flatnonzero(above[1:] & ~above[:-1])
    if not len(turns):
        raise ValueError(f"critical: {phi.name} has no critical point at bias variance {bias_variance}; try another")
    q = math.exp(bisect(lambda log_q: bias_at(log_q) - bias_variance, grid[turns[0]], grid[turns[0] + 1]))
    return 1 / phi.moment(0, 2, q), q


def depth_scale(factor: float) -> float:
    """-1 / ln factor: the layers in which something that is multiplied by `factor` falls by e (negative: grows).

    >>> round(depth_scale(0.5), 4), depth_scale(1.0)
    (1.4427, inf)
    """
    if abs(factor - 1) < 1e-12:
        return math.inf
    return 0.0 if factor <= 0 else -1 / math.log(factor)


def bisect(function: Callable[[float], float], low: float, high: float) -> float:
    """A root between two points at which the function's signs differ.

    >>> round(bisect(lambda x: x**2 - 4, 0.0, 3.0), 12)
    2.0
    """
    is_positive_at_low = function(low) > 0
    while low != (middle := (low + high) / 2) != high:
        if (function(middle) > 0) == is_positive_at_low:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def check(weight_variance: float, bias_variance: float) -> None:
    if not (weight_variance > 0 and math.isfinite(weight_variance)):
        raise ValueError(f"weight_variance must be a positive finite number, got {weight_variance}; 1 is tanh's scale")
    if not (bias_variance >= 0 and math.isfinite(bias_variance)):
        raise ValueError(f"bias_variance must be a finite number and not negative, got {bias_variance}; use 0 for none")
