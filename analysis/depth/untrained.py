r"""Seed 1, question 3: an AlexNet that was never trained gives each of a thousand classes about a thousandth.

PyTorch's initialisation draws weights of variance 1 / (3 fan_in), with which a layer of ReLUs keeps a sixth of the mean
square. What reaches the logits after eight layers is mostly the last biases, within 1 / sqrt(4096) = 1/64 of zero:

    softmax_c = exp(s_c) / sum_j exp(s_j) = (1 + s_c - mean(s) + ...) / 1000

so the largest of a thousand shares is about (1 + 1/64) / 1000 = 0.1016 % and a little more, whatever the picture is.
Which class it goes to is a matter of the draw.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxcnn.networks import NAMED
from jaxcnn.prediction.models import Model, class_names, random_weights
from jaxcnn.prediction.preprocessing import imagenet


class Draw(NamedTuple):
    """One initialisation's answer: the classes from the most probable on, and the share of every class."""

    seed: int
    order: tuple[int, ...]
    shares: Float[np.ndarray, " classes"]

    @property
    def top(self) -> list[float]:
        """The five largest shares, from the largest on."""
        return [float(self.shares[label]) for label in self.order[:5]]


def draws(image: Path, count: int) -> Iterator[Draw]:
    """The answers of `count` untrained AlexNets, seeds 0, 1, 2, ..., to one picture.

    Raises:
        UserError: the picture cannot be read.
    """
    build, shape = NAMED["alexnet"]
    preprocessing, network = imagenet(shape), build()
    pixels = preprocessing.pixels(image)
    names = class_names(None, *network.output_shape(shape))
    for seed in range(count):
        model = Model(f"alexnet, seed {seed}", network, *random_weights(network, shape, seed), preprocessing, names)
        shares = model.probabilities(pixels)
        yield Draw(seed, tuple((-shares).argsort(kind="stable").tolist()), shares)


def table(found: list[Draw]) -> str:
    """One line per initialisation: the five classes with their percentages."""
    lines = [f"{'seed':>4}   five most probable classes and their percentages"]
    for drawn in found:
        words = (f"{label:>4} {100 * share:.4f} %" for label, share in zip(drawn.order, drawn.top, strict=False))
        lines.append(f"{drawn.seed:>4}   {'   '.join(words)}")
    return "\n".join(lines)
