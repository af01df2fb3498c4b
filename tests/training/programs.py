"""Programs that tests start, and what they say."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
CACHE = TemporaryDirectory(prefix="jaxcnn-tests-")  # what one program compiles, the next one finds
ENVIRONMENT = os.environ | {
    "JAX_COMPILATION_CACHE_DIR": CACHE.name,
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",  # XLA says at length, for everything it finds there, for which machine it was compiled
}


def start(module, *arguments, devices=1, stdout=subprocess.PIPE):
    """A Python process with so many CPU devices."""
    command, environment = [sys.executable, "-m", module], ENVIRONMENT | {"JAX_NUM_CPU_DEVICES": str(devices)}
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        cwd=ROOT, text=True, env=environment, stdout=stdout, stderr=subprocess.PIPE,
    )  # fmt: skip


def output(process):
    """What it wrote to stdout; an error where it failed."""
    found, said = process.communicate()
    assert process.returncode == 0, said
    return found


def free_address():
    """An address on this machine where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
