"""`python -m benchmarks`: this project, plain JAX and PyTorch side by side."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import jax
import tyro
from rich.console import Console

from benchmarks import growth, picture, report, store
from benchmarks.layers import LAYERS
from benchmarks.measure import Record, is_installed, record
from benchmarks.rows import ROWS, Row, matching
from benchmarks.timing import ENOUGH_FOR_OTHERS
from jaxcnn.errors import UserError

WIDTH = 160
MOST_ATTEMPTS = 3  # to measure a row that others disturb


@dataclass(frozen=True)
class Options:
    """Time forward and backward of each row by handwritten rules, by jax.grad and by PyTorch.

    Results are added to those already in the folder, row by row, so a long benchmark can be run in pieces.
    """

    rows: str = ""
    """Only rows whose name or group contains this; * and ? as in a shell."""
    layers: bool = False
    """Convolutions of well-known networks instead of the rows of the table, in files of their own."""
    budget: float = 2.0
    """Seconds of calls for each library, in three blocks of calls that take turns."""
    torch: bool = True
    """Also PyTorch, where it is installed."""
    scan: bool = False
    """Also inside lax.scan, where jax.grad's own gradients can be hundreds of times slower."""
    growth: bool = False
    """Measure how cost grows with batch and image, and nothing else."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of parameters and data; PyTorch takes part in float32 only."""
    out: Path = Path("runs/benchmarks")
    """Folder of the results: <platform>.json, .md and .png (layers and other precisions have their own)."""
    show: Annotated[bool, tyro.conf.arg(name="list")] = False
    """List the rows and stop."""


def main(options: Options) -> int:
    """Measure, print and write; exit code 2 and a sentence for what cannot be measured, or not into that folder."""
    try:
        return benchmark(options)
    except UserError as error:
        print(f"python -m benchmarks: {error}", file=sys.stderr)
        return 2


def benchmark(options: Options) -> int:
    console = Console()
    chosen = matching(options.rows, LAYERS if options.layers else ROWS)
    if options.show:
        for row in chosen:
            console.print(f"{row.name:45} {row.group}; {row.work}, x{[row.batch, *row.image]}", highlight=False)
        return 0
    table = "-layers" if options.layers else ""
    precision = "" if options.dtype == "float32" else f"-{options.dtype}"
    path = options.out / f"{jax.default_backend()}{table}{precision}.json"
    results = store.load(path)
    if options.growth:
        results["growth"] = growth.measure(options.budget)
        store.save(path, results)
    else:
        run(console, options, chosen, path, results)
    show(console, results)
    path.with_suffix(".md").write_text(report.markdown(results))
    written = ".md"
    if results["rows"]:  # growth alone has no ratios to draw
        picture.draw(results, path.with_suffix(".png"))
        written = ".md, .png"
    console.print(f"{path}, {written}", highlight=False)
    return 0


def run(console: Console, options: Options, chosen: Sequence[Row], path: Path, results: store.Results) -> None:
    """Measure row after row, and again where others took too much; each is on disk before the next begins."""
    torch = options.torch and is_installed()
    if options.torch and not torch:
        console.print("PyTorch is not installed, or JAX does not run on the CPU: PyTorch's column stays empty.")
    for row in chosen:
        console.print(row.name, highlight=False)
        measured = partial(record, row, budget=options.budget, dtype=options.dtype, scan=options.scan, torch=torch)
        store.add(results, row.name, quietest(measured))
        store.save(path, results)


def quietest(measured: Callable[[], Record]) -> Record:
    """The first record of a time in which others took little, or of a few the one in which they took least."""

    def taken(found: Record) -> float:
        return max(found["others"], default=0.0)

    found = [measured()]
    while taken(found[-1]) > ENOUGH_FOR_OTHERS and len(found) < MOST_ATTEMPTS:
        found.append(measured())
    return min(found, key=taken)


def show(console: Console, results: store.Results) -> None:
    """The tables, with room for all columns where the output is no terminal."""
    wide = console if console.is_terminal else Console(width=WIDTH)
    wide.print(report.terminal("forward and backward", report.TIME_COLUMNS, report.times(results)))
    wide.print(report.terminal("in lax.scan; to compile; temporaries", report.COST_COLUMNS, report.costs(results)))
    wide.print(report.terminal("geometric means", report.SUMMARY_COLUMNS, report.summary(results)))
    if results["growth"]:
        wide.print(report.terminal("growth", report.GROWTH_COLUMNS, report.growth(results)))


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, prog="python -m benchmarks")))
