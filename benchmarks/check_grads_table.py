"""Twenty wrong gradients and 43 right ones: what `jaxcnn.agreement` says of them, and what `check_grads` of JAX.

    python -m benchmarks.check_grads_table

Both get the same functions at the same arguments. `check_grads` runs with its defaults in reverse mode, order 1
(forward mode does not exist for `jax.custom_vjp`): the wrong ones in float32, the right ones in four dtypes. Ours looks
at the wrong ones in float32 and bfloat16, at the right ones in the same four.
"""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
from jax.test_util import check_grads
from rich.console import Console
from rich.table import Table

from jaxcnn.agreement import check
from jaxcnn.agreement.bands import failed
from jaxcnn.agreement.calibration import records
from jaxcnn.agreement.gallery.correct import CORRECT
from jaxcnn.agreement.gallery.mistakes import MISTAKES
from jaxcnn.agreement.gallery.rules import Exhibit
from jaxcnn.agreement.report import shown, worst
from jaxcnn.agreement.units import DTYPES


def by_jax(exhibit: Exhibit, dtype: str = "float32") -> str:
    args = [jnp.asarray(arg, dtype) for arg in exhibit.args()]
    try:
        check_grads(exhibit.hand, args, order=1, modes=["rev"])
    except Exception as error:
        return f"caught: {type(error).__name__}"
    return "passed"


def by_us(exhibit: Exhibit) -> tuple[str, Any]:
    dtypes = ("float32", "bfloat16")
    report = check(
        exhibit.hand, exhibit.auto, *exhibit.args(), dtypes=dtypes, integers=not exhibit.positive, transform=False
    )
    return ("passed" if report.ok else "caught"), worst(report.failures)


def wrong_ones(console: Console) -> None:
    """A row for each mistake."""
    table = Table("planted error", "check_grads (defaults)", "jaxcnn.agreement", "shown by", "leaf", "z")
    caught = {"check_grads": 0, "jaxcnn.agreement": 0}
    for exhibit in MISTAKES:
        theirs, (ours, record) = by_jax(exhibit), by_us(exhibit)
        caught["check_grads"] += theirs != "passed"
        caught["jaxcnn.agreement"] += ours != "passed"
        found = (record["mode"], record["leaf"], shown(record["z"])) if record else ("", "", "")
        table.add_row(exhibit.name, theirs, ours, *found)
    table.add_section()
    table.add_row(f"caught of {len(MISTAKES)}", *map(str, caught.values()))
    console.print(table)


def right_ones(console: Console) -> None:
    """How many right rules each rejects, per dtype."""
    table = Table("dtype", "right rules", "rejected by check_grads", "rejected by jaxcnn.agreement")
    for dtype in DTYPES:
        with jax.enable_x64(dtype == "float64"):
            theirs = sum(by_jax(exhibit, dtype) != "passed" for exhibit in CORRECT)
        ours = sum(any(map(failed, records(exhibit, dtype, range(1)))) for exhibit in CORRECT)
        table.add_row(dtype, str(len(CORRECT)), str(theirs), str(ours))
    console.print(table)


def main() -> None:
    console, start = Console(width=120), time.perf_counter()
    wrong_ones(console)
    right_ones(console)
    print(f"jax {jax.__version__}, {jax.devices()[0].device_kind}, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
