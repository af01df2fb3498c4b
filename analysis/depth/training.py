r"""Residual networks of growing depth, each with and without batch norm, with and without shortcuts.

At initialisation, with He's kernels (Var w = 2 / fan_in), each variant has its own way of failing:

    no norm, no shortcut    every layer keeps the mean square, q_out = q_in, less what zero padding takes: of the taps
                            of all 3x3 windows on 8, 4 and 2 pixels 0.84, 0.69 and 0.44 lie inside. On so small maps
                            the signal fades exponentially with depth, and what is left forgets its input
    no norm, shortcut       a block adds an independent signal of the same size: q_out = 2 q_in, less what the last ReLU
                            takes. Logits and gradients grow exponentially with the number of blocks
    norm, no shortcut       every norm divides by the batch's spread; gradients grow backwards by up to pi / (pi - 1) in
                            mean square per layer (Yang et al. 2019)
    norm, shortcut          the body is normalised, so that a block adds 1 to q: growth is linear, not exponential, and
                            gradients fall off as 1 / depth (De and Smith 2020)

All variants of one depth have the same kernels, drawn with the same key, and see the same batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from jaxcnn.networks import Network, resnet_small
from jaxcnn.training.batches import batch_at
from jaxcnn.training.config import Config
from jaxcnn.training.data import DataSet
from jaxcnn.training.files import write_csv
from jaxcnn.training.gradients import look
from jaxcnn.training.loop import make_keys, make_learner, train
from jaxcnn.training.metrics import Epoch
from jaxcnn.training.step import initial_state


@dataclass(frozen=True)
class Variant:
    """A residual network or what is left of it."""

    depth: int
    normalised: bool
    shortcut: bool

    @property
    def title(self) -> str:
        norm = "batch norm" if self.normalised else "no norm"
        return f"{self.depth} layers, {norm}, {'identity' if self.shortcut else 'no'} shortcut"

    def build(self, width: int) -> Network:
        return resnet_small(self.depth, shortcut=self.shortcut, normalised=self.normalised, width=width)


class Outcome(NamedTuple):
    """One training: what it began with, how it went, where it broke off."""

    variant: Variant
    logits_rms: float  # before the first step, on its batch
    gradient_norm: float  # likewise, over all parameters
    epochs: list[Epoch]
    stopped: str | None


def variants(depths: tuple[int, ...]) -> list[Variant]:
    """All four of every depth."""
    return [Variant(*choice) for choice in product(depths, (True, False), (True, False))]


def outcome(variant: Variant, data: DataSet, config: Config, width: int) -> Outcome:
    """Train one variant as `config` says, without writing anything."""
    keys = make_keys(config.seed)
    learner = make_learner(config, variant.build(width), len(data.train.labels))
    state = initial_state(learner, keys.initial, data.train.images.shape[1:])
    start = look(learner, state, *batch_at(data.train, config.batch_size, keys.epoch(1), 0))
    result = train(config, learner, state, data, lambda epoch, state: None)
    return Outcome(variant, start.logits_rms, start.gradient_norm, result.epochs, result.stopped)


def write_outcomes(path: Path, found: Sequence[Outcome]) -> None:
    """A line per epoch of every training, with what it began with; one line where not one epoch was finished."""
    header = [*Variant.__dataclass_fields__, "logits_rms", "gradient_norm", *Epoch._fields, "stopped"]
    lines: list[tuple[Any, ...]] = []
    for variant, logits_rms, gradient_norm, epochs, stopped in found:
        start = (*vars(variant).values(), logits_rms, gradient_norm)
        lines += [(*start, *epoch, stopped or "") for epoch in epochs]
        if not epochs:
            lines.append((*start, *[""] * len(Epoch._fields), stopped))
    write_csv(path, header, lines)
