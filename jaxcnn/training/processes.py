"""Several processes, on one machine or many, that train one network together.

Each runs the same program on the same arguments and holds the whole state; of a streamed set it reads its own rows of
every batch only. What the mesh spreads is summed over the network. Process 0 alone writes and speaks.

Where a process is lost, JAX's coordination service ends the others (exit code 134). All that was recorded is on the
disk, and all of them go on from there when they are started again with `--resume`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxcnn.errors import UserError
from jaxcnn.training.config import Config

PATIENCE = 60  # seconds to wait for the other processes at the start, and for a sign of life later


def join(config: Config) -> None:
    """Become one of several processes, where `config` says so; before anything else is asked of JAX.

    Raises:
        UserError: the others, or whoever started them, are not to be found.
    """
    if not config.distributed and config.coordinator is None:
        return
    try:
        jax.distributed.initialize(
            config.coordinator, config.processes, config.process,
            initialization_timeout=PATIENCE, heartbeat_timeout_seconds=PATIENCE,
        )  # fmt: skip
    except (ValueError, RuntimeError) as error:
        how = "--distributed" if config.distributed else f"--coordinator {config.coordinator}"
        raise UserError(f"{how}: the processes did not find each other ({str(error).splitlines()[0]})") from None


def is_first() -> bool:
    """Whether this process writes and speaks."""
    return jax.process_index() == 0


def by_first(action: Callable[[], Any]) -> Any:
    """What `action` gives in process 0, which alone runs it; None in the others, which end where it fails.

    Raises:
        UserError: `action` failed, in this process or in process 0.
    """
    if jax.process_count() == 1:
        return action()
    found, failure = None, None
    if is_first():
        try:
            found = action()
        except (UserError, OSError) as error:
            failure = error
    if not all_say(failure is None):
        raise failure or UserError("process 0 cannot begin, and has said why")
    return found


def all_say(yes: bool) -> bool:
    """Whether process 0 says so (the others' word does not count)."""
    from jax.experimental import multihost_utils

    return bool(multihost_utils.broadcast_one_to_all(np.bool_(yes)))


def same_everywhere(number: int, what: str) -> None:
    """Stop where the processes do not see the same.

    Raises:
        UserError: they differ.
    """
    if jax.process_count() == 1:
        return
    from jax.experimental import multihost_utils

    seen = multihost_utils.process_allgather(np.int64(number))
    if len(set(seen.tolist())) > 1:
        raise UserError(
            f"the processes see different {what} ({', '.join(map(str, seen.tolist()))}); share one directory"
        )
