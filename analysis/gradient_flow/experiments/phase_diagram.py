"""The phase diagram of tanh: predicted growth of the gradient as a map, measured networks as points on it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import TwoSlopeNorm

from analysis.gradient_flow import pictures
from analysis.gradient_flow.experiments.outcome import Outcome
from analysis.gradient_flow.initial import Init
from analysis.gradient_flow.meanfield import critical, fixed_length, growth, growth_map
from analysis.gradient_flow.stack import profile

WIDTH, DEPTH, SKIPPED = 256, 24, 8  # layers next to the input whose length is not yet q*


def run(quick: bool) -> Outcome:
    """Fit the slope of ln E[delta^2] over the layers of networks on a grid of (sw2, sb2)."""
    side, networks = (4, 4) if quick else (6, 8)
    weights, biases = np.linspace(0.75, 3.0, side), np.linspace(0.02, 0.3, side)
    figure, (left, right) = pictures.panels(2, width=5.5, height=4.5)
    rows = []
    for sw2 in weights:
        for sb2 in biases:
            expected = growth("tanh", sw2, fixed_length("tanh", sw2, sb2))
            found = measured_growth(Init(float(sw2), float(sb2)), networks)
            rows.append((sw2, sb2, expected, found.mean(), found.std(ddof=1) / networks**0.5))
    norm = TwoSlopeNorm(0.0, -0.5, 0.5)
    shown = draw_map(left, norm, np.array(rows))
    figure.colorbar(shown, ax=left, label="ln χ₁ per layer", extend="min")
    draw_agreement(right, np.array(rows))
    worst = max(abs(found - expected) / expected for _, _, expected, found, _ in rows)
    says = f"Measured growth agrees with χ₁ at {len(rows)} points of the phase diagram, within {worst:.1%}."
    return Outcome(says, figure, ["sw2", "sb2", "predicted", "measured", "standard_error"], rows)


def measured_growth(init: Init, networks: int) -> np.ndarray:
    """Each network's factor of E[delta^2] per layer."""
    deltas = profile("tanh", init, DEPTH, WIDTH, networks).backward[:, SKIPPED:]
    slopes = np.polyfit(np.arange(deltas.shape[1]), np.log(deltas).T, 1)[0]
    return np.exp(-slopes)


def draw_map(ax: Axes, norm: TwoSlopeNorm, rows: np.ndarray) -> QuadMesh:
    """ln chi1 as colour, the critical line, and the points."""
    sw2, sb2 = np.linspace(0.6, 3.15, 52), np.linspace(0.0, 0.32, 65)
    shown = ax.pcolormesh(sw2, sb2, np.log(growth_map("tanh", sw2, sb2)), cmap="RdBu_r", norm=norm, shading="gouraud")
    line = np.array([(critical("tanh", float(bias))[0], bias) for bias in np.linspace(0, 0.565, 40) ** 2])
    ax.plot(*line.T, "k-", linewidth=1.5)
    ax.text(1.84, 0.042, "critical line, χ₁ = 1", fontsize=9)
    ax.scatter(rows[:, 0], rows[:, 1], c=np.log(rows[:, 3]), cmap="RdBu_r", norm=norm, edgecolors="k", s=60)
    ax.text(0.63, 0.157, "gradients vanish", fontsize=9, color="white")
    ax.text(2.4, 0.157, "gradients explode", fontsize=9)
    ax.set(xlim=(0.6, 3.15), ylim=(0, 0.32))
    pictures.named(
        ax,
        "tanh: predicted χ₁ (background), measured (circles)",
        r"weight variance $\sigma_w^2$",
        r"bias variance $\sigma_b^2$",
        is_log=False,
        legend=None,
    )
    return shown


def draw_agreement(ax: Axes, rows: np.ndarray) -> None:
    """Measured against predicted growth."""
    low, high = rows[:, 2].min() * 0.95, rows[:, 2].max() * 1.05
    ax.plot([low, high], [low, high], "-", color="0.5", label="predicted = measured")
    ax.errorbar(
        rows[:, 2],
        rows[:, 3],
        2 * rows[:, 4],
        fmt="o",
        color=pictures.COLOURS[0],
        markersize=4,
        label="± 2 standard errors",
    )
    pictures.named(
        ax,
        f"{WIDTH} units, {DEPTH} layers",
        "predicted χ₁ per layer",
        "measured growth of E[δ²] per layer",
        is_log=False,
    )
