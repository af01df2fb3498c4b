"""`jaxcnn train`. JAX is loaded when a run begins, not for `--help` or a typing error."""

from __future__ import annotations

from typing import Annotated

import tyro

from jaxcnn.training.config import Config


def train(config: Annotated[Config, tyro.conf.arg(name="")]) -> int:
    """Train a network on images of ten classes, by default with handwritten gradients; write a folder of results."""
    from jaxcnn.training.experiment import conduct

    return conduct(config)
