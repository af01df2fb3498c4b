"""Where a report comes from: versions, device, flags, precision, seed, source revision, and two canaries.

jaxlib 0.10.2 miscompiles a matrix product followed by a row reduction on CPU, and crashes on a rank-7 multiply-reduce
(jax issues 39103 and 39257). Both reproducers run in a process of their own, since the second one takes it down.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

ROW_SUMS = """
import jax, jax.numpy as jnp
x = jnp.stack([jnp.arange(32_769, dtype=jnp.float32)] + [jnp.zeros(32_769)] * 2, axis=1)
f = lambda x: jax.vmap(lambda r: jnp.sum((jnp.eye(3) @ r) ** 2))(x)
assert jnp.array_equal(f(x), jax.jit(f)(x))
"""
RANK_SEVEN = """
import jax, jax.numpy as jnp
x = jnp.ones((3, 1, 2, 2, 8, 8, 8))
assert jnp.array_equal(jax.jit(lambda x: jnp.sum(x * x, axis=3))(x), jnp.full((3, 1, 2, 8, 8, 8), 2.0))
"""
CANARIES = {"dot and row sum": ROW_SUMS, "rank-7 multiply-reduce": RANK_SEVEN}


def provenance(seed: int) -> dict[str, Any]:
    """Everything a reader needs to run a report again."""
    device = jax.devices()[0]
    return {
        "python": platform.python_version(),
        "jax": jax.__version__,
        "jaxlib": version("jaxlib"),
        "jaxcnn": version("jaxcnn") if installed("jaxcnn") else None,
        "platform": device.platform,
        "device": device.device_kind,
        "devices": len(jax.devices()),
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
        "x64": bool(jax.config.jax_enable_x64),  # type: ignore[attr-defined]
        "matmul_precision": str(jax.config.jax_default_matmul_precision),  # type: ignore[attr-defined]
        "seed": seed,
        "git": revision(),
    }


def installed(name: str) -> bool:
    try:
        version(name)
    except ImportError:
        return False
    return True


def revision() -> str | None:
    """The commit of this source tree, with `+` where files differ from it; None outside a checkout."""
    here = Path(__file__).parent
    try:
        commit, changes = (
            subprocess.run(
                ["git", *words], cwd=here, capture_output=True, text=True, timeout=10, check=True
            ).stdout.strip()
            for words in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changes else "")


def canary_records() -> list[dict[str, Any]]:
    """Whether this jaxlib computes two sums right that 0.10.2 does not."""
    return [canary(name, source) for name, source in CANARIES.items()]


def canary(name: str, source: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=300, check=False)
    record = {"case": "environment", "group": "environment", "mode": f"canary: {name}", "leaf": "", "dtype": "float32"}
    if done.returncode == 0:
        return record | {"verdict": "exact", "z": 0.0, "note": "jaxlib computes it right"}
    return record | {
        "verdict": "disagree",
        "z": None,
        "note": f"this jaxlib miscompiles it (exit code {done.returncode})",
    }
