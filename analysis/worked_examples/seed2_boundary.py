"""Seed 2, section 2: decision boundaries of ReLU networks. S2.38 to S2.47."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import linprog

from analysis.worked_examples import study_pictures
from analysis.worked_examples.entry import entry
from analysis.worked_examples.judge import Claim, Finding, Opinion
from analysis.worked_examples.truth import gradients, values

KNOTS = np.array([0.0, 2.0, 4.0, 6.0])
COEFFICIENTS = np.array([1.0, -3.0, 5.0, -6.0])
GRID = np.linspace(-3, 12, 301)


def bend(ops: Any, x: Any, knots: Any = KNOTS, coefficients: Any = COEFFICIENTS, b: float = 0.0) -> jax.Array:
    """b + sum of c_i ReLU(x - t_i), as a network: dense, ReLU, dense."""
    x, knots, coefficients = (jnp.asarray(part, jnp.float64) for part in (x, knots, coefficients))
    hidden = ops.relu(ops.dense(x.reshape(-1, 1), jnp.ones((1, knots.size)), -knots))
    return ops.dense(hidden, coefficients[:, None], jnp.full(1, b))[:, 0].reshape(x.shape)


def rectify(x: Any) -> np.ndarray:
    return np.maximum(0.0, x)


def f(x: Any) -> np.ndarray:
    """Eq. 23 in plain numpy."""
    return rectify(x) - 3 * rectify(x - 2) + 5 * rectify(x - 4) - 6 * rectify(x - 6)


@entry(
    "S2.38",
    "2",
    "It is possible to obtain a non-linear decision boundary with ReLU.",
    picture=study_pictures.decision_boundary,
)
def boundary_is_not_linear() -> list[Finding]:
    """Seven points above and below x2 = f(x1): their classes, by the network's sign, admit no separating line."""
    x1 = np.array([0.0, 2.0, 4.0, 6.0, 8.0, 3.0, 5.0])
    points = np.concatenate([np.stack([x1, f(x1) + side], 1) for side in (1, -1)])
    sign = values(lambda ops: jnp.sign(points[:, 1] - bend(ops, points[:, 0])))
    labels = np.asarray(sign.hand)
    rows = -labels[:, None] * np.concatenate([points, np.ones((14, 1))], 1)  # label (w . x + b) >= 1
    separable = linprog(np.zeros(3), A_ub=rows, b_ub=-np.ones(14), bounds=[(None, None)] * 3).status == 0
    return [
        Claim("a line separates what the network separates", False, separable),
        Claim("the network's classes", np.repeat([1.0, -1.0], 7), sign),
    ]


@entry("S2.39", "eq. 19-20", "ReLU is 0 for x up to 0.", formula=r"\mathrm{ReLU}(x)=\max(0,x)=0\ \text{for}\ x\le0")
def relu() -> list[Finding]:
    below = GRID[GRID <= 0]
    return [
        Claim("ReLU", np.maximum(0, GRID), values(lambda ops: ops.relu(jnp.asarray(GRID)))),
        Claim("for x <= 0", np.zeros(below.size), values(lambda ops: ops.relu(jnp.asarray(below)))),
    ]


@entry("S2.40", "eq. 21", "It can be shifted.", formula=r"\mathrm{ReLU}(x-c)=0\ \text{for}\ x\le c")
def shifted() -> list[Finding]:
    return [
        Claim(f"c = {c}", np.zeros(np.sum(c >= GRID)), values(lambda ops, c=c: bend(ops, GRID[c >= GRID], [c], [1.0])))
        for c in (-1.0, 2.5)
    ]


@entry(
    "S2.41",
    "eq. 22",
    "Adding it changes nothing on the left.",
    formula=r"g(x)+\mathrm{ReLU}(x-c)=g(x)\ \text{for}\ x\le c",
)
def nothing_on_the_left() -> Claim:
    left = GRID[GRID <= 2]
    return Claim(
        "g + ReLU(x - 2), g = sin", np.sin(left), values(lambda ops: jnp.sin(left) + bend(ops, left, [2.0], [1.0]))
    )


