"""The gradient through up to a thousand layers, by activation and initialisation."""

from __future__ import annotations

import numpy as np

from analysis.gradient_flow import pictures
from analysis.gradient_flow.experiments.outcome import Outcome
from analysis.gradient_flow.initial import Init
from analysis.gradient_flow.meanfield import critical, phase
from analysis.gradient_flow.stack import Expected, expect, profile

WIDTH = 128
SMALLEST = 1e-37  # of float32


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
    depth, networks = (200, 2) if quick else (1000, 4)
    figure, (ax,) = pictures.panels(1, width=8, height=5)
    rows, layers = [], np.arange(1, depth + 1)
    for colour, (words, phi, init) in zip(pictures.COLOURS, settings(), strict=True):
        growth = phase(phi, init.weight_variance, init.bias_variance).growth
        line = expect(phi, init, depth, WIDTH)
        found = profile(phi, init, depth, WIDTH, networks).backward
        low, high = band(line, depth)
        is_shown = (line.backward > SMALLEST) & (line.backward < 1 / SMALLEST)
        label = f"{words}: x {growth:.3g} per layer"
        pictures.predicted(
            ax,
            layers[is_shown],
            line.backward[is_shown],
            band=(low[is_shown], high[is_shown]),
            colour=colour,
            label=label,
        )
        pictures.measured(ax, layers, np.where((found > SMALLEST) & np.isfinite(found), found, np.nan), colour=colour)
        rows += [
            (words, layer, line.backward[layer - 1], low[layer - 1], high[layer - 1], *found[:, layer - 1])
            for layer in layers
        ]
    pictures.named(
        ax,
        f"Gradient by layer, {WIDTH} units: theory (lines, 95% bands) and networks (points)",
        "layer (1 is next to the input)",
        "E[δ²] relative to the last layer",
    )
    ax.set_ylim(1e-40, 1e25)
    header = ["setting", "layer", "predicted", "low", "high", *(f"measured_{n}" for n in range(networks))]
    inside = [low <= value <= high for _, _, _, low, high, value, *_ in rows if SMALLEST < value < np.inf]
    says = f"Through {depth} layers {np.mean(inside):.0%} of the layers are inside their 95% bands."
    return Outcome(says, figure, header, rows)


def band(line: Expected, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """The 95% band of E[delta^2], by layer."""
    spreads = [line.spread("backward", layer) for layer in range(depth)]
    centre = np.log(line.backward) + [spread.shift for spread in spreads]
    reach = 1.96 * np.sqrt([spread.variance for spread in spreads])
    return np.exp(centre - reach), np.exp(centre + reach)
