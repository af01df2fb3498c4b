"""`jaxcnn predict`. JAX is loaded when there is something to predict, not for `--help` or a typing error."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from jaxcnn.errors import UserError

if TYPE_CHECKING:
    from jaxcnn.prediction.models import Model
    from jaxcnn.prediction.preprocessing import Pixels


@dataclass(frozen=True)
class Predict:
    """Say what a network takes pictures for: its most probable classes, with percentages."""

    images: tyro.conf.Positional[tuple[Path, ...]]
    """Image files: JPEG, PNG, or any other format that Pillow reads."""

    run_dir: Path | None = None
    """Ask the network of this training run."""

    network: str | None = None
    """Ask a network by name: alexnet, vgg16, resnet50, ... with --weights, or with random weights."""

    weights: Path | None = None
    """Its weights: .safetensors, or PyTorch's .pth (needs PyTorch). None: drawn at random."""

    seed: int = 0
    """What random weights are drawn from (0 to 4294967295)."""

    classes: Path | None = None
    """A text file with the network's class names, one per line in the order of its outputs."""

    top: int = 5
    """How many classes to name."""

    pictures: Path | None = None
    """A folder for one picture of each image: answers, class activation map, input gradient; their numbers as CSV."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            UserError: no image; not exactly one of a run and a network; options that belong to the other of them.
        """
        if not self.images:
            raise UserError("no image given; name at least one file")
        if (self.run_dir is None) == (self.network is None):
            raise UserError("whose answer? give either --run-dir, a trained run's folder, or --network")
        if self.run_dir is not None and (self.weights or self.classes):
            raise UserError("--weights and --classes go with --network; a run has its own")
        if self.top < 1:
            raise UserError(f"--top {self.top}: must be at least 1")
        if not 0 <= self.seed < 2**32:
            raise UserError(f"--seed {self.seed}: must be from 0 to {2**32 - 1}")


def predict(config: Annotated[Predict, tyro.conf.arg(name="")]) -> int:
    """Say what a network takes pictures for: its most probable classes, with percentages.

    Nothing is printed before every image has been read.
    """
    from jaxcnn.prediction import models

    if config.run_dir is not None:
        model = models.of_run(config.run_dir)
    else:
        assert config.network is not None
        model = models.by_name(config.network, config.weights, config.seed, config.classes)
    pictures = [model.preprocessing.pixels(path) for path in config.images]
    print(model.title, file=sys.stderr)
    for number, (path, pixels) in enumerate(zip(config.images, pictures, strict=True), start=1):
        answer(config, model, f"{number:02d}-{path.stem}", path, pixels)
    return 0


def answer(config: Predict, model: Model, name: str, path: Path, pixels: Pixels) -> None:
    """Print the answers for one image, and draw them if asked to."""
    from jaxcnn.prediction.pictures import percent

    shares = model.probabilities(pixels)
    order = (-shares).argsort(kind="stable")
    answers = [(model.classes[label], float(shares[label])) for label in order]
    print(path)
    for place, (label, share) in enumerate(answers[: config.top], start=1):
        print(f"  {place:>2}  {percent(share):>9}  {label}")
    if config.pictures is not None:
        draw(config, model, name, pixels, answers, int(order[0]))


def draw(
    config: Predict, model: Model, name: str, pixels: Pixels, answers: list[tuple[str, float]], label: int
) -> None:
    """Write the picture of one image's answers."""
    from jaxcnn.prediction import pictures
    from jaxcnn.prediction.explanation import explain

    assert config.pictures is not None
    config.pictures.mkdir(parents=True, exist_ok=True)
    explanation = explain(model, pixels, label)
    figure = pictures.sheet(pixels, answers[: config.top], explanation, model.title)
    print(f"  {pictures.write(config.pictures, name, figure, answers, explanation)}")
