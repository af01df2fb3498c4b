"""The other way round: ReLU networks that equal a given function (seed 2, section 2).

Seed 2 bends a function by adding ReLUs, eq. 23: f(x) = ReLU(x) - 3 ReLU(x - 2) + 5 ReLU(x - 4) - 6 ReLU(x - 6). Two of
its equations need mending. Eq. 24 drops the constants of the pieces; they are x, -2x + 6, 3x - 14, -3x + 22 (and 0 left
of 0). Eq. 25, b + sum over i of c_i ReLU(x - i), puts the knots at 1, 2, .. n, where eq. 23 already has one at 0; with
knots t_i in any place, and units that face left as well, it is

    f(x) = f(p) + s_p+ ReLU(x - p) - s_p- ReLU(p - x)
         + sum over knots t > p of (jump of slope) ReLU(x - t) + sum over knots t < p of (jump of slope) ReLU(t - x)

with a pivot p among the knots and s_p-, s_p+ the slopes on its two sides. Far from the pivot on one side, the units of
the other side are exactly 0, so nothing cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from analysis.linear_regions.operations import Array

Layers = list[tuple[Array, Array]]


def interpolant(
    knots: Sequence[float] | Array, values: Sequence[float] | Array, left_slope: float = 0.0, right_slope: float = 0.0
) -> Layers:
    """The one-hidden-layer network that equals a continuous piecewise-linear function on the whole line.

    Args:
        knots: strictly increasing; values: the function there; left_slope, right_slope: its slopes outside the knots.

    Units without weight are left out and the pivot is chosen to need the fewest: one unit per knot where some piece is
    constant, one more otherwise. With dyadic knots, values and slopes every evaluation is exact.

    Raises:
        ValueError: knots that do not increase, are not finite, or do not match the values.

    >>> seed2 = interpolant([0, 2, 4, 6], [0, 2, -2, 4], right_slope=-3)  # eq. 23
    >>> seed2[0][1].tolist(), seed2[1][0].ravel().tolist()
    ([0.0, -2.0, -4.0, -6.0], [1.0, -3.0, 5.0, -6.0])
    """
    t, y = np.asarray(knots, float), np.asarray(values, float)
    if t.ndim != 1 or t.shape != y.shape or not len(t):
        raise ValueError(
            f"interpolant: knots and values must be lists of one length, got shapes {t.shape} and {y.shape}"
        )
    finite = np.isfinite([*t, *y, left_slope, right_slope]).all()
    if not finite or (np.diff(t) <= 0).any():
        raise ValueError("interpolant: knots must be finite and strictly increase; sort them and join equal ones")
    slopes = np.array([left_slope, *(np.diff(y) / np.diff(t)), right_slope])
    jumps = np.diff(slopes)
    pivot = cheapest(slopes)
    units = [(1.0, t[pivot], slopes[pivot + 1]), (-1.0, t[pivot], -slopes[pivot])]
    units += [(1.0, t[i], jumps[i]) for i in range(pivot + 1, len(t))]
    units += [(-1.0, t[i], jumps[i]) for i in range(pivot)]
    kept = sorted(unit for unit in units if unit[2] != 0) or [(1.0, t[pivot], 0.0)]
    kept.sort(key=lambda unit: unit[1])
    facing, at, weight = np.array(kept).T
    return [(facing[None], 0.0 - facing * at), (weight[:, None], np.array([y[pivot]]))]


def cheapest(slopes: Array) -> int:
    """The knot that saves most units as a pivot, the most central of several."""
    zero = (slopes[:-1] == 0).astype(int) + (slopes[1:] == 0)
    middle = np.abs(np.arange(len(zero)) - (len(zero) - 1) / 2)
    return int(np.lexsort((middle, -zero))[0])


def approximation(function: Callable[[Array], Array], low: float, high: float, pieces: int) -> Layers:
    """The network that equals a function at equidistant points of [low, high] and is straight in between.

    Its error on [low, high] is at most h^2 / 8 times the largest |f''|, h = (high - low) / pieces: twice the units, a
    quarter of the error. Outside, the first and last pieces go on. It has `pieces` + 1 units, or fewer.

    >>> x = np.linspace(0, 2 * np.pi, 1001)
    >>> error = np.abs(evaluate(approximation(np.sin, 0, 2 * np.pi, 32), x) - np.sin(x)).max()
    >>> bool(0.99 * (2 * np.pi / 32) ** 2 / 8 < error <= (2 * np.pi / 32) ** 2 / 8)
    True
    """
    if pieces < 1 or not low < high:
        raise ValueError(f"approximation: needs low < high and at least one piece, got [{low}, {high}] and {pieces}")
    t = np.linspace(low, high, pieces + 1)
    y = np.asarray(function(t), float)
    slopes = np.diff(y) / np.diff(t)
    return interpolant(t, y, slopes[0], slopes[-1])


def evaluate(layers: Layers, x: Array) -> Array:
    """The single output of a network with one input at many points [n]."""
    rows = np.asarray(x, float)[:, None]
    for depth, (kernel, bias) in enumerate(layers):
        rows = rows @ kernel + bias
        if depth < len(layers) - 1:
            rows = np.maximum(rows, 0)
    return rows[:, 0]


def tent(folds: int) -> Layers:
    """2 |x| - 1 on [-1, 1], applied `folds` times: 2^folds pieces of slope +-2^folds from 2 folds units.

    A network with one hidden layer needs 2^folds - 1 units for as many pieces (Telgarsky 2015).

    >>> evaluate(tent(2), np.array([-1.0, -0.5, 0.0, 0.5, 1.0])).tolist()
    [1.0, -1.0, 1.0, -1.0, 1.0]
    """
    return folded(np.array([[1.0, -1.0]]), folds)


def folded_square(folds: int) -> Layers:
    """The tent map on both coordinates of [-1, 1]^2: 4^folds equal squares from 4 folds units; two outputs.

    >>> folded_square(3)[1][0].shape
    (4, 4)
    """
    return folded(np.array([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]]), folds)


def folded(mirror: Array, folds: int) -> Layers:
    """`mirror` gives x and -x of every coordinate to ReLUs, whose sum is |x|; then 2 |x| - 1, and again."""
    if folds < 1:
        raise ValueError(f"folds must be at least 1, got {folds}")
    size = np.abs(mirror).T
    inner = (2 * size @ mirror, -mirror.sum(axis=0))
    hidden = [(mirror, np.zeros(mirror.shape[1])), *[inner] * (folds - 1)]
    return [*hidden, (2 * size, -np.ones(size.shape[1]))]
