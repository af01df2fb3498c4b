"""Results on disk: one JSON file per device, to which each run adds or renews its rows."""

from __future__ import annotations

import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

from benchmarks.layers import LAYERS
from benchmarks.rows import ROWS
from jaxcnn.errors import UserError

Results = dict[str, Any]  # "environment", "rows" (by name), "growth" (by series)


def device() -> str:
    """The device in words: "2 cores, AMD EPYC"."""
    if jax.default_backend() != "cpu":
        return jax.devices()[0].device_kind
    return f"{len(os.sched_getaffinity(0))} cores, {processor()}"


def processor() -> str:
    """The processor's name where Linux tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def environment() -> dict[str, str]:
    """What a number depends on beside the code."""
    return {
        "device": device(),
        "python": platform.python_version(),
        **{package: version(package) for package in ("jax", "jaxlib", "torch", "numpy")},
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", "none"),
        "matmul precision": str(jax.config.values["jax_default_matmul_precision"] or "default"),
    }


def load(path: Path) -> Results:
    """The results of earlier runs in the same environment, or none yet.

    Raises:
        ValueError: the file was measured in another environment.
    """
    here = environment()
    if not path.exists():
        return {"environment": here, "rows": {}, "growth": {}}
    results = json.loads(path.read_text())
    other = [
        f"{name} {value} (here {here.get(name)})"
        for name, value in results["environment"].items()
        if here.get(name) != value
    ]
    if other:
        raise UserError(f"{path} was measured with {', '.join(other)}; choose another folder with --out")
    return results


def add(results: Results, name: str, record: dict[str, Any]) -> None:
    """Add or renew a row; rows stay in the order of their list."""
    rows = {**results["rows"], name: record}
    results["rows"] = {row.name: rows[row.name] for row in (*ROWS, *LAYERS) if row.name in rows}


def save(path: Path, results: Results) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")
