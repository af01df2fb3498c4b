"""Gradient decorrelation ("shattering"): two inputs' gradients become unlike, the further back the more.

ReLU with He's weights: the angle theta_l of the two signals shrinks with depth as the map of c says, and the cosine
of the gradients is the product of 1 - theta_l / pi over the layers it came through: a power law, like l^-3, not 2^-l.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from analysis.gradient_flow import pictures
from analysis.gradient_flow.experiments.outcome import Outcome
from analysis.gradient_flow.initial import HE
from analysis.gradient_flow.meanfield import next_correlation
from analysis.gradient_flow.stack import profile

WIDTH = 512


def cosines(depth: int, c: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """(of the signals, of the gradients) at z_1 ... z_depth, for inputs of cosine c.

    >>> [column.round(6).tolist() for column in cosines(3)]
    [[0.0, 0.31831, 0.493731], [0.301558, 0.603115, 1.0]]
    """
    signals = [c]
    for _ in range(depth - 1):
        signals.append(next_correlation("relu", 2.0, 0.0, 1.0, signals[-1]))
    factors = 1 - np.arccos(np.array(signals)) / np.pi
    return np.array(signals), np.append(np.cumprod(factors[-2::-1])[::-1], 1.0)


def run(quick: bool) -> Outcome:
    """Two orthogonal inputs through networks of ReLU."""
    depth, networks = (20, 4) if quick else (50, 16)
    x = jnp.eye(2, WIDTH, dtype=jnp.float32) * WIDTH**0.5
    found = profile("relu", HE, depth, WIDTH, networks, x=x)
    signals, gradients = cosines(depth)
    layers = np.arange(1, depth + 1)
    figure, (left, right) = pictures.panels(2)
    pictures.predicted(left, layers, 1 - signals, label="predicted")
    pictures.measured(left, layers, 1 - found.forward_cosine, label="measured")
    left.plot(layers[3:], 9 * np.pi**2 / 2 / layers[3:] ** 2.0, "--", color="0.5", label="9π² / (2 l²)")
    pictures.named(left, "Signals of two inputs become alike", "layer", "1 - cosine of the signals")
    pictures.predicted(right, layers, gradients, label="predicted Π (1 - θ/π)", colour=pictures.COLOURS[1])
    mean, error = found.backward_cosine.mean(axis=0), found.backward_cosine.std(axis=0, ddof=1) / networks**0.5
    words = f"mean of {networks} networks ± 2 standard errors"
    right.errorbar(
        layers, mean, 2 * error, fmt="o", color=pictures.COLOURS[1], markersize=3, linewidth=0.8, label=words
    )
    right.plot(layers, 2.0 ** -(depth - layers), "--", color="0.5", label="2^-l, if masks were independent")
    pictures.named(
        right,
        "Their gradients become unlike towards the input",
        "layer",
        "cosine of the gradients",
        legend="upper left",
    )
    right.set_ylim(gradients.min() / 3, 30)  # room for the legend
    rows = list(
        zip(layers, signals, found.forward_cosine.mean(0), gradients, found.backward_cosine.mean(0), strict=True)
    )
    says = (
        f"Back through {depth} layers the gradients' cosine is {mean[0]:.3f} ± {error[0]:.3f} "
        f"(predicted {gradients[0]:.3f})."
    )
    return Outcome(
        says, figure, ["layer", "signal_predicted", "signal_measured", "gradient_predicted", "gradient_measured"], rows
    )
