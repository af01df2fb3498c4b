"""Everything a training run depends on. `jaxcnn train --help` is made from this class."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from jaxcnn.errors import UserError

MOST = 2**31 - 1  # what the device's integers count to


@dataclass(frozen=True)
class Config:
    """Train a convolutional network with handwritten gradients on images of ten classes."""

    data: str = "digits"
    """digits (no download); mnist, fashion-mnist, cifar10 (fetched once); or a folder with MNIST's four IDX files or
    CIFAR-10's binary ones."""

    per_class: int | None = None
    """Learn from the first so many training examples of each class only (examples; None: from all)."""

    network: str = "seed2"
    """A network of jaxcnn.networks, by name."""

    initialiser: Literal["he", "xavier", "lecun", "unit_normal", "delta_orthogonal"] | None = None
    """How kernels are drawn (None: the network's own way, he for seed2). With unit_normal, N(0, 1), seed2 explodes."""

    gradients: Literal["hand", "auto", "both"] = "hand"
    """Handwritten; jax.grad's of plain layers; or handwritten, compared with those on the first and last batch."""

    epochs: int = 20
    """Passes over the training examples (epochs)."""

    batch_size: int = 32
    """Examples per step; an epoch's last step takes what is left (examples)."""

    optimiser: Literal["sgd", "momentum", "adam"] = "adam"
    """Rule of the step; momentum is Nesterov's, 0.9."""

    learning_rate: float = 4e-3
    """Step size, at its highest where the schedule moves it (parameter units per unit of the optimiser's direction)."""

    schedule: Literal["constant", "cosine", "warmup_cosine"] = "cosine"
    """Step size over the run: constant; half a cosine to zero; that after a linear rise over a twentieth of the run."""

    clip_norm: float | None = None
    """Scale gradients of a larger global Euclidean norm down to this one (nats per parameter unit; None: never)."""

    flow: bool = False
    """Record signal and gradient of every layer while training; warn of what vanishes, explodes, saturates or dies."""

    flow_every: int = 50
    """With --flow: steps from one record to the next (steps)."""

    tensorboard: bool = False
    """Write the metrics for TensorBoard too, into the run's folder (needs jaxcnn[watch])."""

    dashboard: bool = False
    """Show curves, the last epochs, speed and time left while training, where stderr is a terminal."""

    seed: int = 0
    """Seed of the first parameters, of the order of examples and of dropout (0 to 4294967295)."""

    run_dir: Path | None = None
    """Where to write parameters, metrics and pictures: a new or empty folder (None: a fresh one under runs/)."""

    resume: Path | None = None
    """Go on with the run in this folder, bit for bit as if it had never stopped; its settings hold, give no other."""

    def __post_init__(self) -> None:
        """Refuse what no run can do.

        Raises:
            UserError: a count, step size or norm out of range, a wide seed, a setting beside `resume`.
        """
        for flag in ("epochs", "batch_size", "per_class", "flow_every"):
            if (value := getattr(self, flag)) is not None and value < 1:
                raise UserError(f"--{flag.replace('_', '-')} {value}: must be at least 1")
            if value is not None and value > MOST:
                raise UserError(f"--{flag.replace('_', '-')} {value}: must be at most {MOST}")
        for flag in ("learning_rate", "clip_norm"):
            if (value := getattr(self, flag)) is not None and not (value > 0 and math.isfinite(value)):
                raise UserError(f"--{flag.replace('_', '-')} {value}: must be a positive finite number")
        if not 0 <= self.seed < 2**32:
            raise UserError(f"--seed {self.seed}: must be from 0 to {2**32 - 1}")
        if self.resume is not None:
            others = [f.name for f in fields(self) if f.name != "resume" and getattr(self, f.name) != f.default]
            if others:
                raise UserError(
                    f"--{others[0].replace('_', '-')} with --resume: a run goes on with its own settings; leave it out"
                )

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON holds them.

        >>> Config(epochs=3).to_json()["epochs"]
        3
        """
        found = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}
        del found["resume"]
        return found
