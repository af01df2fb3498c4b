"""What was measured, as a table on the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.timing import ENOUGH_FOR_OTHERS

Record = dict[str, Any]
Results = dict[str, Any]
Line = tuple[str, ...]
TIME_COLUMNS = (
    "row",
    "hand, ms",
    "jax.grad, ms",
    "PyTorch, ms",
    "over jax.grad",
    "over PyTorch",
    "backward, ms",
    "backward over jax.grad",
)
COST_COLUMNS = (
    "row",
    "in scan, ms",
    "of outside",
    "over jax.grad in scan",
    "compile, s",
    "of jax.grad's",
    "temporaries, MB",
    "of jax.grad's",
)
SUMMARY_COLUMNS = (
    "group",
    "rows",
    "over jax.grad",
    "smallest",
    "over PyTorch",
    "smallest",
    "backward over jax.grad",
    "smallest",
    "in scan over jax.grad",
    "smallest",
)
GROWTH_COLUMNS = ("what grows", "from, to", "ms", "exponent")
COMPARED = (("auto", "hand"), ("torch", "hand"), ("auto_backward", "hand_backward"), ("auto_scan", "hand_scan"))
NONE = "-"
LEGEND = (
    "Forward and backward (steps: and update) in milliseconds: median ± half the distance between the quartiles. "
    "`hand` is this project, `jax.grad` the same layers in plain JAX; PyTorch runs eagerly, in the faster of its "
    "layouts. `over` is their time over ours: above 1, this project is faster. `of` is our time (or memory) over "
    "theirs: better below 1. `backward` is a layer's gradients alone, from what its forward pass has kept."
)


def ratio(record: Record, other: str, base: str = "hand") -> float | None:
    """How many times `base`'s time `other` takes: above 1, `base` is faster.

    >>> ratio({"hand": {"median": 2.0}, "auto": {"median": 6.0}}, "auto")
    3.0
    """
    if other not in record or base not in record:
        return None
    return record[other]["median"] / record[base]["median"]


def share(record: Record, quantity: str) -> float | None:
    """The handwritten rules' compile time or temporaries over those of jax.grad's."""
    hand, auto = record[quantity]["hand"], record[quantity]["auto"]
    return hand / auto if auto else None


def milliseconds(record: Record, name: str) -> str:
    """Median, and half the distance of the quartiles.

    >>> milliseconds({"hand": {"median": 2.0, "low": 1.9, "high": 2.1}}, "hand")
    '2.00 ± 0.10'
    """
    if name not in record:
        return NONE
    time = record[name]
    return f"{number(time['median'])} ± {number((time['high'] - time['low']) / 2)}"


def number(value: float | None) -> str:
    """Two decimals, fewer for large numbers."""
    if value is None:
        return NONE
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def times(results: Results) -> list[Line]:
    """One line per row, in the order of TIME_COLUMNS."""
    return [
        (
            name,
            *(milliseconds(record, each) for each in ("hand", "auto", "torch")),
            *(number(ratio(record, each)) for each in ("auto", "torch")),
            milliseconds(record, "hand_backward"),
            number(ratio(record, "auto_backward", "hand_backward")),
        )
        for name, record in results["rows"].items()
    ]


def costs(results: Results) -> list[Line]:
    """One line per row, in the order of COST_COLUMNS."""
    return [
        (
            name,
            milliseconds(record, "hand_scan"),
            number(ratio(record, "hand_scan")),
            number(ratio(record, "auto_scan", "hand_scan")),
            number(record["compile"]["hand"]),
            number(share(record, "compile")),
            number(record["temporaries"]["hand"] / 1e6),
            number(share(record, "temporaries")),
        )
        for name, record in results["rows"].items()
    ]


def geometric_mean(values: Sequence[float]) -> float | None:
    """None of none.

    >>> round(geometric_mean([1.0, 4.0]), 6)
    2.0
    """
    return float(np.exp(np.mean(np.log(values)))) if values else None


def summary(results: Results) -> list[Line]:
    """Per group and over all, in the order of SUMMARY_COLUMNS."""
    records = list(results["rows"].values())
    groups = dict.fromkeys(record["group"] for record in records)
    return [
        *(means(group, [record for record in records if record["group"] == group]) for group in groups),
        means("all", records),
    ]


def means(group: str, records: Sequence[Record]) -> Line:
    """Geometric mean and smallest of the ratios to jax.grad, to PyTorch, and to jax.grad backward and inside scan."""
    found = []
    for other, base in COMPARED:
        there = [value for record in records if (value := ratio(record, other, base)) is not None]
        found += [geometric_mean(there), min(there, default=None)]
    return group, str(len(records)), *map(number, found)


def terminal(title: str, columns: Sequence[str], lines: Iterable[Sequence[str]]) -> Table:
    table = Table(title=title)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=place > 0)
    for line in lines:
        table.add_row(*line)
    return table


def markdown_table(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Left-aligned names, right-aligned numbers."""
    rule = ["---", *["---:"] * (len(columns) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (columns, rule, *lines))


def markdown(results: Results) -> str:
    """The whole report."""
    parts = [
        f"# Speed on {results['environment']['device']}",
        circumstances(results),
        LEGEND,
        markdown_table(TIME_COLUMNS, times(results)),
        "Inside `lax.scan`, compile time, and peak temporaries (arguments and results not counted):",
        markdown_table(COST_COLUMNS, costs(results)),
        "Geometric means and smallest ratios:",
        markdown_table(SUMMARY_COLUMNS, summary(results)),
        disturbed(results),
        repeatable(results),
    ]
    if results["growth"]:
        parts += ["Growth, exponent b of time = a work^b:", markdown_table(GROWTH_COLUMNS, growth(results))]
    return "\n\n".join(parts) + "\n"


def circumstances(results: Results) -> str:
    """When, and with which versions and flags."""
    dates = sorted({record["date"] for record in results["rows"].values()})
    facts = (f"{name} {value}" for name, value in results["environment"].items() if name != "device")
    return f"Measured {' to '.join(dict.fromkeys([*dates[:1], *dates[-1:]]))}: {', '.join(facts)}."


def disturbed(results: Results) -> str:
    """How much of the machine others took at worst."""
    shares = [share for record in results["rows"].values() for share in record["others"]]
    worst = max(shares, default=0.0)
    warning = (
        " These numbers are not to be quoted: measure again on an idle machine." if worst > ENOUGH_FOR_OTHERS else ""
    )
    return f"Other programs, and this machine's host, took up to {worst:.0%} of it while a row was measured.{warning}"


def repeatable(results: Results) -> str:
    """Whether the same call gives the same bits."""
    names = [name for name, record in results["rows"].items() if not record["is_repeatable"]]
    if names:
        return f"Ten calls did not give equal bits for: {', '.join(names)}."
    return "Ten calls of the handwritten rules gave equal bits in every row."


def growth(results: Results) -> list[Line]:
    """One for each series, in the order of GROWTH_COLUMNS."""
    return [
        (
            name,
            f"{each['work'][0]:,} to {each['work'][-1]:,}",
            ", ".join(map(number, each["milliseconds"])),
            f"{each['exponent']:.3f}",
        )
        for name, each in results["growth"].items()
    ]
