"""The run directory: what a run was, what it measured, and what it learnt.

    config.json          the configuration, every field
    data.json            shape of an image, names of the classes, number of examples
    environment.json     versions, device, flags, precision, git commit
    metrics.jsonl        one object per epoch, written as it ends
    metrics.csv          the same
    params.safetensors   after every epoch: parameters by name, "conv1/kernel", and running statistics, "bn1/mean"
    summary.json         how it ended
    pictures/            PNG, and beside each the CSV of what it shows

A file that is rewritten goes to a temporary name first and is renamed over the old one: whoever reads the directory,
or finds it after a crash, sees a whole file, old or new.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors.numpy import save

from jaxcnn.errors import UserError
from jaxcnn.networks.network import flat
from jaxcnn.training.config import Config
from jaxcnn.training.data import DataSet
from jaxcnn.training.metrics import Epoch
from jaxcnn.training.step import State


class Run:
    """A run directory that is being written."""

    def __init__(self, path: Path):
        self.path = path

    def begin(self, config: Config, data: DataSet) -> None:
        """Write what is known before the first step."""
        self.write_json("config.json", config.to_json())
        self.write_json("data.json", described(data))
        self.write_json("environment.json", environment())
        write_csv(self.path / "metrics.csv", Epoch._fields, [])

    def record(self, epoch: Epoch, state: State) -> None:
        """Keep an epoch's measurements and the state that they belong to."""
        with (self.path / "metrics.jsonl").open("a") as lines:
            lines.write(json.dumps(epoch._asdict()) + "\n")
        with (self.path / "metrics.csv").open("a", newline="") as table:
            csv.writer(table).writerow(epoch)
        self.save(state)

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
            raise UserError(f"--run-dir {path}: is not empty; name a new directory, or empty this one")
        (path / "pictures").mkdir()
    except OSError as error:
        raise UserError(f"--run-dir {path}: cannot be written to ({error.strerror}); name another directory") from error
    return Run(path)


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


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table with a header."""
    with path.open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(header)
        writer.writerows(rows)


def replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(path.name + ".partial")
    temporary.write_bytes(content)
    temporary.replace(path)
