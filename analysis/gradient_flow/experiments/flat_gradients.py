"""Why flat weight gradients can hide a vanishing signal: Xavier's initialisation with ReLU.

E[dW_l^2] = E[delta_l^2] E[h_{l-1}^2]: the signal halves per layer forward, its gradient halves per layer backward,
and the product is the same in every layer. A histogram of weight gradients shows nothing.
"""

from __future__ import annotations

import numpy as np

from analysis.gradient_flow import pictures
from analysis.gradient_flow.experiments.outcome import Outcome
from analysis.gradient_flow.initial import LECUN
from analysis.gradient_flow.stack import expect, profile

DEPTH, WIDTH = 20, 256


def run(quick: bool) -> Outcome:
    """Signal, its gradient and weight gradients in the same networks."""
    networks, layers = (3 if quick else 10), np.arange(1, DEPTH + 1)
    line, found = expect("relu", LECUN, DEPTH, WIDTH), profile("relu", LECUN, DEPTH, WIDTH, networks)
    figure, (ax,) = pictures.panels(1, width=7, height=4.5)
    columns = (
        ("forward", "signal E[z²]"),
        ("backward", "its gradient E[δ²]"),
        ("kernel_gradient", "weight gradient E[dW²]"),
    )
    for colour, (column, words) in zip(pictures.COLOURS, columns, strict=False):
        expected, points = getattr(line, column), getattr(found, column)
        scale = expected.max()
        pictures.predicted(
            ax,
            layers,
            expected / scale,
            colour=colour,
            label=f"{words}: x {factor(points):.2g} over {DEPTH - 1} layers",
        )
        pictures.measured(ax, layers, points / scale, colour=colour)
    pictures.named(ax, "Xavier and ReLU: weight gradients flat, signal gone", "layer", "relative to the largest")
    pairs = [(getattr(line, column), getattr(found, column).mean(axis=0)) for column, _ in columns]
    rows = [(layer, *(side[at] for pair in pairs for side in pair)) for at, layer in enumerate(layers)]
    header = ["layer", *(f"{column}_{kind}" for column, _ in columns for kind in ("predicted", "measured"))]
    says = (
        f"Over {DEPTH} layers weight gradients stay within a factor {extent(found.kernel_gradient):.1f} while "
        f"E[delta^2] falls by {np.log10(1 / factor(found.backward)):.1f} decades."
    )
    return Outcome(says, figure, header, rows)


def factor(points: np.ndarray) -> float:
    """The smaller end over the larger one, geometric mean over networks.

    >>> factor(np.array([[4.0, 2.0, 1.0]]))
    0.25
    """
    ends = np.exp(np.log(points).mean(axis=0))[[0, -1]]
    return float(ends.min() / ends.max())


def extent(points: np.ndarray) -> float:
    """Largest over smallest layer, geometric mean over networks.

    >>> extent(np.array([[1.0, 4.0, 2.0]]))
    4.0
    """
    means = np.exp(np.log(points).mean(axis=0))
    return float(means.max() / means.min())
