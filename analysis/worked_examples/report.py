"""Outcomes in a terminal: a table of many, one in full."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from analysis.worked_examples.judge import Claim, Experiment, Finding, Missing, Verdict
from analysis.worked_examples.runner import Outcome, tally
from analysis.worked_examples.wording import corrected, found, off_by, plain, show, stated

STYLES = {
    Verdict.HOLDS: "green",
    Verdict.ROUNDED: "green",
    Verdict.ERRATUM: "bold red",
    Verdict.MISSING_FIGURE: "cyan",
    Verdict.MISSING_TEXT: "cyan",
    Verdict.EXPERIMENT: "yellow",
    Verdict.NOT_COMPUTABLE: "dim",
    Verdict.BROKEN: "bold white on red",
}


def verdict_text(verdict: Verdict) -> Text:
    return Text(verdict.value, style=STYLES[verdict])


def overview(outcomes: Sequence[Outcome]) -> RenderableType:
    """One line per row: what the document says, what the run gives, the verdict of the row's leading finding."""
    table = Table("id", "place", "statement", header_style="bold", pad_edge=False, row_styles=("", ""))
    for name in ("printed", "computed"):
        table.add_column(name, max_width=26, overflow="fold")
    table.add_column("off by", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for outcome in outcomes:
        entry, leading = outcome.entry, outcome.findings[0]
        words = (entry.place, statement(outcome), stated(leading), found(leading), off_by(leading))
        table.add_row(entry.id, *map(Text, words), verdict_text(outcome.verdict))
    return Group(table, totals(outcomes))


def statement(outcome: Outcome) -> str:
    """The statement, with its formula and, for an erratum, what is right."""
    entry = outcome.entry
    lines = [entry.states, plain(entry.formula) if len(entry.formula) < 90 else ""]
    if outcome.verdict is Verdict.ERRATUM:
        lines.append(f"Right: {corrected(entry.corrected)}")
    return "\n".join(line for line in lines if line)


def totals(outcomes: Sequence[Outcome]) -> Text:
    """How often each verdict was reached, and the time."""
    counts = tally(outcomes)
    parts = [f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]]
    seconds = sum(outcome.seconds for outcome in outcomes)
    return Text(f"{len(outcomes)} statements in {seconds:.0f} s: {', '.join(parts)}", style="bold")


def in_full(outcome: Outcome, picture: Path | None = None) -> RenderableType:
    """One row: statement, equation, correction, numbers, code, and where its picture is."""
    entry = outcome.entry
    parts: list[RenderableType] = [Text(entry.states)]
    if entry.formula:
        parts.append(Padding(Text(plain(entry.formula), style="bold"), (1, 4)))
    if outcome.verdict is Verdict.ERRATUM:
        parts.append(Text.assemble(("Right: ", "bold red"), corrected(entry.corrected)))
    if entry.remark:
        parts.append(Text(entry.remark, style="italic"))
    parts += [
        Padding(numbers(outcome.findings), (1, 0)),
        Syntax(entry.code, "python", background_color="default", word_wrap=True),
    ]
    if picture:
        parts.append(Text(f"\npicture: {picture}"))
    title = Text.assemble(
        (f"{entry.id}  ", "bold"), f"seed {entry.seed}, {entry.place}: ", verdict_text(outcome.verdict)
    )
    return Panel(Group(*parts), title=title, title_align="left", padding=(1, 2))


def numbers(findings: Sequence[Finding]) -> RenderableType:
    """Every finding: printed, computed by the handwritten layers, difference, verdict."""
    table = Table("quantity", "printed", "computed", header_style="bold", pad_edge=False)
    table.add_column("off by", justify="right")
    table.add_column("verdict", no_wrap=True)
    for finding in findings:
        table.add_row(*map(Text, row(finding)), verdict_text(finding.verdict))
        if isinstance(finding, Experiment):
            for name, value in finding.measured.items():
                table.add_row(Text(f"  {name}"), "", Text(show(value)), "", "")
    return table


def row(finding: Finding) -> tuple[str, str, str, str]:
    """Name, printed, computed, difference."""
    if isinstance(finding, Claim):
        return finding.what, stated(finding), found(finding), off_by(finding)
    if isinstance(finding, Missing):
        return finding.what, "absent", finding.supplied, ""
    if isinstance(finding, Experiment):
        return f"needs {finding.needs}", "", "", ""
    return "no program can decide this", "", finding.reason, ""


def verdicts(outcomes: Sequence[Outcome]) -> str:
    """Ids and verdicts as JSON, for other programs."""
    return json.dumps({outcome.entry.id: outcome.verdict.value for outcome in outcomes}, indent=1)
