"""What the terminal shows of a run: a bar or, on request, a dashboard; a line per epoch where stderr is no terminal.

At the end, a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from jaxcnn.training.dashboard import live
from jaxcnn.training.gradients import Leaf
from jaxcnn.training.metrics import Epoch


class Report(Protocol):
    def __call__(self, epoch: Epoch) -> None: ...


@contextmanager
def following(epochs: int, behind: Sequence[Epoch] = (), dashboard: bool = False) -> Iterator[Report]:
    """A function that shows each epoch on stderr as it ends, after those that are `behind`."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda epoch: print(f"epoch {epoch.epoch}/{epochs}: {in_words(epoch)}", file=console.file, flush=True)
        return
    if dashboard:
        with live(console, epochs, behind) as board:
            yield board.add
        return
    columns = (
        TextColumn("epoch"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("compiling", total=epochs)
        yield lambda epoch: progress.update(task, completed=epoch.epoch, description=in_words(epoch))


def in_words(epoch: Epoch) -> str:
    return (
        f"loss {epoch.train_loss:.4f}, held out {epoch.test_loss:.4f}; "
        f"accuracy {epoch.train_accuracy:.4f}, held out {epoch.test_accuracy:.4f}; "
        f"{epoch.examples_per_second:,.0f} examples/s"
    )


def plain(value: object) -> Text:
    """Words that are not this program's own: no markup, and nothing that a terminal would obey or cannot write."""
    return Text("".join(letter if letter.isprintable() else "?" for letter in str(value)))


def results(rows: dict[str, str], comparisons: dict[str, list[Leaf]]) -> None:
    """The short table at the end, on stdout."""
    console, table = Console(), Table(show_header=False)
    for name, value in rows.items():
        table.add_row(name, plain(value))
    for batch, leaves in comparisons.items():
        table.add_section()
        table.add_row(f"gradients, {batch} batch", "|handwritten - automatic| / |automatic|")
        for leaf in leaves:
            mark = "" if leaf.agrees else "  [red]disagree[/red]"
            table.add_row(f"  {leaf.name}", f"{leaf.difference:.1e}{mark}")
    needed = console.measure(table, options=console.options.update(width=10_000)).maximum
    console.width = max(console.width, needed)  # a path is shown whole or it is no use
    console.print(table)
