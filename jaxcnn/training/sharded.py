"""`--sharded-checkpoints`: every process writes what its own devices hold, by Orbax, and nobody holds the whole state.

    checkpoints/7/    parameters, running statistics and the optimiser's state after epoch 7

For states that are too large to gather in process 0. Orbax writes to a temporary folder and renames it when all
processes are done, keeps a checksum of every part, and lays a state out anew where the devices are other ones.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from jaxcnn.errors import UserError
from jaxcnn.training.checkpoint import KEPT, Checkpoint
from jaxcnn.training.step import State


def package() -> Any:
    """Raises UserError where it is not installed."""
    try:
        import orbax.checkpoint
    except ImportError as error:
        raise UserError(f"--sharded-checkpoints: needs Orbax ({error}); install jaxcnn[multihost]") from error
    return orbax.checkpoint


def manager(folder: Path) -> Any:
    """Orbax's own, for the length of a `with`."""
    found = package()
    options = found.CheckpointManagerOptions(max_to_keep=KEPT, enable_async_checkpointing=False)
    return found.CheckpointManager(folder.absolute(), options=options)


def write(folder: Path, epoch: int, state: State) -> None:
    """Keep the state after an epoch, and give up all but the last few; all processes have to ask for it."""
    with manager(folder) as checkpoints:
        checkpoints.save(epoch, args=package().args.StandardSave(state))


def latest(folder: Path, like: State, refused: Callable[[str], Any]) -> Checkpoint | None:
    """The newest checkpoint that Orbax restores, on the devices as `like` is; `refused` hears of every other."""
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), like)
    with manager(folder) as checkpoints:
        for epoch in sorted(checkpoints.all_steps(), reverse=True):
            try:
                return Checkpoint(epoch, checkpoints.restore(epoch, args=package().args.StandardRestore(shapes)))
            except Exception as error:  # whatever TensorStore and Orbax make of a damaged file
                refused(f"{folder / str(epoch)}: cannot be restored ({' '.join(str(error).split())[:200]})")
    return None
