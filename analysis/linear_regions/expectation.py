r"""How many regions a random network has, before looking: expectations at initialisation, and worst-case bounds.

Weights are Gaussian of variance sw2 / fan_in, biases of variance sb2, a = leaky slope, kappa = sw2 (1 + a^2) / 2. On
the plane x = o + u B the pre-activations of layer l are, for wide layers, independent Gaussian fields with

    q_1 = sw2 |x|^2 / n_0 + sb2     S_1 = sw2 B B^T / n_0     r_1 = sw2 B x / n_0      (variance, and its derivatives)
    q_l+1 = kappa q_l + sb2         S_l+1 = kappa S_l         r_l+1 = kappa r_l
    g_l = S_l / q_l - r_l r_l^T / q_l^2

and Kac and Rice count their zeros:

    knots of a unit along a curve       (1 / pi) integral sqrt(du^T g du)
    crossings of two units, l and m     integral of (2 / pi) sqrt(e_1) E(1 - e_2 / e_1) / (2 pi) over the area,
                                        e_1 >= e_2 eigenvalues of (J g_l J^T) g_m, J a rotation by 90 degrees,
                                        E the complete elliptic integral; sqrt(det g) / (2 pi) for l = m
    regions                             1 + (knots on the border) / 2 + crossings

With one hidden layer this is exact at any width. With more it is the limit of wide layers: L layers of n units have
fewer regions on the square [-1, 1]^2, by a share of about 0.7 (L - 1) / n (sb2 = 1/4, measured for n from 25 to 200).
Convolutions share weights between units, which leaves the knots right and makes the crossings approximate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, prod

import numpy as np
from scipy.special import ellipe

from analysis.linear_regions.domain import Plane
from analysis.linear_regions.operations import Array

ORDER = 16  # Gauss-Legendre points per panel
PANELS = 6


@dataclass(frozen=True)
class Ensemble:
    """Random networks: weight variance sw2 (times 1 / fan_in), bias variance sb2, negative slope, units per layer."""

    units: Sequence[int]
    weight_variance: float = 2.0
    bias_variance: float = 0.0
    negative_slope: float = 0.0

    def metrics(self, plane: Plane, points: Array) -> Array:
        """g_l at points [n, 2] of a plane, [layers, n, 2, 2]."""
        axes, x = plane.axes.reshape(2, -1), plane.at(points).reshape(len(points), -1)
        share = self.weight_variance / x.shape[1]
        kappa = self.weight_variance * (1 + self.negative_slope**2) / 2
        q, slope, r = share * (x * x).sum(axis=1) + self.bias_variance, share * axes @ axes.T, share * x @ axes.T
        found = []
        for _ in self.units:
            found.append(slope / q[:, None, None] - r[:, :, None] * r[:, None, :] / (q * q)[:, None, None])
            q, slope, r = kappa * q + self.bias_variance, kappa * slope, kappa * r
        return np.stack(found)


def expected_knots(ensemble: Ensemble, start: Array, end: Array) -> Array:
    """The expected number of knots of each layer on the segment between two inputs, [layers].

    >>> ensemble = Ensemble([100], bias_variance=0.0)  # zero bias: a unit cuts a segment seen under angle theta
    >>> round(float(expected_knots(ensemble, np.array([1.0, 0.0]), np.array([0.0, 1.0]))[0]), 6)  # theta / pi = 1 / 2
    50.0
    """
    along = np.asarray(end, float) - start
    plane = Plane(start, np.stack([along, orthogonal(along)]))
    t, weight = quadrature(0.0, 1.0)
    metric = ensemble.metrics(plane, np.stack([t, np.zeros_like(t)], axis=1))[:, :, 0, 0]
    return np.asarray(ensemble.units) / np.pi * (np.sqrt(np.maximum(metric, 0)) @ weight)


def orthogonal(direction: Array) -> Array:
    """Some direction at right angles, which the plane through a line is completed with."""
    flat = direction.ravel()
    other = np.eye(len(flat))[np.abs(flat).argmin()]
    return (other - flat * (other @ flat) / (flat @ flat)).reshape(direction.shape)


def expected_regions(ensemble: Ensemble, domain: Array, plane: Plane | None = None) -> float:
    """The expected number of regions on a convex polygon.

    >>> from analysis.linear_regions.domain import box
    >>> round(expected_regions(Ensemble([1000], weight_variance=1.0, bias_variance=0.125), box(-1, 1)))  # h = 1 / 2
    295802
    """
    plane = plane or Plane(np.zeros(2), np.eye(2))
    units = np.asarray(ensemble.units, float)
    points, weight = inside(domain)
    metric = ensemble.metrics(plane, points)
    crossings = 0.0
    for first in range(len(units)):
        crossings += comb(int(units[first]), 2) * weight @ crossing_density(metric[first], metric[first])
        for second in range(first):
            crossings += units[first] * units[second] * weight @ crossing_density(metric[first], metric[second])
    return float(1 + border_knots(ensemble, domain, plane) / 2 + crossings)


def border_knots(ensemble: Ensemble, domain: Array, plane: Plane) -> float:
    """Expected knots on the border of the domain."""
    t, weight = quadrature(0.0, 1.0)
    total = 0.0
    for a, b in zip(domain, np.roll(domain, -1, axis=0), strict=True):
        metric = ensemble.metrics(plane, a + t[:, None] * (b - a))
        length = np.sqrt(np.maximum(np.einsum("lnij,i,j->ln", metric, b - a, b - a), 0)) @ weight
        total += float(np.asarray(ensemble.units) @ length / np.pi)
    return total


def crossing_density(g: Array, h: Array) -> Array:
    """Crossings per area of the zero lines of two independent units with metrics g and h [n, 2, 2]."""
    turned = np.stack([np.stack([g[:, 1, 1], -g[:, 1, 0]], -1), np.stack([-g[:, 0, 1], g[:, 0, 0]], -1)], -2)
    product = turned @ h
    trace, determinant = product[:, 0, 0] + product[:, 1, 1], np.linalg.det(product)
    root = np.sqrt(np.maximum(trace * trace / 4 - determinant, 0))
    large, small = trace / 2 + root, np.maximum(trace / 2 - root, 0)
    return 2 / np.pi * np.sqrt(large) * ellipe(1 - small / large) / (2 * np.pi)


def quadrature(low: float, high: float) -> tuple[Array, Array]:
    """Gauss-Legendre points and weights on panels of an interval."""
    x, w = np.polynomial.legendre.leggauss(ORDER)
    edges = np.linspace(low, high, PANELS + 1)
    half, middle = np.diff(edges)[:, None] / 2, ((edges[1:] + edges[:-1]) / 2)[:, None]
    return (middle + half * x).ravel(), (half * w).ravel()


def inside(domain: Array) -> tuple[Array, Array]:
    """Points and weights of an integral over a convex polygon: a fan of triangles about its centre."""
    t, w = quadrature(0.0, 1.0)
    s, v = np.repeat(t, len(t)), np.tile(t, len(t))
    weight = np.outer(w, w).ravel() * s
    centre = domain.mean(axis=0)
    points, weights = [], []
    for a, b in zip(domain, np.roll(domain, -1, axis=0), strict=True):
        run, side = a - centre, b - a
        points.append(centre + s[:, None] * (run + v[:, None] * side))
        weights.append(weight * abs(run[0] * side[1] - run[1] * side[0]))
    return np.concatenate(points), np.concatenate(weights)


def arrangement(lines: int, dimension: int = 2) -> int:
    """Regions of hyperplanes in general position (Schlaefli): the sum of C(lines, i) for i up to the dimension.

    >>> [arrangement(n) for n in range(1, 6)], [arrangement(n, 3) for n in range(1, 6)]
    ([2, 4, 7, 11, 16], [2, 4, 8, 15, 26])
    """
    return sum(comb(lines, i) for i in range(dimension + 1))


def upper_bound(widths: Sequence[int], dimension: int = 2) -> int:
    """No ReLU network with these hidden widths has more regions on a slice of this dimension (Serra et al. 2018).

    >>> upper_bound([64, 64, 64])
    9011897441
    """
    return prod(arrangement(n, min(dimension, *widths[: k + 1])) for k, n in enumerate(widths))


def lower_bound(widths: Sequence[int], dimension: int = 2) -> int:
    """Some ReLU network with these hidden widths has at least so many regions (Montufar et al. 2014).

    >>> lower_bound([4, 4, 4]), lower_bound([8, 8, 8])
    (176, 9472)
    """
    return prod((n // dimension) ** dimension for n in widths[:-1]) * arrangement(widths[-1], dimension)
