"""Where regions are looked for: a convex polygon in a plane of input space.

x(u, v) = origin + u axes[0] + v axes[1]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray

PARALLEL = 1e-9  # the sine of the angle between two axes below which they span no plane
CONVEX = 1e-12  # twice the area of a corner, relative to its sides, below which it is none


@dataclass(frozen=True, eq=False)
class Plane:
    """An affine plane: origin [*example] and two axes [2, *example], linearly independent, any length.

    Raises:
        ValueError: shapes that do not fit, values that are not finite, axes that are parallel or zero.

    >>> Plane(np.zeros(3), np.eye(3)[:2]).at(np.array([[0.5, 2.0]])).tolist()
    [[0.5, 2.0, 0.0]]
    """

    origin: Array
    axes: Array

    def __post_init__(self) -> None:
        origin, axes = np.asarray(self.origin, float), np.asarray(self.axes, float)
        object.__setattr__(self, "origin", origin)
        object.__setattr__(self, "axes", axes)
        if axes.shape != (2, *origin.shape):
            raise ValueError(
                f"plane: axes of shape {axes.shape} do not go with an origin of shape {origin.shape}; "
                f"stack two directions of the origin's shape"
            )
        if not (np.isfinite(origin).all() and np.isfinite(axes).all()):
            raise ValueError("plane: origin and axes must be finite numbers; remove the nan or inf from the data")
        u, v = axes.reshape(2, -1)
        lengths = np.linalg.norm(u), np.linalg.norm(v)
        if min(lengths) == 0 or np.linalg.svd(np.stack([u / lengths[0], v / lengths[1]]))[1][1] < PARALLEL:
            raise ValueError(
                "plane: the two axes are parallel (or one is zero) and span no plane; "
                "choose three points that do not lie on one line"
            )

    def at(self, points: Array) -> Array:
        """The inputs at plane coordinates [n, 2], as [n, *example]."""
        return self.origin + np.tensordot(points, self.axes, axes=1)

    def project(self, inputs: Array) -> tuple[Array, Array]:
        """Coordinates [n, 2] of the points nearest to inputs [n, *example], and the distances [n] to these."""
        offset = (np.asarray(inputs, float) - self.origin).reshape(len(inputs), -1)
        axes = self.axes.reshape(2, -1)
        coordinates = np.linalg.lstsq(axes.T, offset.T, rcond=None)[0].T
        return coordinates, np.linalg.norm(offset - coordinates @ axes, axis=1)

    @staticmethod
    def through(a: Any, b: Any, c: Any) -> Plane:
        """The plane through three inputs, with orthonormal axes: a at the origin, b on the positive first axis.

        >>> Plane.through([0, 0, 1], [2, 0, 1], [1, 3, 1]).axes.tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
        """
        a, b, c = (np.asarray(point, float) for point in (a, b, c))
        u, v = b - a, c - a
        u = u / (np.linalg.norm(u) or 1)
        rest = v - np.sum(u * v) * u
        if np.linalg.norm(rest) <= PARALLEL * np.linalg.norm(v):
            rest = np.zeros_like(v)
        return Plane(a, np.stack([u, rest / (np.linalg.norm(rest) or 1)]))


def box(low: float, high: float) -> Array:
    """The square [low, high]^2 as a polygon.

    >>> box(0, 1).tolist()
    [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    """
    return np.array([[low, low], [high, low], [high, high], [low, high]], float)


def around(points: Array, margin: float = 0.15) -> Array:
    """The triangle of three points [3, 2], enlarged about its centre by a margin on each side as a share of its size.

    >>> around(np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]]), 1.0).tolist()
    [[-1.0, -1.0], [5.0, -1.0], [-1.0, 5.0]]
    """
    centre = points.mean(axis=0)
    return centre + (1 + margin) * (points - centre)


def regular(sides: int, radius: float = 1.0) -> Array:
    """A regular polygon about the origin."""
    angle = 2 * np.pi * np.arange(sides) / sides
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def polygon(domain: Sequence[Sequence[float]] | Array) -> Array:
    """A checked domain: strictly convex, counter-clockwise corners [m, 2] as float64.

    Raises:
        ValueError: fewer than three corners, values that are not finite, clockwise order, or no strictly convex corner.
    """
    try:
        corners = np.array(domain, float)
    except (TypeError, ValueError):
        corners = np.empty(0)
    if corners.ndim != 2 or corners.shape[1:] != (2,) or len(corners) < 3:
        raise ValueError(
            f"domain: must be a polygon of at least three corners, an array [m, 2], got shape {corners.shape}; "
            f"for the unit square give [[0, 0], [1, 0], [1, 1], [0, 1]]"
        )
    if not np.isfinite(corners).all():
        raise ValueError("domain: every corner must be finite; cut the polygon off at a finite size")
    sides = np.roll(corners, -1, axis=0) - corners
    after = np.roll(sides, -1, axis=0)
    lengths = np.linalg.norm(sides, axis=1)
    turn = sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0]
    limit = CONVEX * lengths * np.roll(lengths, -1)
    if lengths.min() == 0 or (np.abs(turn) <= limit).all():
        raise ValueError("domain: the polygon has no area or repeats a corner; give distinct corners that span an area")
    if (turn < -limit).all():
        raise ValueError("domain: the corners run clockwise; reverse their order")
    total = np.arctan2(turn, (sides * after).sum(axis=1)).sum()
    if (turn <= limit).any() or not np.isclose(total, 2 * np.pi):
        raise ValueError(
            "domain: the polygon is not strictly convex; drop corners on straight sides, or split it into convex parts"
        )
    return corners
