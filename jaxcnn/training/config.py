"""Everything a training run depends on. `jaxcnn train --help` is made from this class."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from jaxcnn.errors import UserError

MOST = 2**31 - 1  # what the device's integers count to
Precision = Literal["float32", "bfloat16", "float16"]
FREE = {"resume", "devices", "model_devices", "distributed", "coordinator", "processes", "process"}
FREE |= {"tensorboard", "dashboard"}  # where a run is, and who watches; not what it does


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

    accumulate: int = 1
    """Take each step's gradient in so many parts, one after the other, so that larger batches fit (parts)."""

    precision: Precision = "float32"
    """What the network computes in; parameters, optimiser and every sum stay float32. float16 scales its loss."""

    remat: bool = False
    """Compute what lies inside the network's outermost blocks again for the gradient instead of keeping it: less memory
    for about a third more time."""

    stream: bool = False
    """Read images as they are needed, for sets larger than memory (from a folder of files that are not compressed)."""

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

    devices: int | None = None
    """Devices that share each batch (None: as many as there are and can share it evenly)."""

    model_devices: int = 1
    """Of them, how many share the weights of the large dense layers (those of a million or more)."""

    distributed: bool = False
    """Train together with other processes, which SLURM, Open MPI, Kubernetes or a TPU pod have started alike."""

    coordinator: str | None = None
    """Where none of these has: host:port of process 0, the same for all."""

    processes: int | None = None
    """With --coordinator: how many processes there are."""

    process: int | None = None
    """With --coordinator: which one this is, from 0."""

    sharded_checkpoints: bool = False
    """Every process keeps what its own devices hold, with Orbax, where process 0 could not hold the whole state."""

    run_dir: Path | None = None
    """Where to write parameters, metrics and pictures: a new or empty folder (None: a fresh one under runs/)."""

    resume: Path | None = None
    """Go on with the run in this folder, bit for bit as if it had never stopped; its settings hold, but for the devices
    and processes it runs on, and who watches."""

    def __post_init__(self) -> None:
        """Refuse what no run can do.

        Raises:
            UserError: a count, step size or norm out of range, a wide seed, a setting beside `resume`.
        """
        for flag in ("epochs", "batch_size", "per_class", "flow_every", "accumulate", "devices", "model_devices"):
            if (value := getattr(self, flag)) is not None and value < 1:
                raise UserError(f"--{flag.replace('_', '-')} {value}: must be at least 1")
            if value is not None and value > MOST:
                raise UserError(f"--{flag.replace('_', '-')} {value}: must be at most {MOST}")
        for flag in ("learning_rate", "clip_norm"):
            if (value := getattr(self, flag)) is not None and not (value > 0 and math.isfinite(value)):
                raise UserError(f"--{flag.replace('_', '-')} {value}: must be a positive finite number")
        if self.batch_size % self.accumulate:
            raise UserError(f"--accumulate {self.accumulate}: does not divide --batch-size {self.batch_size}")
        self.check_processes()
        if not 0 <= self.seed < 2**32:
            raise UserError(f"--seed {self.seed}: must be from 0 to {2**32 - 1}")
        if self.resume is not None:
            others = [f.name for f in fields(self) if f.name not in FREE and getattr(self, f.name) != f.default]
            if others:
                raise UserError(
                    f"--{others[0].replace('_', '-')} with --resume: a run goes on with its own settings; leave it out"
                )

    def check_processes(self) -> None:
        """Refuse half of an address."""
        given = (self.coordinator, self.processes, self.process)
        if given == (None, None, None):
            return
        if None in given or self.distributed:
            raise UserError(
                "--coordinator, --processes and --process: give all three, and --distributed not beside them"
            )
        host, _, port = str(self.coordinator).rpartition(":")
        if not host or not port.isdecimal():
            raise UserError(f"--coordinator {self.coordinator}: must be host:port, such as 127.0.0.1:1234")
        if not 0 <= (self.process or 0) < (self.processes or 0):
            raise UserError(f"--process {self.process}: must be from 0 to --processes {self.processes} less one")

    def to_json(self) -> dict[str, Any]:
        """What a run does, as JSON holds it; where it ran and who watched is left out.

        >>> Config(epochs=3).to_json()["epochs"]
        3
        """
        found = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}
        return {name: value for name, value in found.items() if name not in FREE}
