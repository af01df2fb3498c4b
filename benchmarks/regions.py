"""`python -m benchmarks.regions`: linear regions found by `analysis.linear_regions` and by regioncam, side by side.

Both take the same float32 weights, on one thread, in turns; what counts is processor time, which other programs on the
machine lengthen less than the clock's. regioncam (`pip install -e ".[compare]"`) keeps every
unit's value at every vertex; this project finds affine maps when they are asked for, so they are timed as well.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.timing import others

Layers = list[tuple[np.ndarray, np.ndarray]]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Case:
    """A random network on [-half, half]^2: hidden widths, calls, whether regioncam (and affine maps) take part."""

    hidden: tuple[int, ...]
    turns: int
    compared: bool
    half: float = 1.0

    @property
    def name(self) -> str:
        return f"{self.hidden[0]} x {len(self.hidden)}" + (f", half {self.half:g}" if self.half < 1 else "")


CASES = (
    Case((183,), 20, compared=True),
    Case((69,) * 3, 20, compared=True),
    Case((1000,), 1, compared=True),
    Case((370,) * 3, 2, compared=False),
    Case((1840,), 5, compared=False),
    Case((670,) * 3, 1, compared=False),
    Case((670,) * 3, 3, compared=False, half=0.3),
    Case((670,) * 3, 10, compared=False, half=0.06),
)


@dataclass(frozen=True)
class Options:
    """Count regions at about 10^4, 3 10^5 and 10^6 of them, with the width and with the square that is looked at, and
    compare counts on small networks.
    """

    largest: int = 1840
    """Leave out networks with wider layers than this."""
    agreement: int = 20
    """Random small networks on which the two counts are compared."""
    out: Path = Path("runs/benchmarks/regions.json")
    """File of the results."""


def mlp(hidden: Sequence[int], seed: int) -> Layers:
    """He-normal weights, biases of standard deviation 1/2, one output; float32 as regioncam wants it."""
    draw = np.random.default_rng(seed)
    return [
        ((draw.normal(size=(i, o)) * np.sqrt(2 / i)).astype(np.float32), (draw.normal(size=o) / 2).astype(np.float32))
        for i, o in pairwise([2, *hidden, 1])
    ]


def ours(layers: Layers, half: float = 1.0) -> int:
    from analysis.linear_regions import box, partition

    return partition(layers, box(-half, half)).count


def ours_with_maps(layers: Layers, half: float = 1.0) -> int:
    from analysis.linear_regions import box, partition

    return len(partition(layers, box(-half, half)).affine_maps)


def theirs(layers: Layers, half: float = 1.0) -> int:
    from regioncam import Regioncam

    found = Regioncam(size=half)
    for depth, (kernel, bias) in enumerate(layers):
        found.linear(kernel, bias)
        if depth < len(layers) - 1:
            found.relu()
    return found.num_faces


def spent(run: Callable[[], object]) -> tuple[float, float]:
    """Seconds of this process's processor time, and by the clock."""
    start, clock = time.process_time(), time.perf_counter()
    run()
    return time.process_time() - start, time.perf_counter() - clock


def measure(case: Case) -> dict[str, Any]:
    """One case, in a process of its own, so that the peak of memory is its own too."""
    work = mlp(case.hidden, seed=0), case.half
    record: dict[str, Any] = {"network": case.name, "regions": ours(*work)}
    record["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    runs = {"seconds": lambda: ours(*work)}
    if case.compared:
        runs["with_maps"] = lambda: ours_with_maps(*work)
    if case.compared and find_spec("regioncam"):
        runs["regioncam"] = lambda: theirs(*work)
        record["regioncam_regions"] = theirs(*work)
    with others() as foreign:
        seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        for _ in range(case.turns):
            for name, run in runs.items():
                seconds[name].append(spent(run))
    record |= {name: min(each)[0] for name, each in seconds.items()}
    return record | {"clock": min(seconds["seconds"])[1], "others": foreign[0] if foreign else None}


def agreement(networks: int) -> Iterator[dict[str, Any]]:
    """Counts on small random networks, one to four hidden layers of 4 to 40 units."""
    draw = np.random.default_rng(0)
    for seed in range(networks):
        hidden = draw.integers(4, 41, size=draw.integers(1, 5)).tolist()
        layers = mlp(hidden, seed)
        yield {"hidden": hidden, "regions": ours(layers), "regioncam": theirs(layers)}


def table(records: Sequence[dict[str, Any]]) -> Table:
    """The measured cases; a time is processor time, the best of its calls."""
    shown = Table("network", "regions", "s", "us per region", "s, affine maps too", "peak MB", "regioncam s", "ratio")
    for row in records:
        own, maps, peer = row["seconds"], row.get("with_maps"), row.get("regioncam")
        times = f"{own:.3g}", f"{1e6 * own / row['regions']:.2f}", f"{maps:.3g}" if maps else ""
        ratio = (f"{peer:.3g}", f"{peer / own:.1f}") if peer else ("", "")
        shown.add_row(row["network"], f"{row['regions']:,}", *times, f"{row['peak_bytes'] / 1e6:,.0f}", *ratio)
    return shown


def main(options: Options) -> int:
    """Measure, print and write; exit code 1 where the two counts differ."""
    os.environ |= ONE_THREAD  # read by the processes that are about to start
    console, peer = Console(), find_spec("regioncam") is not None
    if not peer:
        console.print("regioncam is not installed: its columns stay empty.")
    records = []
    for case in CASES:
        if max(case.hidden) <= options.largest:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                records.append(pool.submit(measure, case).result())
            console.print(records[-1], highlight=False)
    counts = list(agreement(options.agreement)) if peer else []
    differing = [row for row in counts if row["regions"] != row["regioncam"]]
    console.print(table(records))
    console.print(f"equal counts on {len(counts) - len(differing)} of {len(counts)} random networks", *differing)
    versions = {name: version(name) for name in ("numpy", *["regioncam"] * peer)}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"versions": versions, "cases": records, "agreement": counts}, indent=2) + "\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, prog="python -m benchmarks.regions")))
