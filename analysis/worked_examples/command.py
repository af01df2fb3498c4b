"""`jaxcnn examples`. JAX is loaded when the examples run, not for `--help` or a typing error."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from jaxcnn.errors import UserError

if TYPE_CHECKING:
    from analysis.worked_examples.entry import Entry
    from analysis.worked_examples.runner import Outcome


@dataclass(frozen=True)
class Examples:
    """Which statements to run and where to put what comes out.

    Attributes:
        which: ids such as S2.07 (shown in full), or documents, seed0 to seed4; all 221 if none is named.
        errata: show only the statements that the run finds wrong, with what is right.
        html: write one self-contained page to this file.
        json: write ids and verdicts to this file.
        pictures: folder for the pictures of the examples shown in full.
    """

    which: tyro.conf.Positional[tuple[str, ...]] = ()
    errata: bool = False
    html: Path | None = None
    json: Path | None = None
    pictures: Path = Path("runs/examples")


def examples(request: Annotated[Examples, tyro.conf.arg(name="")]) -> int:
    """Run the statements of the five seed documents: printed value, computed value, verdict."""
    from analysis.worked_examples import report
    from analysis.worked_examples.catalogue import select
    from analysis.worked_examples.judge import Verdict

    try:
        entries = select(request.which)
    except ValueError as error:
        raise UserError(str(error).removeprefix("examples: ")) from error
    for path in filter(None, (request.html, request.json)):
        prepare(path)
    outcomes = run_with_progress(entries)
    if request.errata:
        outcomes = [outcome for outcome in outcomes if outcome.verdict is Verdict.ERRATUM]
    if request.json:
        write(request.json, report.verdicts(outcomes))
    if request.html:
        from analysis.worked_examples.page import page

        write(request.html, page(outcomes))
        print(report.totals(outcomes).plain)
    else:
        show(outcomes, is_full=len(request.which) == len(entries), folder=request.pictures)
    return int(any(outcome.verdict is Verdict.BROKEN for outcome in outcomes))


def run_with_progress(entries: Sequence[Entry]) -> list[Outcome]:
    """Run the entries with a progress bar on a terminal."""
    from rich.console import Console
    from rich.progress import track

    from analysis.worked_examples.runner import run_all

    console = Console(stderr=True)
    return list(
        track(run_all(entries), "running", total=len(entries), console=console, disable=not console.is_terminal)
    )


def show(outcomes: Sequence[Outcome], is_full: bool, folder: Path) -> None:
    """Print a table, or every outcome in full."""
    from rich.console import Console

    from analysis.worked_examples import report

    console = Console()
    if not outcomes:
        console.print("none of these statements is an erratum")
    elif not is_full:
        console.print(report.overview(outcomes))
    else:
        for outcome in outcomes:
            console.print(report.in_full(outcome, save_picture(outcome.entry, folder)))


def save_picture(entry: Entry, folder: Path) -> Path | None:
    """Draw the entry's picture, if it has one, with its numbers beside it; returns the picture's path."""
    if entry.picture is None:
        return None
    from analysis.worked_examples.runner import draw

    figure, columns = draw(entry)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{entry.id}.png"
    figure.savefig(path, dpi=150, bbox_inches="tight")
    if columns:
        with path.with_suffix(".csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
    return path


def prepare(path: Path) -> None:
    """Fail before the run where the file cannot be written, not after it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.open("a").close()


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    print(path)
