"""Four planted faults, each of which must be named: a gain, a bias, a gradient, a dead layer."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis.gradient_flow import pictures
from analysis.gradient_flow.compare import Comparison, compare
from analysis.gradient_flow.experiments.outcome import Outcome
from analysis.gradient_flow.initial import HE, LECUN, Init
from analysis.gradient_flow.measure import measure
from analysis.gradient_flow.predict import predict
from jaxcnn import networks, ops

WIDTH = 256


def network(init: Init = HE, third: Init | None = None) -> networks.Network:
    """Four dense layers and ReLU; the third may be drawn otherwise."""
    layers: dict[str, networks.Network] = {}
    for number in range(1, 5):
        own = third if number == 3 and third else init
        layers |= {f"dense{number}": networks.dense(WIDTH, **own.layer()), f"relu{number}": networks.relu()}
    return networks.serial(**layers)


def faulty(built: networks.Network, init: Init, ops: ModuleType = ops, edit: Any = lambda params: params) -> Comparison:
    """The comparison of a network with what was meant, over two draws."""
    x = jax.random.normal(jax.random.key(9), (2, WIDTH), jnp.float32)
    flows = [
        measure(built, edit(built.init(jax.random.key(seed), (WIDTH,))), x, key=jax.random.key(seed), ops=ops)
        for seed in range(2)
    ]
    return compare(predict(built, init, np.asarray(x)), flows)


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


def cases() -> dict[str, Comparison]:
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
    """The z of every row, fault by fault, and what was found."""
    figure, axes = pictures.panels(5, width=3.2, height=3.6)
    rows, found = [], cases()
    for ax, (fault, comparison) in zip(axes, found.items(), strict=True):
        z = np.array([row.z for row in comparison.rows])
        shown = np.clip(np.nan_to_num(z, posinf=1e3, neginf=-1e3), -1e3, 1e3)
        ax.axhspan(-2, 2, color="0.9")
        ax.plot(np.arange(len(shown)), shown, "o", color=pictures.COLOURS[0], markersize=3)
        ax.set_yscale("symlog", linthresh=5)
        ax.set_ylim(-2e3, 2e3)
        pictures.named(ax, f"{fault}\n{len(comparison.findings)} findings", "row of the table", "z", is_log=False)
        rows += [(fault, str(finding)) for finding in comparison.findings] or [(fault, "nothing found")]
    healthy, *faults = found.values()
    says = (
        f"{sum(bool(fault.findings) for fault in faults)} of {len(faults)} planted faults are found by name; the right "
        f"network has {len(healthy.findings)} findings."
    )
    return Outcome(says, figure, ["fault", "finding"], rows)
