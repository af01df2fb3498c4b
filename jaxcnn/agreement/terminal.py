"""The terminal table (rich): one row per case, or every record where there is only one case."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from jaxcnn.agreement.report import Report, shown
from jaxcnn.agreement.summary import Cell, columns, legend, rows, sentence

COLOURS = {"exact": "green", "agree": "green", "noisy": "yellow", "unsupported": "dim", "": "dim"}
WRONG = "bold red"
CASE = 26
HEADINGS = {
    "float64": "float\n64", "float32": "float\n32", "bfloat16": "bfloat\n16", "float16": "float\n16",
    "formula": "for-\nmula", "complex": "com-\nplex", "differences": "differ-\nences", "transforms": "trans-\nforms",
    "structure": "struc-\nture",
}  # fmt: skip


def show(report: Report, console: Console | None = None) -> None:
    console = console or Console(emoji=False)
    console.print(overview(report) if len(rows(report)) > 1 else detail(report))
    for line in legend(report):
        console.print(line, style="dim", highlight=False)
    for record in report.failures:
        console.print(sentence(record), style="red", markup=False, highlight=False)
    console.print(report.sentence, style="green" if report.ok else WRONG, highlight=False)


def overview(report: Report) -> Table:
    """A row per case; a column in which nothing but `exact` would stand is a line below the table instead."""
    names, found = columns(report), rows(report)
    wanted = [i for i in range(len(names)) if names[i] == "transforms" or not_exact(cells[i] for _, cells in found)]
    silent = [name for i, name in enumerate(names) if i not in wanted and name != "teeth"]
    table = plain_table(Column("case", min_width=CASE), *(HEADINGS.get(names[i], names[i]) for i in wanted))
    for case, cells in found:
        table.add_row(Text(case), *(coloured(cells[i]) for i in wanted))
    table.caption = f"exact in every case: {', '.join(silent)}" if silent else None
    table.caption_justify = "left"
    return table


def not_exact(cells: Iterable[Cell]) -> bool:
    return any(cell.verdict not in ("exact", "") for cell in cells)


def plain_table(*headings: str | Column) -> Table:
    """A table without lines, so that it fits a terminal of 80 columns."""
    return Table(*headings, box=None, padding=(0, 1, 0, 0), header_style="bold underline")


def coloured(cell: Cell) -> Text:
    return Text(cell.text, style=COLOURS.get(cell.verdict, WRONG))


def detail(report: Report) -> Table:
    table = plain_table("mode", "leaf", "dtype", "verdict", "z", "z auto", "error", "n")
    for r in report.records:
        error = r.get("rel_l2")
        plain = (shown(r["z"]), shown(r.get("z_auto")), "-" if error is None else f"{error:.1e}", str(r.get("n", "-")))
        table.add_row(Text(r["mode"]), Text(r["leaf"]), r["dtype"], coloured(Cell(r["verdict"], r["verdict"])), *plain)
    table.caption = "z auto: of the automatic gradient; error: relative, L2; n: elements"
    table.caption_justify = "left"
    return table
