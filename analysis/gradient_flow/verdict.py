"""A network's health in words: how deep it may be, and which layer vanishes, explodes, saturates or dies."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from analysis.gradient_flow.initial import Init
from analysis.gradient_flow.meanfield import TRAINABLE_DEPTHS, Given, Phase, critical, phase
from analysis.gradient_flow.measure import Flow
from analysis.gradient_flow.moments import activation

RATIO = 1e6  # of E[delta^2] between two weight layers: three decades of the gradient itself
GROWTH = 1e4  # of E[h^2] from the first weight layer: two decades of the signal itself
DEAD = SATURATED = 0.75  # shares of units, of slopes; one example alone leaves half of all ReLUs off
KINKED = ("relu", "leaky_relu")  # flat on one side by design: a unit is dead where it is never on the other


class Finding(NamedTuple):
    """What is wrong: a layer, a symptom, a remedy."""

    layer: str
    symptom: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.layer}: {self.symptom}; {self.remedy}"


def verdict(phi: Given, init: Init, depth: int) -> str:
    """What becomes of signal and gradient in so many layers, and where the critical point lies.

    >>> print(verdict("tanh", Init(1.0, 0.05), 100))
    tanh at (1, 0.05) is ordered: gradients vanish. E[delta^2] changes by 0.759 per layer (xi = 3.6), by 1e-12 in 100.
    Inputs stay apart for about 6 xi = 22 layers, fewer than the 100 asked for.
    At this bias variance it is critical at weight variance 1.761.
    """
    phi = activation(phi)
    at = phase(phi, init.weight_variance, init.bias_variance)
    whole = at.growth**depth
    scale = abs(at.gradient_depth)
    lines = [
        f"{phi.name} at ({init.weight_variance:g}, {init.bias_variance:g}) is {at.name}. E[delta^2] changes by "
        f"{at.growth:.3g} per layer (xi = {scale:.1f}), by {whole:.0e} in {depth}.",
        budget(at, depth),
        critical_point(phi.name, phi, init.bias_variance),
    ]
    return "\n".join(lines)


def budget(at: Phase, depth: int) -> str:
    """How many layers inputs stay apart for, 6 xi."""
    layers = at.depth_budget
    if math.isinf(layers):
        return "At this point inputs stay apart at any depth: the approach is a power law."
    words = "enough for" if layers >= depth else "fewer than"
    return f"Inputs stay apart for about {TRAINABLE_DEPTHS} xi = {layers:.0f} layers, {words} the {depth} asked for."


def critical_point(name: str, phi: Given, bias_variance: float) -> str:
    """Where it lies at this bias variance, or at none, if anywhere."""
    try:
        return f"At this bias variance it is critical at weight variance {critical(phi, bias_variance)[0]:.4g}."
    except ValueError:
        words = f"{name} has no critical point at bias variance {bias_variance:g}"
    try:
        return f"{words}; at 0 it has one at {critical(phi, 0.0)[0]:.4g}."
    except ValueError:
        return f"{words}, nor at 0."


def symptoms(flow: Flow) -> list[Finding]:
    """The layers of a measured network that vanish, explode, saturate or are dead, each with its remedy.

    >>> columns = {"forward": np.ones(2), "backward": np.array([1e-9, 1.0])}
    >>> columns |= {name: np.full(2, np.nan) for name in ("dead", "saturated")}
    >>> print(*symptoms(Flow(("dense1", "dense2"), ("dense", "dense"), (9, 9), columns)))
    dense1: gradient vanishes: E[delta^2] is 1e-09 times dense2's; initialise on the critical line, or normalise
    """
    return [*not_finite(flow), *overgrown(flow), *ill_scaled(flow), *unresponsive(flow)]


def not_finite(flow: Flow) -> list[Finding]:
    """The first layer whose signal overflows."""
    bad = np.flatnonzero(~np.isfinite(flow["forward"]))
    if not len(bad):
        return []
    return [Finding(flow.layers[bad[0]], "signal is not finite", "draw smaller weights, or lower the step size")]


def weight_layers(flow: Flow) -> list[int]:
    return [index for index, size in enumerate(flow.sizes) if size]


def overgrown(flow: Flow) -> list[Finding]:
    """The weight layer whose signal is largest beside that of the first weight layer."""
    places = weight_layers(flow)
    if len(places) < 2:
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = flow["forward"][places] / flow["forward"][places[0]]
    at = int(np.argmax(np.where(np.isfinite(ratios), ratios, 0)))
    if not GROWTH < ratios[at] < np.inf:
        return []
    symptom = f"signal explodes: E[h^2] is {ratios[at]:.0e} times {flow.layers[places[0]]}'s"
    return [Finding(flow.layers[places[at]], symptom, "draw smaller weights, He's for ReLU, or normalise")]


def ill_scaled(flow: Flow) -> list[Finding]:
    """The weight layer whose gradient is smallest or largest beside that of the last weight layer."""
    places = weight_layers(flow)
    if len(places) < 2:
        return []
    last, deltas = places[-1], flow["backward"][places]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = deltas / deltas[-1]
    findings = []
    low, high = int(np.argmin(ratios)), int(np.argmax(ratios))
    for index, is_bad, word, remedy in (
        (low, ratios[low] < 1 / RATIO, "vanishes", "initialise on the critical line, or normalise"),
        (high, not ratios[high] <= RATIO, "explodes", "initialise on the critical line, or clip the gradient"),
    ):
        if is_bad:
            times = f"{ratios[index]:.0e} times" if ratios[index] else "0 beside"
            symptom = f"gradient {word}: E[delta^2] is {times} {flow.layers[last]}'s"
            findings.append(Finding(flow.layers[places[index]], symptom, remedy))
    return findings


def unresponsive(flow: Flow) -> list[Finding]:
    """Activations most of whose units have no slope."""
    findings = []
    for index, (layer, kind) in enumerate(zip(flow.layers, flow.kinds, strict=True)):
        dead, flat = flow["dead"][index], flow["saturated"][index]
        if kind in KINKED and dead >= DEAD:
            remedy = "lower the step size, raise its biases, or use leaky ReLU"
            findings.append(Finding(layer, f"{dead:.0%} of its units are dead: no slope at any example", remedy))
        if kind not in KINKED and flat >= SATURATED:
            remedy = "draw smaller weights before it, or normalise"
            findings.append(Finding(layer, f"saturates: {flat:.0%} of its slopes are below a twentieth", remedy))
    return findings
