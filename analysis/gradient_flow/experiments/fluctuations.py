"""One network is not the mean: squared gradients over many networks are log-normal, and their median falls short."""

from __future__ import annotations

import math

import numpy as np

from analysis.gradient_flow import pictures
from analysis.gradient_flow.experiments.outcome import Outcome
from analysis.gradient_flow.initial import HE
from analysis.gradient_flow.stack import expect, profile

DEPTH = 21


def run(quick: bool) -> Outcome:
    """ln E[delta_1^2] of He's ReLU networks of three widths."""
    networks = 200 if quick else 2000
    figure, (ax,) = pictures.panels(1, width=7, height=4.5)
    rows = []
    for colour, width in zip(pictures.COLOURS, (25, 50, 200), strict=False):
        spread = expect("relu", HE, DEPTH, width).spread("backward", 0)
        logs = np.log(profile("relu", HE, DEPTH, width, networks).backward[:, 0])
        rows.append(
            (width, spread.shift, logs.mean(), spread.variance, logs.var(ddof=1), math.exp(float(np.median(logs))))
        )
        grid = np.linspace(-11, 5, 400)
        density = np.exp(-((grid - spread.shift) ** 2) / (2 * spread.variance)) / np.sqrt(2 * np.pi * spread.variance)
        ax.hist(logs, bins=20, density=True, color=colour, alpha=0.35)
        ax.plot(
            grid,
            density,
            color=colour,
            label=f"{width} units: predicted β = {spread.variance:.2f}, measured {rows[-1][4]:.2f}",
        )
    ax.axvline(0, color="0.4", linewidth=1)
    ax.text(0.1, 0.02, "mean", fontsize=8, color="0.3")
    pictures.named(
        ax,
        f"ReLU, He, {DEPTH - 1} nonlinear layers, {networks} networks each",
        "ln E[δ²] in one network",
        "density",
        is_log=False,
    )
    width, shift, *_, median = rows[1]
    says = (
        f"With {width} units and {DEPTH - 1} layers the median squared gradient is {median:.2f} of its mean "
        f"(predicted {math.exp(shift):.2f})."
    )
    header = [
        "width",
        "mean_log_predicted",
        "mean_log_measured",
        "variance_predicted",
        "variance_measured",
        "median_over_mean",
    ]
    return Outcome(says, figure, header, rows)
