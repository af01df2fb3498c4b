"""The run directory: what a run was, what it measured, and what it learnt.

    config.json          the configuration: every field that says what the run does
    data.json            shape of an image, names of the classes, number of examples, and a SHA-256 of them all
    environment.json     versions, device, flags, precision, git commit
    metrics.jsonl        one object per epoch, written as it ends
    metrics.csv          the same
    params.safetensors   after every epoch: parameters by name, "conv1/kernel", and running statistics, "bn1/mean"
    events.out.*         the metrics for TensorBoard, where they were asked for: see events.py
    checkpoints/         what `--resume` goes on from: see checkpoint.py
    lock                 held by the process that writes here
    summary.json         how it ended
    pictures/            PNG, and beside each the CSV of what it shows

Whoever reads the directory, or finds it after a crash, sees whole files, old or new (see files.py).
"""

from __future__ import annotations

import csv
import dataclasses
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

import jax
import numpy as np
from safetensors.numpy import save

from jaxcnn.errors import UserError
from jaxcnn.networks.network import flat
from jaxcnn.training import checkpoint
from jaxcnn.training.config import FREE, Config
from jaxcnn.training.data import DataSet, fingerprint
from jaxcnn.training.files import parse_json, replace, write_csv
from jaxcnn.training.metrics import Epoch
from jaxcnn.training.settings import from_json
from jaxcnn.training.step import State

Latest = Callable[[Path, State, Callable[[str], Any]], checkpoint.Checkpoint | None]


class Run:
    """A run directory that this process alone writes to, until the end of a `with`."""

    def __init__(self, path: Path, lock: int | None):
        self.path = path
        self.lock = lock  # None: another process writes

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        if self.lock is not None:
            os.close(self.lock)

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def begin(self, config: Config, data: DataSet) -> None:
        """Write what is known before the first step."""
        self.write_json("config.json", config.to_json())
        self.write_json("data.json", described(data))
        self.write_json("environment.json", environment())
        self.rewind([])

    def rewind(self, epochs: Sequence[Epoch]) -> None:
        """Write the metrics anew, of these epochs alone."""
        lines = "".join(json.dumps(epoch._asdict()) + "\n" for epoch in epochs)
        replace(self.path / "metrics.jsonl", lines.encode())
        write_csv(self.path / "metrics.csv", Epoch._fields, epochs)

    def record(self, epoch: Epoch, state: State, has_checkpoint: bool = True) -> None:
        """Keep an epoch's measurements and the state that they belong to; its checkpoint too, or all processes do."""
        with (self.path / "metrics.jsonl").open("a") as lines:
            lines.write(json.dumps(epoch._asdict()) + "\n")
        with (self.path / "metrics.csv").open("a", newline="") as table:
            csv.writer(table).writerow(epoch)
        self.save(state)
        if has_checkpoint:
            checkpoint.write(self.checkpoints, epoch, state)

    def reached(
        self, beginning: State, refused: Callable[[str], Any], latest: Latest = checkpoint.latest
    ) -> tuple[State, list[Epoch]]:
        """The state of the newest checkpoint, or the beginning, and the metrics up to there.

        Raises:
            UserError: the metrics up to there are missing.
        """
        found = latest(self.checkpoints, beginning, refused)
        number, state = (0, beginning) if found is None else found
        epochs = read_metrics(self.path / "metrics.jsonl")[:number]
        if [epoch.epoch for epoch in epochs] != list(range(1, number + 1)):
            raise UserError(
                f"--resume {self.path}: metrics.jsonl does not hold epochs 1 to {number}, which the checkpoint has; "
                "restore it, or begin anew in another directory"
            )
        return state, epochs

    def expect(self, data: DataSet) -> None:
        """See that these are the data that the run began with.

        Raises:
            UserError: they are others, or what they were cannot be read.
        """
        try:
            known = parse_json((self.path / "data.json").read_bytes())
        except (OSError, ValueError) as error:
            raise UserError(f"--resume {self.path}: data.json cannot be used ({error}); restore it") from None
        for name, value in json.loads(json.dumps(described(data))).items():
            before = known.get(name) if isinstance(known, dict) else None
            if before != value:
                raise UserError(
                    f"--resume {self.path}: the data are not those that the run began with: {name} was "
                    f"{shortened(before)} and is {shortened(value)}; put the former back, or begin anew"
                )

    def save(self, state: State) -> None:
        """Write the parameters and running statistics of a state."""
        tensors = {
            name: np.asarray(leaf) for part in (state.params, state.statistics) for name, leaf in flat(part).items()
        }
        replace(self.path / "params.safetensors", save(tensors))

    def write_json(self, name: str, content: Any) -> None:
        replace(self.path / name, (json.dumps(content, indent=2) + "\n").encode())


