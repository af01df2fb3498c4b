"""Four planted faults, each of which must be named: a gain, a bias, a gradient, a dead layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from analysis.gradient_flow import pictures
from analysis.gradient_flow.compare import ROUNDING, Comparison, compare
from analysis.gradient_flow.experiments.outcome import Outcome
from analysis.gradient_flow.initial import HE, LECUN, Init
from analysis.gradient_flow.measure import Flow, measure
from analysis.gradient_flow.predict import Prediction, predict
from jaxcnn import networks, ops

WIDTH = 256


def network(init: Init = HE, third: Init | None = None) -> networks.Network:
    """Four dense layers and ReLU; the third may be drawn otherwise."""
    layers: dict[str, networks.Network] = {}
    for number in range(1, 5):
        own = third if number == 3 and third else init
        layers |= {f"dense{number}": networks.dense(WIDTH, **own.layer()), f"relu{number}": networks.relu()}
    return networks.serial(**layers)


class Case(NamedTuple):
    """A comparison, and how far off each check of it is, in units of its own error, at every dense layer."""

    comparison: Comparison
    departures: dict[str, list[float]]


@cache
def wired() -> networks.Network:
    """Measured with every fault's parameters, so that it is compiled once."""
    return network()


def faulty(
    drawn: networks.Network, init: Init, ops: ModuleType = ops, edit: Callable[[Any], Any] = lambda params: params
) -> Case:
    """A network drawn so beside what was meant, over two draws."""
    x = jax.random.normal(jax.random.key(9), (2, WIDTH), jnp.float32)
    flows = [
        measure(wired(), edit(drawn.init(jax.random.key(seed), (WIDTH,))), x, key=jax.random.key(seed), ops=ops)
        for seed in range(2)
    ]
    expected = predict(wired(), init, np.asarray(x))
    return Case(compared := compare(expected, flows), departures(expected, flows, compared))


def departures(expected: Prediction, flows: list[Flow], compared: Comparison) -> dict[str, list[float]]:
    """The signal's z, the kernel's and the bias's variance and the kernel gradient's identity, by dense layer."""
    layers = list(expected.kernels)
    z = {row.layer: row.z for row in compared.rows if row.column == "forward"}
    kernels = [flows[0].row(layer)["kernel"] / expected.kernels[layer] - 1 for layer in layers]
    biases = [flows[0].row(layer)["bias"] / (expected.biases[layer] or 1.0) for layer in layers]
    meant = [float(expected.biases[layer] > 0) for layer in layers]
    return {
        "signal E[z²]": [z[layer] for layer in layers],
        "kernel variance": [kernel / math.sqrt(2 / WIDTH**2) for kernel in kernels],
        "bias variance": [(bias - mean) / math.sqrt(2 / WIDTH) for bias, mean in zip(biases, meant, strict=True)],
        "kernel gradient": [(1 / flows[0].row(layer)["check"] - 1) / ROUNDING for layer in layers],
    }


def wrong_rule(share: float) -> ModuleType:
    """The layers, with the dense kernel's gradient off by a share."""
    mutant = ModuleType("mutant")
    mutant.__dict__.update({name: getattr(ops, name) for name in ops.__all__})

    def dense(x, kernel, bias=None):  # type: ignore[no-untyped-def]
        scaled = (1 + share) * kernel - jax.lax.stop_gradient(share * kernel)
        return ops.dense(x, scaled, bias)

    mutant.__dict__["dense"] = dense
    return mutant


def kill(params: Any) -> Any:
    """Biases so low that no unit of layer 3 is ever on."""
    return params | {"dense3": params["dense3"] | {"bias": jnp.full(WIDTH, -1e3, jnp.float32)}}


def cases() -> dict[str, Case]:
    """Each fault's comparison; the first has none."""
    biased = Init(2.0, 0.05)
    return {
        "no fault": faulty(network(), HE),
        "dense3 without He's factor 2": faulty(network(third=LECUN), HE),
        "bias variance 0.05 forgotten": faulty(network(), biased),
        "kernel gradient off by 1 %": faulty(network(), HE, ops=wrong_rule(0.01)),
        "layer 3 dead": faulty(network(), HE, edit=kill),
    }


def run(quick: bool) -> Outcome:
    """How far off each check is, fault by fault, and what is said of it."""
    figure, axes = pictures.panels(5, width=3.3, height=3.8)
    rows, found = [], cases()
    for ax, (fault, case) in zip(axes, found.items(), strict=True):
        ax.axhspan(-2, 2, color="0.9")
        for number, (check, values) in enumerate(case.departures.items()):
            shown = np.clip(np.nan_to_num(values, nan=0.0), -1e4, 1e4)
            places = np.arange(1, len(shown) + 1) + 0.12 * (number - 1.5)  # side by side
            ax.plot(places, shown, "os^D"[number], color=pictures.COLOURS[number], markersize=4, label=check)
        ax.set_yscale("symlog", linthresh=5)
        ax.set(ylim=(-3e4, 3e4), yticks=[-1e4, -100, 0, 100, 1e4], xticks=range(1, 5))
        pictures.named(ax, fault, "dense layer", "departure / its error", is_log=False, legend=None)
        rows += [(fault, str(finding)) for finding in case.comparison.findings] or [(fault, "nothing found")]
    axes[0].legend(frameon=False, fontsize=8, loc="upper left")
    healthy, *faults = (case.comparison.findings for case in found.values())
    says = (
        f"{sum(map(bool, faults))} of {len(faults)} planted faults are found by name; the right network has "
        f"{len(healthy)} findings."
    )
    return Outcome(says, figure, ["fault", "finding"], rows)
