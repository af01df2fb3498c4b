"""The gradient through up to a thousand layers, by activation and initialisation."""

from __future__ import annotations

import numpy as np

from analysis.gradient_flow import pictures
from analysis.gradient_flow.experiments.outcome import Outcome
from analysis.gradient_flow.initial import Init
from analysis.gradient_flow.meanfield import critical, phase
from analysis.gradient_flow.stack import Expected, expect, profile

WIDTH = 128
SMALLEST = 1e-30  # of a mean square, with room for fluctuations above float32's 1e-38


def settings() -> list[tuple[str, str, Init]]:
    """(words, activation, initialisation): vanishing, exploding and critical ones."""
    small = 1e-4
    return [
        ("ReLU, He", "relu", Init(2.0)),
        ("ReLU, Xavier", "relu", Init(1.0)),
        ("sigmoid, Xavier", "sigmoid", Init(1.0)),
        ("tanh, ordered (1.5, 0.05)", "tanh", Init(1.5, 0.05)),
        ("tanh, critical", "tanh", Init(critical("tanh", small)[0], small)),
        ("tanh, chaotic (2, 0.05)", "tanh", Init(2.0, 0.05)),
    ]


def run(quick: bool) -> Outcome:
    """Measure E[delta_l^2] in a few networks of each kind, from the last layer to the first."""
    most, networks = (200, 2) if quick else (1000, 4)
    figure, (ax,) = pictures.panels(1, width=8, height=5)
    rows: list[tuple] = []
    for colour, (words, phi, init) in zip(pictures.COLOURS, settings(), strict=True):
        depth = representable(phi, init, most)
        line, found = expect(phi, init, depth, WIDTH), profile(phi, init, depth, WIDTH, networks).backward
        low, high = band(line, depth)
        back = np.arange(depth)[::-1]
        factor = phase(phi, init.weight_variance, init.bias_variance).growth
        label = f"{words}: x {factor:.3g} per layer"
        pictures.predicted(ax, back, line.backward, band=(low, high), colour=colour, label=label)
        pictures.measured(ax, back, found, colour=colour)
        rows += zip([words] * depth, back, line.backward, low, high, *found, strict=True)
    pictures.named(
        ax,
        f"Gradient by layer, {WIDTH} units: mean (lines) and 95% bands in theory, networks (points)",
        "layers back from the last one",
        "E[δ²] relative to the last layer",
    )
    header = ["setting", "layers_back", "predicted", "low", "high", *(f"measured_{n}" for n in range(networks))]
    inside = [low <= value <= high for _, _, _, low, high, *found in rows for value in found]
    says = f"Through up to {most} layers {np.mean(inside):.0%} of all layers' gradients are inside their 95% bands."
    return Outcome(says, figure, header, rows)


def representable(phi: str, init: Init, most: int) -> int:
    """The layers through which neither the signal nor its gradient is expected to leave float32.

    >>> representable("relu", Init(1.0), 200), representable("relu", Init(2.0), 200)
    (100, 200)
    """
    line = expect(phi, init, most, WIDTH)
    return int(min(np.sum(line.forward > SMALLEST), np.sum(line.backward > SMALLEST)))


def band(line: Expected, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """The 95% band of E[delta^2], by layer."""
    spreads = [line.spread("backward", layer) for layer in range(depth)]
    centre = np.log(line.backward) + [spread.shift for spread in spreads]
    reach = 1.96 * np.sqrt([spread.variance for spread in spreads])
    return np.exp(centre - reach), np.exp(centre + reach)
