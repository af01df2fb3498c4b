"""The terminal table (rich): one row per case, or every record where there is only one case."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from jaxcnn.agreement.report import Report, shown
from jaxcnn.agreement.summary import columns, row, sentence

COLOURS = {"exact": "green", "agree": "green", "noisy": "yellow", "unsupported": "dim", "": "dim"}
WRONG = "bold red"


def show(report: Report, console: Console | None = None) -> None:
    console = console or Console()
    console.print(overview(report) if len(report.cases) > 1 else detail(report))
    for record in report.failures:
        console.print(sentence(record), style="red", markup=False, highlight=False)
    console.print(report.sentence, style="green" if report.ok else WRONG, highlight=False)


def overview(report: Report) -> Table:
    names = columns(report)
    table = Table("case", *names, title="worst verdict and z in noise units", title_justify="left")
    for case, records in report.cases.items():
        cells = row(records, names)
        if any(c.text for c in cells):
            table.add_row(case, *(f"[{COLOURS.get(c.verdict, WRONG)}]{c.text}[/]" for c in cells))
    return table


def detail(report: Report) -> Table:
    table = Table("mode", "leaf", "dtype", "verdict", "z", "z auto", "relative error", "elements", "note")
    for r in report.records:
        style = COLOURS.get(r["verdict"], WRONG)
        error = r.get("rel_l2")
        table.add_row(
            r["mode"], r["leaf"], r["dtype"], f"[{style}]{r['verdict']}[/]", shown(r["z"]), shown(r.get("z_auto")),
            "-" if error is None else f"{error:.1e}", str(r.get("n", "-")), r["note"],
        )  # fmt: skip
    return table