@entry(
    "S2.42", "eq. 23", "An example with four bends.",
    formula=r"f(x)=\mathrm{ReLU}(x)+(-3)\mathrm{ReLU}(x-2)+5\mathrm{ReLU}(x-4)+(-6)\mathrm{ReLU}(x-6)",
    picture=study_pictures.piecewise_function,
)  # fmt: skip
def four_bends() -> list[Finding]:
    """For x > 0 it changes sign at 3, 14/3 and 22/3: three boundary points."""
    crossings = np.array([3, 14 / 3, 22 / 3])
    around = np.sign([f(crossings - 1e-6), f(crossings + 1e-6)])
    return [
        Claim("f", f(GRID), values(bend, GRID)),
        Claim("f at 0, 2, 4, 6, 8", [0, 2, -2, 4, -2], values(bend, [0, 2, 4, 6, 8])),
        Claim("f changes sign at 3, 14/3, 22/3", [True] * 3, around[0] == -around[1]),
        Claim("and is 0 there", np.zeros(3), np.round(np.asarray(values(bend, crossings).hand), 12)),
    ]


def pieces(x: np.ndarray, constants: bool) -> np.ndarray:
    """Eq. 24, as printed or with the constants that it drops; 0 for x < 0, which it does not list."""
    slopes = np.cumsum(COEFFICIENTS)
    offsets = np.cumsum(-COEFFICIENTS * KNOTS) if constants else np.zeros(4)
    piece = np.clip(np.searchsorted(KNOTS, x, side="right") - 1, 0, 3)
    return np.where(x < 0, 0, slopes[piece] * x + offsets[piece])


@entry(
    "S2.43", "eq. 24", "The same function, piece by piece.",
    formula=r"x,\quad x-3x,\quad x-3x+5x,\quad x-3x+5x-6x",
    corrected=r"$x$, $-2x+6$, $3x-14$, $-3x+22$, and $0$ for $x<0$: the constants were dropped",
)  # fmt: skip
def constants_were_dropped() -> list[Finding]:
    """The slopes are right; as printed the function jumps at 2, 4 and 6."""
    right = pieces(GRID, constants=True)
    middles = np.array([1.0, 3.0, 5.0, 7.0])
    slopes = [gradients(bend, x).hand for x in middles]
    offsets = [pieces(np.array([x]), True)[0] - s * x for x, s in zip(middles, np.cumsum(COEFFICIENTS), strict=True)]
    return [
        Claim("f", pieces(GRID, constants=False), values(bend, GRID), corrected=right),
        Claim("slopes of the four pieces", [1, -2, 3, -3], np.asarray(slopes)),
        Claim("their constants", [0, 6, -14, 22], offsets),
    ]


@entry("S2.44", "2", "By adding ReLUs with different factors the function can be bent as much as needed.")
def bent_as_needed() -> list[Finding]:
    """On a bounded interval: sin on [0, 2 pi], interpolated with 4, 8, 16, 32 knots, against the bound h^2 / 8."""
    x = np.linspace(0, 2 * np.pi, 2001)
    errors, bounds = [], []
    for count in (4, 8, 16, 32):
        knots = np.linspace(0, 2 * np.pi, count + 1)
        slopes = np.diff(np.sin(knots)) / np.diff(knots)
        y = values(bend, x, knots[:-1], np.diff(slopes, prepend=0))
        errors.append(float(np.abs(np.asarray(y.hand) - np.sin(x)).max()))
        bounds.append((2 * np.pi / count) ** 2 / 8)
    return [
        Claim("every error is within the bound", [True] * 4, [e <= b for e, b in zip(errors, bounds, strict=True)]),
        Claim("and falls", [True] * 3, list(np.diff(errors) < 0)),
    ]


@entry("S2.45", "2", "Adding a constant value moves the function vertically.")
def moved_vertically() -> Claim:
    return Claim("f + 3", f(GRID) + 3, values(lambda ops: bend(ops, GRID, b=3.0)))


@entry(
    "S2.46", "eq. 25", "The general form.", formula=r"f(x)=b+\sum_{i=1}^nc_i\mathrm{ReLU}(x-i)",
    corrected=r"knots $t_i$ instead of $1..n$: $f(x)=b+\sum_{i=1}^nc_i\mathrm{ReLU}(x-t_i)$",
)  # fmt: skip
def general_form() -> list[Finding]:
    """With knots at 1..n the document's own eq. 23, which has one at 0, is not of this form. The best fits to it on
    [-3, 12]; for a slope left of all knots a term ReLU(t - x) is needed as well."""
    target = values(bend, GRID)

    def best(knots: np.ndarray) -> np.ndarray:
        columns = np.stack([np.ones(GRID.size), *(rectify(GRID - t) for t in knots)], 1)
        return columns @ np.linalg.lstsq(columns, np.asarray(target.auto), rcond=None)[0]

    return [Claim("eq. 23 in this form", best(np.arange(1.0, 12)), target, corrected=best(np.arange(0.0, 12)))]


@entry("S2.47", "3", "Seven references.")
def references() -> Opinion:
    return Opinion("a list of web pages states nothing to compute")
