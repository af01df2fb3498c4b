"""Singular values of the Jacobian against depth: orthogonal against Gaussian weights."""

from __future__ import annotations

import numpy as np

from analysis.gradient_flow import pictures
from analysis.gradient_flow.experiments.outcome import Outcome
from analysis.gradient_flow.initial import Init
from analysis.gradient_flow.meanfield import critical
from analysis.gradient_flow.spectra import largest_linear, squared_singular_values, variance


def run(quick: bool) -> Outcome:
    """Squared singular values of critical networks, layer by layer."""
    depth, width = (16, 96) if quick else (32, 256)
    bias = 1e-4
    sw2, q = critical("tanh", bias)
    kinds = [("linear", 1.0, 0.0, 1.0), ("relu", 2.0, 0.0, 1.0), ("tanh", sw2, bias, q)]
    figure, axes = pictures.panels(3, width=4.4)
    rows, layers = [], np.arange(1, depth + 1)
    for ax, (phi, weight, bias, q) in zip(axes, kinds, strict=True):
        for colour, is_orthogonal in zip(pictures.COLOURS, (True, False), strict=False):
            words = "orthogonal" if is_orthogonal else "Gaussian"
            values = squared_singular_values(
                phi, Init(weight, bias, is_orthogonal), depth, width, length=length(q, weight, bias)
            )
            found = values.var(axis=1) / values.mean(axis=1) ** 2
            expected = np.array([variance(phi, int(layer), q, is_orthogonal) for layer in layers])
            label = f"{words}, predicted" + ("" if expected.any() else " 0 (points: rounding)")
            pictures.predicted(ax, layers, np.maximum(expected, 1e-13), colour=colour, label=label)
            pictures.measured(ax, layers, np.maximum(found, 1e-13), colour=colour, label=f"{words}, measured")
            rows += [(phi, words, layer, expected[at], found[at], values[at, 0]) for at, layer in enumerate(layers)]
        pictures.named(ax, f"{phi}, {width} units, critical", "depth (layers)", "variance of s² / (mean of s²)²")
    axes[0].set_ylim(3e-14, 1e3)
    largest = next(row[5] for row in rows if row[:3] == ("linear", "Gaussian", 10))
    says = (
        f"Ten Gaussian linear layers stretch a direction by {largest:.1f} in the square "
        f"(predicted {largest_linear(10):.1f} for wide ones)."
    )
    header = ["activation", "weights", "depth", "predicted_variance", "measured_variance", "largest"]
    return Outcome(says, figure, header, rows)


def length(q: float, weight_variance: float, bias_variance: float) -> float:
    """The input's mean square that gives the first layer the length q."""
    return (q - bias_variance) / weight_variance