def create(wanted: Path | None, name: str) -> Run:
    """A new run directory: `wanted`, or a fresh one under runs/ named after the time and the run.

    Raises:
        UserError: `wanted` is no empty directory, or the directory cannot be made or written to.
    """
    path = wanted or fresh(Path("runs"), f"{time.strftime('%Y%m%d-%H%M%S')}-{name}")
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise UserError(
                f"--run-dir {path}: is not empty; name a new directory, or go on with the run in it by --resume {path}"
            )
        lock = locked(path)
        (path / "pictures").mkdir()
    except OSError as error:
        raise UserError(f"--run-dir {path}: cannot be written to ({error.strerror}); name another directory") from error
    return Run(path, lock)


def settings_of(path: Path, given: Config) -> Config:
    """The configuration of the run in a directory, to go on with it where and as `given` says.

    Raises:
        UserError: there is no run, or it has ended.
    """
    try:
        here = {name: getattr(given, name) for name in FREE - {"resume"}}
        config = dataclasses.replace(from_json(parse_json((path / "config.json").read_bytes()), path), **here)
    except FileNotFoundError:
        raise UserError(f"--resume {path}: holds no config.json; name a directory that `jaxcnn train` made") from None
    except (OSError, ValueError, OverflowError) as error:
        raise UserError(f"--resume {path}: config.json cannot be used ({error})") from None
    if (path / "summary.json").exists():
        raise UserError(f"--resume {path}: the run has ended; begin another, with more --epochs or another --seed")
    return config


def reopen(path: Path) -> Run:
    """The run in a directory, to go on with it.

    Raises:
        UserError: another process is at it, or it cannot be written to.
    """
    try:
        (path / "pictures").mkdir(exist_ok=True)
        return Run(path, locked(path))
    except OSError as error:
        raise UserError(f"--resume {path}: cannot be written to ({error.strerror})") from None


def locked(path: Path) -> int:
    """The directory's lock, as a file descriptor: it is given up with it, or when the process ends, however it ends."""
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 32).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        raise UserError(f"{path}: process {holder} is training there; wait for it, or stop it first") from None
    os.truncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    return lock


def read_metrics(path: Path) -> list[Epoch]:
    """The epochs in `metrics.jsonl`, up to the first line that was not written whole."""
    epochs = []
    for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
        try:
            epochs.append(as_epoch(parse_json(line)))
        except (ValueError, TypeError, OverflowError):
            break
    return epochs


def as_epoch(found: Any) -> Epoch:
    """A line of the metrics, every value of it a number."""
    epoch = Epoch(**found)
    if any(type(value) not in (int, float) for value in epoch):
        raise TypeError
    return Epoch(int(epoch.epoch), *map(float, epoch[1:]))


def fresh(parent: Path, name: str) -> Path:
    """The first of name, name-2, name-3, ... that is not in `parent`."""
    path, number = parent / name, 1
    while path.exists():
        number += 1
        path = parent / f"{name}-{number}"
    return path


def described(data: DataSet) -> dict[str, Any]:
    """What a later reader has to know of the data."""
    return {
        "image_shape": data.train.images.shape[1:],
        "classes": data.classes,
        "training_examples": len(data.train.labels),
        "held_out_examples": len(data.test.labels),
        "sha256": fingerprint(data),
    }


def environment() -> dict[str, Any]:
    """What else a result may depend on."""
    device = jax.devices()[0]
    return {
        "python": sys.version.split()[0],
        **{package: version(package) for package in ("jax", "jaxlib", "numpy", "optax")},
        "device": f"{device.device_kind} ({device.platform}), {jax.device_count()} in all",
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
        **{setting: getattr(jax.config, f"jax_{setting}") for setting in ("default_matmul_precision", "enable_x64")},
        "git_commit": git_commit(),
    }


def git_commit() -> str | None:
    """The commit that this package's files are of, "+" where they were changed since; None outside a repository."""
    here = Path(__file__)
    try:
        git("ls-files", "--error-unmatch", here.name)  # an installed copy may lie inside somebody else's repository
        changed = git("status", "--porcelain", "--", str(here.parents[1]))
        return git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
