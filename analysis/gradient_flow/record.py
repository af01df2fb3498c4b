r"""Signal and gradient while a network trains: the per-layer table every so many steps, inside the compiled epoch.

The recorder is wrapped around the optimiser, which every step calls with the parameters: its state carries the number
of steps taken and a buffer of tables, and every `every` steps one more `measure` of a fixed batch is written into it.
The training loop knows nothing of it, no step waits for the host, and a step that is not taken leaves no row.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from analysis.gradient_flow import pictures
from analysis.gradient_flow.measure import COLUMNS, Flow, signals, trace
from analysis.gradient_flow.verdict import Finding, symptoms
from jaxcnn import ops
from jaxcnn.networks import Network

PROBES = 32  # examples of the fixed batch: enough for shares of dead units, little beside a training batch
SHOWN = (("forward", "signal E[h²]"), ("backward", "gradient E[δ²]"), ("kernel_gradient", "kernel gradient E[dW²]"))


class Recording(NamedTuple):
    """The recorder's state beside the optimiser's own."""

    optimiser: Any
    steps: Int[Array, ""]
    tables: Float[Array, "records columns layers"]


class Record(NamedTuple):
    """What was recorded: a table per time."""

    steps: list[int]  # taken before
    flows: list[Flow]

    def warnings(self) -> list[str]:
        """Every symptom at the step of its first appearance, by layer.

        >>> Record([], []).warnings()
        []
        """
        first: dict[tuple[str, str], tuple[int, Finding]] = {}
        for step, flow in zip(self.steps, self.flows, strict=True):
            for finding in symptoms(flow):
                first.setdefault((finding.layer, finding.remedy), (step, finding))
        return [f"step {step}: {finding}" for step, finding in first.values()]

    def write(self, folder: Path) -> None:
        """flow.csv, a row per step and layer, and flow.png, heat maps over layers and time."""
        with (folder / "flow.csv").open("w", newline="") as table:
            writer = csv.writer(table)
            writer.writerow(["step", "layer", "kind", *COLUMNS])
            for step, flow in zip(self.steps, self.flows, strict=True):
                for index, (layer, kind) in enumerate(zip(flow.layers, flow.kinds, strict=True)):
                    writer.writerow([step, layer, kind, *(flow[column][index] for column in COLUMNS)])
        draw(self).savefig(folder / "flow.png", dpi=120)


@dataclass(frozen=True, eq=False)
class Recorder:
    """Measures a network on a fixed batch every so many steps.

    Fields:
        network: what is trained.
        x, labels: the fixed batch.
        every: steps between two records.
        records: how many there is room for; later ones are not kept.
    """

    network: Network
    x: Array
    labels: Array
    every: int
    records: int
    layers: ModuleType = ops

    def wrap(self, optimiser: optax.GradientTransformation) -> optax.GradientTransformation:
        """The same optimiser, whose state also records."""

        def init(params: Any) -> Recording:
            shape = jax.eval_shape(self.look, params).shape
            return Recording(
                optimiser.init(params), jnp.int32(0), jnp.full((self.records, *shape), jnp.nan, jnp.float32)
            )

        def update(gradients: Any, state: Recording, params: Any = None) -> tuple[Any, Recording]:
            updates, inner = optimiser.update(gradients, state.optimiser, params)
            row, is_due = state.steps // self.every, state.steps % self.every == 0

            def write(tables: Array) -> Array:
                return tables.at[row].set(self.look(params), mode="drop")

            tables = jax.lax.cond(is_due, write, lambda tables: tables, state.tables)
            return updates, Recording(inner, state.steps + 1, tables)

        return optax.GradientTransformation(init, update)

    def look(self, params: Any) -> Float[Array, "columns layers"]:
        """One table, of the mean cross entropy on the fixed batch."""
        found = signals(
            self.network,
            params,
            self.x,
            None,
            None,
            jax.random.key(0),
            dy_of=mean_loss_gradient(self.layers, self.labels),
            training=True,
            ops=self.layers,
        )
        return jnp.stack([found[column].astype(jnp.float32) for column in COLUMNS])

    def read(self, state: Recording, params: Any) -> Record:
        """What was recorded up to a state."""
        taken, tables = int(state.steps), np.asarray(state.tables, np.float64)
        layers, kinds, sizes = zip(*trace(self.network, params, self.x), strict=True)
        steps = [step for step in range(0, taken, self.every) if step // self.every < self.records]
        flows = [Flow(layers, kinds, sizes, dict(zip(COLUMNS, table, strict=True))) for table in tables[: len(steps)]]
        return Record(steps, flows)


def mean_loss_gradient(layers: ModuleType, labels: Array) -> Callable[[Array], Array]:
    """The gradient of the batch's mean cross entropy with respect to the logits, by the handwritten rule."""
    return jax.grad(lambda logits: jnp.mean(layers.softmax_cross_entropy(logits, labels)))


def draw(record: Record) -> Any:
    """Heat maps over layers and time; white is explained where there is any."""
    figure, axes = pictures.panels(len(SHOWN), width=5.2)
    has_white = False
    for ax, (column, words) in zip(axes, SHOWN, strict=True):
        values = np.array([flow[column] for flow in record.flows])  # [times, layers]
        kept = np.isfinite(values).any(axis=0)
        names = [name for name, is_kept in zip(record.flows[0].layers, kept, strict=True) if is_kept]
        pictures.heat_map(values[:, kept], record.steps, names, f"log₁₀ of {words}", ax)
        ax.set_title(words, fontsize=10)
        has_white |= bool(np.any((values[:, kept] == 0) | ~np.isfinite(values[:, kept])))
    axes[0].set_ylabel("layer, input at the bottom")
    if has_white:
        figure.supxlabel("white: 0, or not finite", fontsize=9)
    return figure
