"""Twenty wrong gradients: which does `jaxcnn.agreement.check` catch, and which `jax.test_util.check_grads`?

    python benchmarks/check_grads_table.py

Both get the same functions at the same arguments. `check_grads` runs with its defaults in reverse mode, order 1
(forward mode does not exist for `jax.custom_vjp`), in float32; ours in float32 and bfloat16, the dtypes that users
have.
"""

from __future__ import annotations

import time
from typing import Any

import jax
from jax.test_util import check_grads
from rich.console import Console
from rich.table import Table

from jaxcnn.agreement import check
from jaxcnn.agreement.gallery.mistakes import MISTAKES
from jaxcnn.agreement.gallery.rules import Exhibit
from jaxcnn.agreement.report import shown, worst


def by_jax(exhibit: Exhibit) -> str:
    try:
        check_grads(exhibit.hand, exhibit.args(), order=1, modes=["rev"])
    except Exception as error:
        return f"caught: {type(error).__name__}"
    return "passed"


def by_us(exhibit: Exhibit) -> tuple[str, Any]:
    dtypes = ("float32", "bfloat16")
    report = check(
        exhibit.hand, exhibit.auto, *exhibit.args(), dtypes=dtypes, integers=not exhibit.positive, transform=False
    )
    return ("passed" if report.ok else "caught"), worst(report.failures)


def main() -> None:
    table = Table("planted error", "check_grads (defaults)", "jaxcnn.agreement", "shown by", "leaf", "z")
    caught = {"jax": 0, "ours": 0}
    start = time.perf_counter()
    for exhibit in MISTAKES:
        theirs, (ours, record) = by_jax(exhibit), by_us(exhibit)
        caught["jax"] += theirs != "passed"
        caught["ours"] += ours != "passed"
        found = (record["mode"], record["leaf"], shown(record["z"])) if record else ("", "", "")
        table.add_row(exhibit.name, theirs, ours, *found)
    Console(width=140).print(table)
    print(f"caught of {len(MISTAKES)}: check_grads {caught['jax']}, jaxcnn.agreement {caught['ours']}")
    print(f"jax {jax.__version__}, {jax.devices()[0].device_kind}, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
