"""The regions of a small network in rational arithmetic: slow, and right beyond doubt.

Floats are dyadic rationals, so nothing is rounded anywhere. The algorithm shares nothing with the fast one: cells are
split one after the other, by one unit at a time, and every cell carries its own affine map.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

Point = tuple[Fraction, Fraction]
Affine = list[tuple[Fraction, Fraction, Fraction]]  # per unit: x, y and constant coefficient
Cell = tuple[list[Point], Affine]


def rational_regions(
    layers: Sequence[tuple[Any, Any]], domain: Any, negative_slope: float | Fraction = 0
) -> list[Cell]:
    """All activation regions of (kernel[in, out], bias[out]) layers, with their exact polygons and affine maps.

    As everywhere here: `max(z, negative_slope z)` between the layers and nothing after the last, which cuts nothing.
    About a millisecond per region and unit; made for a hundred regions, not for a thousand.

    >>> fold = ([[1, -1], [0, 0]], [0, 0])  # relu(x) and relu(-x): one line, the two units mirror each other
    >>> len(rational_regions([fold, ([[1], [1]], [0])], [(-1, -1), (1, -1), (1, 1), (-1, 1)]))
    2
    """
    slope = Fraction(negative_slope)
    polygon = [(Fraction(x), Fraction(y)) for x, y in domain]
    one, zero = Fraction(1), Fraction(0)
    cells: list[Cell] = [(polygon, [(one, zero, zero), (zero, one, zero)])]
    for depth, (kernel, bias) in enumerate(layers):
        cells = [(corners, through(maps, kernel, bias)) for corners, maps in cells]
        if depth < len(layers) - 1:
            cells = [(part, rectified(part, z, slope)) for corners, z in cells for part in split(corners, z)]
    return cells


def through(maps: Affine, kernel: Any, bias: Any) -> Affine:
    """The affine maps after a dense layer: z_o = sum over i of a_i kernel[i, o] + bias[o]."""
    result = []
    for o in range(len(bias)):
        x, y, constant = (
            sum((a[k] * Fraction(row[o]) for a, row in zip(maps, kernel, strict=True)), Fraction(0)) for k in range(3)
        )
        result.append((x, y, constant + Fraction(bias[o])))
    return result


def value(z: tuple[Fraction, Fraction, Fraction], p: Point) -> Fraction:
    return z[0] * p[0] + z[1] * p[1] + z[2]


def split(corners: list[Point], units: Affine) -> list[list[Point]]:
    """A convex polygon cut along the zero line of every unit in turn."""
    parts = [corners]
    for z in units:
        parts = [half for part in parts for half in halves(part, [value(z, p) for p in part])]
    return parts


def halves(corners: list[Point], values: list[Fraction]) -> list[list[Point]]:
    """The part where the values are at least zero and the part where they are at most zero, if both have an inside."""
    if min(values) >= 0 or max(values) <= 0:
        return [corners]
    result = []
    for sign in (1, -1):
        part: list[Point] = []
        for (p, v), (q, w) in zip(pairs := list(zip(corners, values, strict=True)), pairs[1:] + pairs[:1], strict=True):
            if sign * v >= 0:
                part.append(p)
            if v * w < 0:
                t = v / (v - w)
                part.append((p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])))
        result.append(part)
    return result


def rectified(corners: list[Point], units: Affine, slope: Fraction) -> Affine:
    """The maps after the activation, on a cell where no unit changes sign."""
    x = sum((p[0] for p in corners), Fraction(0)) / len(corners)
    y = sum((p[1] for p in corners), Fraction(0)) / len(corners)
    return [z if value(z, (x, y)) > 0 else (slope * z[0], slope * z[1], slope * z[2]) for z in units]
