"""Checkpoints: all that a run needs to go on as if it had never stopped.

    checkpoints/epoch-00007.safetensors    parameters, running statistics and the optimiser's state, by name
    checkpoints/epoch-00007.json           the epoch, its held-out accuracy, and the SHA-256 of the file beside it

A checkpoint is there once its JSON is, and that is written when the tensors are on the disk. The order of the examples
and the keys of dropout follow from the seed and the number of the epoch, so nothing else has to be kept. Reading trusts
nothing: a file that is cut short, altered, or another network's is refused by name, and the one before it is taken.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from jaxcnn.networks.network import flat
from jaxcnn.training.files import parse_json, replace
from jaxcnn.training.metrics import Epoch
from jaxcnn.training.step import State

FORMAT = 1
KEPT = 2  # the last so many, and the best


class Checkpoint(NamedTuple):
    """How far a run had come."""

    epoch: int
    state: State


class RefusedError(ValueError):
    """Why a checkpoint cannot be used."""


def write(folder: Path, epoch: Epoch, state: State) -> None:
    """Keep the state after an epoch, and give up what is older than the last `KEPT` and not the best."""
    folder.mkdir(exist_ok=True)
    content = save({name: np.asarray(leaf) for name, leaf in flat(state).items()})
    path = folder / f"epoch-{epoch.epoch:05}.json"
    about = {"format": FORMAT, "epoch": epoch.epoch, "test_accuracy": epoch.test_accuracy}
    replace(path.with_suffix(".safetensors"), content)
    replace(path, json.dumps(about | {"sha256": sha256(content).hexdigest()}).encode())
    prune(folder)


def prune(folder: Path) -> None:
    """Remove all but the last few and the best; what cannot be read is left for a person to look at."""
    scores = {}
    for path in descending(folder):
        try:
            scores[path] = described(path)["test_accuracy"]
        except RefusedError:
            continue
    best = max(scores, key=lambda path: scores[path], default=None)
    for path in list(scores)[KEPT:]:
        if path != best:
            path.unlink()  # first: without it the tensors are no checkpoint
            path.with_suffix(".safetensors").unlink(missing_ok=True)


def latest(folder: Path, like: State, refused: Callable[[str], Any]) -> Checkpoint | None:
    """The newest checkpoint that can be trusted, None where there is none; `refused` hears of every other, by name."""
    for path in descending(folder):
        try:
            return read(path, like)
        except RefusedError as reason:
            refused(f"{path}: {reason}")
    return None


def descending(folder: Path) -> list[Path]:
    """The checkpoints' descriptions, newest first."""
    return sorted(folder.glob("epoch-*.json"), reverse=True)


def read(path: Path, like: State) -> Checkpoint:
    """The checkpoint that `path` describes, with the tree, shapes and dtypes of `like`.

    Raises:
        RefusedError: a file is missing, damaged, or of another network or optimiser.
    """
    about = described(path)
    tensors = path.with_suffix(".safetensors")
    try:
        content = tensors.read_bytes()
    except OSError as error:
        raise RefusedError(f"{tensors.name} cannot be read ({error.strerror})") from None
    if sha256(content).hexdigest() != about["sha256"]:
        raise RefusedError(f"{tensors.name} is not what was written ({len(content):,} bytes, another checksum)")
    try:
        found = load(content)
    except (SafetensorError, ValueError, KeyError, AttributeError) as error:
        raise RefusedError(f"{tensors.name} is no safetensors file ({error})") from None
    return Checkpoint(about["epoch"], fitted(found, like))


def described(path: Path) -> dict[str, Any]:
    """What a checkpoint's JSON says of it."""
    try:
        about = parse_json(path.read_bytes())
    except OSError as error:
        raise RefusedError(f"cannot be read ({error.strerror})") from None
    except ValueError:
        raise RefusedError("is no JSON; it was cut short or altered") from None
    wanted = {"format": int, "epoch": int, "test_accuracy": float, "sha256": str}
    if not isinstance(about, dict) or any(not isinstance(about.get(name), kind) for name, kind in wanted.items()):
        raise RefusedError(f"does not describe a checkpoint; it needs {', '.join(wanted)}")
    if about["format"] != FORMAT or path.name != f"epoch-{about['epoch']:05}.json":
        raise RefusedError(f"is of format {about['format']} and epoch {about['epoch']}, which its name does not say")
    return about


def fitted(found: dict[str, np.ndarray], like: State) -> State:
    """The tensors as a state, checked leaf by leaf."""
    wanted = flat(like)
    if odd := sorted(set(found) ^ set(wanted)):
        side = "has" if odd[0] in found else "lacks"
        raise RefusedError(f"{side} {odd[0]}: it is of another network or optimiser")
    for name, leaf in wanted.items():
        got = found[name]
        if (got.shape, got.dtype) != (leaf.shape, leaf.dtype):
            raise RefusedError(f"{name} is {got.dtype}{list(got.shape)} and not {leaf.dtype}{list(leaf.shape)}")
    return jax.tree.unflatten(jax.tree.structure(like), [found[name] for name in wanted])
