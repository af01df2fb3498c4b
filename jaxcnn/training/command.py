"""`jaxcnn train`. JAX is loaded when a run begins, not for `--help` or a typing error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import tyro

from jaxcnn.training.config import Config

if TYPE_CHECKING:
    from jaxcnn.training.experiment import Observer as Observes


def train(config: Annotated[Config, tyro.conf.arg(name="")]) -> int:
    """Train a network on images of ten classes, by default with handwritten gradients; write a folder of results."""
    from jaxcnn.training.experiment import conduct

    return conduct(config, watch)


def watch(config: Config) -> Observes | None:
    """Who records signal and gradient of every layer, where that was asked for."""
    if not config.flow:
        return None
    from analysis.gradient_flow.observer import Observer

    return Observer()
