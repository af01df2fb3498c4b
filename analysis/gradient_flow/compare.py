r"""Prediction beside measurement: one table, one verdict, and what is wrong by layer and by name.

Logarithms are compared. Of T independent networks the mean logarithm of a second moment A has

    z = (mean ln A - ln E[A] - shift) / sqrt(variance / T + error)

with the spread of `fluctuations` and the error of a sampled prediction: |z| > 2 in one of 22 right comparisons, |z| >
5 in none. The parameters themselves are compared with what they were meant to be, which names a wrong gain, and each
kernel's gradient with the identity |dW|^2 = <delta, layer(h; dW)>, which names a wrong rule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analysis.gradient_flow.measure import Flow
from analysis.gradient_flow.predict import Prediction
from analysis.gradient_flow.verdict import Finding, symptoms

COMPARED = ("forward", "backward", "kernel_gradient")
ALARM = 5.0  # |z| of a finding: a false one in 1.7 million
ROUNDING = 1e-4  # of float32 sums, relative


class Row(NamedTuple):
    """One number of one layer."""

    layer: str
    column: str
    predicted: float
    low: float  # the band that 95 of 100 networks of these widths are in
    high: float
    measured: float  # mean over the networks
    ratio: float
    z: float


class Comparison(NamedTuple):
    """All rows, and what they say."""

    rows: list[Row]
    findings: list[Finding]

    @property
    def ok(self) -> bool:
        return not self.findings

    def table(self) -> str:
        """The rows as text.

        >>> print(Comparison([Row("dense1", "forward", 1.0, 0.9, 1.1, 1.05, 1.05, 0.98)], []).table())
        layer   column   predicted     95% band  measured  ratio     z
        dense1  forward          1  0.9 ... 1.1      1.05   1.05  0.98
        """
        lines = [("layer", "column", "predicted", "95% band", "measured", "ratio", "z")]
        for row in self.rows:
            band = f"{row.low:.3g} ... {row.high:.3g}"
            numbers = (f"{row.predicted:.4g}", band, f"{row.measured:.4g}", f"{row.ratio:.3g}", f"{row.z:.2f}")
            lines.append((row.layer, row.column, *numbers))
        return aligned(lines)


def compare(predicted: Prediction, measured: Flow | Sequence[Flow]) -> Comparison:
    """Put a prediction and the measurement of one or several independently drawn networks side by side.

    Raises:
        ValueError: the two are of different layers.

    >>> import jax, jax.numpy as jnp
    >>> from analysis.gradient_flow import measure, predict
    >>> from jaxcnn.networks import dense, relu, serial
    >>> network, x = serial(dense1=dense(256), relu1=relu(), dense2=dense(256)), jnp.ones((1, 256))
    >>> flow = measure(network, network.init(jax.random.key(0), (256,)), x)
    >>> compare(predict(network, None, x), flow).ok
    True
    """
    flows = [measured] if isinstance(measured, Flow) else list(measured)
    if not flows or any(set(flow.layers) != set(predicted.layers) for flow in flows):
        raise ValueError("compare: the prediction and the measurement are of different layers; give both one network")
    rows = [
        one_row(predicted, flows, layer, column)
        for layer in flows[0].layers
        for column in COMPARED
        if math.isfinite(predicted.row(layer)[column])
    ]
    findings = [*wrong_parameters(predicted, flows), *wrong_rules(flows), *symptoms(flows[0])]
    return Comparison(rows, findings or unexpected(rows))


def one_row(predicted: Prediction, flows: list[Flow], layer: str, column: str) -> Row:
    """A prediction, its band and its z."""
    mean, spread = predicted.row(layer)[column], predicted.spread(layer, column)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.array([flow.row(layer)[column] for flow in flows])
        logs, average = np.log(found), found.mean()
        centre = np.log(mean) + spread.shift
        reach = 1.96 * math.sqrt(spread.variance + spread.error)
        error = math.sqrt(spread.variance / len(flows) + spread.error + ROUNDING**2)
        z = 0.0 if mean == 0 and np.all(np.isneginf(logs)) else (logs.mean() - centre) / error
        low, high = np.exp(centre - reach), np.exp(centre + reach)
        return Row(layer, column, mean, float(low), float(high), float(average), float(average / mean), float(z))


def wrong_parameters(predicted: Prediction, flows: list[Flow]) -> list[Finding]:
    """Kernels and biases whose mean square is not what the initialisation means it to be."""
    findings = []
    for layer, meant in predicted.kernels.items():
        found = float(np.mean([flow.row(layer)["kernel"] for flow in flows]))
        entries = len(flows) * flows[0].sizes[flows[0].layers.index(layer)]
        if abs(found / meant - 1) > ALARM * math.sqrt(2 / entries) + ROUNDING:
            remedy = f"multiply its weights by {math.sqrt(meant / found):.3g}" if found else "its weights are all zero"
            findings.append(Finding(layer, f"kernel variance is {found / meant:.3g} of the intended", remedy))
        biases = predicted.biases[layer]
        bias = float(np.mean([flow.row(layer)["bias"] for flow in flows]))
        if math.isfinite(bias) and (bias == 0) != (biases == 0):
            findings.append(
                Finding(layer, f"bias variance is {bias:.3g} where {biases:.3g} is intended", "draw its biases anew")
            )
    return findings


def wrong_rules(flows: list[Flow]) -> list[Finding]:
    """Kernel gradients that are not the gradient of a layer that is linear in its kernel."""
    findings = []
    for index, layer in enumerate(flows[0].layers):
        ratios = np.array([flow["check"][index] for flow in flows])
        ratio = float(np.median(ratios[np.isfinite(ratios)])) if np.isfinite(ratios).any() else 1.0
        if abs(ratio - 1) > 10 * ROUNDING:
            findings.append(
                Finding(
                    layer, f"kernel gradient is {1 / ratio:.4g} of what its outputs' gradients imply", "mend its rule"
                )
            )
    return findings


def unexpected(rows: list[Row]) -> list[Finding]:
    """The first layer, in the direction of the flow, at which the signal is not as predicted."""
    findings = []
    for column in COMPARED:
        wrong = [row for row in rows if row.column == column and not abs(row.z) <= ALARM]
        if column != "forward":
            wrong = wrong[::-1]
        if wrong:
            row = wrong[0]
            findings.append(
                Finding(
                    row.layer,
                    f"{column} mean square is {row.ratio:.3g} of the predicted (z = {row.z:.1f})",
                    "compare its gain and bias with the initialisation that was meant",
                )
            )
    return findings


def aligned(lines: Sequence[Sequence[str]], left: int = 2) -> str:
    """Columns of equal width, the first ones left-aligned.

    >>> print(aligned([("layer", "kind", "n"), ("a", "relu", "10")]))
    layer  kind   n
    a      relu  10
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(w) if i < left else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
