"""`jaxcnn depth blocks | untrained | training`. JAX is loaded when a study begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from jaxcnn.errors import UserError

if TYPE_CHECKING:
    from jaxcnn.training.data import DataSet


@dataclass(frozen=True)
class Blocks:
    """Count residual and bottleneck blocks at equal width (seed 4, question 3)."""

    narrow: int = 32
    """Channels of the narrow blocks, a multiple of 4."""

    wide: int = 128
    """Channels of the wide blocks, a multiple of 4."""

    def check(self) -> None:
        """Refuse what cannot be done."""
        if any(width < 4 or width % 4 for width in (self.narrow, self.wide)):
            raise UserError(f"--narrow {self.narrow} --wide {self.wide}: must be positive multiples of 4")


@dataclass(frozen=True)
class Untrained:
    """Ask untrained AlexNets what a picture shows (seed 1, question 3)."""

    image: tyro.conf.Positional[Path]
    """An image file."""

    initialisations: int = 20
    """How many networks to draw, with seeds 0, 1, 2, ..."""

    out: Path = Path("runs/untrained")
    """Where the table and the histogram go."""

    def check(self) -> None:
        """Refuse what cannot be done."""
        if self.initialisations < 1:
            raise UserError(f"--initialisations {self.initialisations}: must be at least 1")


@dataclass(frozen=True)
class Training:
    """Train residual networks of growing depth with and without batch norm and shortcuts, on 8 x 8 digits."""

    depths: tuple[int, ...] = (8, 14, 20, 32, 44, 56)
    """Numbers of layers, each 6n + 2."""

    epochs: int = 6
    """Passes over the training examples."""

    width: int = 8
    """Channels of the first stage; the others have twice and four times as many."""

    learning_rate: float = 0.02
    """Step size of SGD with Nesterov's momentum 0.9, falling to zero along half a cosine."""

    seed: int = 0
    """Seed of the first parameters and of the order of examples."""

    out: Path = Path("runs/depth")
    """Where the picture and its numbers go."""

    def check(self) -> None:
        """Refuse what cannot be done."""
        if not self.depths or any(depth < 8 or (depth - 2) % 6 for depth in self.depths):
            raise UserError(f"--depths {' '.join(map(str, self.depths))}: each must be 6n + 2, from 8 on")
        for flag in ("epochs", "width"):
            if (value := getattr(self, flag)) < 1:
                raise UserError(f"--{flag} {value}: must be at least 1")


def depth(study: Annotated[Blocks | Untrained | Training, tyro.conf.arg(name="")]) -> int:
    """What depth costs, and what shortcuts and batch norm do.

    Raises:
        UserError: the study cannot be made as asked. (Raised by the dataclass itself it would be taken for a command
            that cannot be parsed.)
    """
    study.check()
    match study:
        case Blocks():
            count_blocks(study)
        case Untrained():
            ask_untrained(study)
        case Training():
            train_depths(study)
    return 0


def count_blocks(study: Blocks) -> None:
    from analysis.depth.blocks import rows, table

    print(table(rows(study.narrow, study.wide)))


def ask_untrained(study: Untrained) -> None:
    """The table on stdout; the histogram and every share in the folder."""
    from analysis.depth.pictures import histogram_sheet
    from analysis.depth.untrained import draws, table
    from jaxcnn.training.files import write_csv

    found = list(draws(study.image, study.initialisations))
    print(table(found))
    study.out.mkdir(parents=True, exist_ok=True)
    histogram_sheet(found).savefig(study.out / "untrained.png", dpi=120)
    header = ["seed", *(f"class {label}" for label in range(len(found[0].shares)))]
    write_csv(study.out / "untrained.csv", header, ([drawn.seed, *drawn.shares] for drawn in found))
    print(study.out / "untrained.png")


def train_depths(study: Training) -> None:
    """A line per network as it is done; then the picture and its CSV in the folder."""
    from analysis.depth.pictures import depth_sheet, ending
    from analysis.depth.training import outcome, variants, write_outcomes
    from jaxcnn.training.config import Config
    from jaxcnn.training.data import digits

    config = Config(
        epochs=study.epochs, optimiser="momentum", learning_rate=study.learning_rate, batch_size=32, seed=study.seed
    )
    data, found = digits(8), []
    for variant in variants(study.depths):
        found.append(outcome(variant, data, config, study.width))
        print(f"{variant.title}: held-out accuracy {ending(found[-1], 'test_accuracy')}", flush=True)
    study.out.mkdir(parents=True, exist_ok=True)
    depth_sheet(found, setting(study, data)).savefig(study.out / "depth.png", dpi=120)
    write_outcomes(study.out / "depth.csv", found)
    print(study.out / "depth.png")


def setting(study: Training, data: DataSet) -> str:
    """What was trained on what, for the picture's caption."""
    widths = ", ".join(str(study.width * 2**stage) for stage in range(3))
    return (
        f"{len(data.train.labels):,} handwritten digits of 8 x 8 pixels, {len(data.test.labels)} more held out. "
        f"Channels {widths}; He's initialisation; SGD with Nesterov momentum 0.9, step {study.learning_rate:g} falling "
        f"along half a cosine; batches of 32, {study.epochs} epochs, seed {study.seed}. Dotted: guessing, ln 10 nats."
    )
