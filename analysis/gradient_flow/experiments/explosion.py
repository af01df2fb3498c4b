"""Seed 2's explosion: its network with weights N(0, 1), against He's and Xavier's, layer by layer.

The document blames the exponential of the softmax. Entries of softmax - labels are never larger than 1: it is the
scale of the weights that multiplies signal and gradient by about half the fan-in per layer.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from analysis.gradient_flow import pictures
from analysis.gradient_flow.compare import compare
from analysis.gradient_flow.experiments.outcome import Outcome
from analysis.gradient_flow.layers import WEIGHTS
from analysis.gradient_flow.measure import measure
from analysis.gradient_flow.predict import predict
from jaxcnn import networks
from jaxcnn.networks import initialisers

SCHEMES = ("unit_normal", "he", "xavier")


def run(quick: bool) -> Outcome:
    """Signal and gradient at the weight layers of seed 2's network, predicted and measured."""
    draws = 2 if quick else 8
    figure, axes = pictures.panels(2, width=5.2)
    x = jax.random.uniform(jax.random.key(1), (1, 28, 28, 1), jnp.float32)
    rows = []
    wired = networks.seed2()  # measured with every scheme's parameters, so that it is compiled once
    for colour, scheme in zip(pictures.COLOURS, SCHEMES, strict=False):
        network = networks.seed2(kernel_init=getattr(initialisers, scheme))
        expected = predict(network, None, np.asarray(x))
        drawn = [network.init(jax.random.key(n), (28, 28, 1)) for n in range(draws)]
        flows = [measure(wired, params, x, key=jax.random.key(n)) for n, params in enumerate(drawn)]
        found = compare(expected, flows)
        layers = [layer for layer, kind in zip(flows[0].layers, flows[0].kinds, strict=True) if kind in WEIGHTS]
        for ax, column in zip(axes, ("forward", "backward"), strict=True):
            chosen = [row for row in found.rows if row.column == column and row.layer in layers]
            place = np.arange(len(layers))
            low, high = (np.array([getattr(row, end) for row in chosen]) for end in ("low", "high"))
            line = np.array([row.predicted for row in chosen])
            pictures.predicted(ax, place, line, band=(low, high), colour=colour, label=scheme)
            points = np.array([[flow.row(layer)[column] for layer in layers] for flow in flows])
            pictures.measured(ax, place, points, colour=colour)
            ax.set_xticks(place, layers)
            rows += [
                (scheme, row.layer, column, row.predicted, row.low, row.high, row.measured, row.z) for row in chosen
            ]
    pictures.named(axes[0], "Seed 2's network: signal", "weight layer", "E[z²]")
    pictures.named(axes[1], "and its gradient", "weight layer", "E[δ²], one direction of the output")
    signal = {row[0]: row[6] for row in rows if row[1:3] == ("dense2", "forward")}
    says = (
        "Logits have mean square " + ", ".join(f"{value:.3g} with {scheme}" for scheme, value in signal.items()) + "."
    )
    return Outcome(says, figure, ["scheme", "layer", "column", "predicted", "low", "high", "measured", "z"], rows)
