"""`jaxcnn runs`: run directories in one table, and their curves over each other in one picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import tyro

from jaxcnn.errors import UserError
from jaxcnn.training.files import parse_json


@dataclass(frozen=True)
class Runs:
    """Which run directories to compare."""

    folders: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")] = (Path("runs"),)
    """Run directories, or folders that hold some."""

    picture: Path | None = None
    """Draw loss and accuracy of all of them over the epochs into this PNG, and write the numbers beside it as CSV."""


class Found(NamedTuple):
    """What a run directory says of itself."""

    path: Path
    config: dict[str, Any]
    epochs: list[Any]  # of metrics.Epoch
    summary: dict[str, Any] | None

    @property
    def state(self) -> str:
        if self.summary is None:
            return "not ended"
        return "stopped" if self.summary.get("stopped") else "done"


def runs(options: Annotated[Runs, tyro.conf.arg(name="")]) -> int:
    """List run directories, newest first, with what they reached."""
    found = sorted(within(options.folders), key=lambda run: run.path.name, reverse=True)
    if not found:
        raise UserError(f"no run in {', '.join(map(str, options.folders))}; `jaxcnn train` makes one under runs/")
    show(found)
    if options.picture is not None:
        draw([run for run in found if run.epochs], options.picture)
        print(f"written: {options.picture}, {options.picture.with_suffix('.csv')}")
    return 0


def within(folders: tuple[Path, ...]) -> list[Found]:
    """The runs that the folders are or hold.

    Raises:
        UserError: a folder is none.
    """
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: is no folder; name run directories, or a folder that holds some")
    paths = {p for folder in folders for p in (folder, *folder.iterdir()) if (p / "config.json").is_file()}
    return [run for path in paths if (run := described(path)) is not None]


def described(path: Path) -> Found | None:
    """What a directory holds; None where its configuration cannot be read."""
    from jaxcnn.training.run import read_metrics

    config, summary = (read_json(path / name) for name in ("config.json", "summary.json"))
    return None if config is None else Found(path, config, read_metrics(path / "metrics.jsonl"), summary)


def read_json(path: Path) -> dict[str, Any] | None:
    try:
        found = parse_json(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def show(found: list[Found]) -> None:
    """The table, on stdout; one row per run."""
    from rich.console import Console
    from rich.table import Table

    from jaxcnn.training.progress import plain

    table = Table("run", "network", "data", "epochs", "held-out accuracy", "best", "loss", "state", box=None)
    for run in found:
        last = run.epochs[-1] if run.epochs else None
        best = max((epoch.test_accuracy for epoch in run.epochs), default=None)
        table.add_row(
            plain(run.path), plain(run.config.get("network")), plain(Path(str(run.config.get("data"))).name),
            plain(f"{len(run.epochs)} of {run.config.get('epochs')}"), number(last and last.test_accuracy),
            number(best), number(last and last.test_loss), run.state,
        )  # fmt: skip
    console = Console()
    needed = console.measure(table, options=console.options.update(width=10_000)).maximum
    console.width = max(console.width, needed)  # a path is shown whole or it is no use
    console.print(table)


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def draw(found: list[Found], path: Path) -> None:
    """Held-out loss and accuracy of every run, over each other; the CSV beside."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter, MaxNLocator, PercentFormatter

    from jaxcnn.training.files import write_csv
    from jaxcnn.training.metrics import Epoch

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    labels = {"test_loss": "cross entropy (nats per example)", "test_accuracy": "accuracy (share of examples)"}
    for ax, (name, label) in zip(figure.subplots(1, 2), labels.items(), strict=True):
        for run in found:
            numbers = [epoch.epoch for epoch in run.epochs]
            ax.plot(numbers, [getattr(e, name) for e in run.epochs], "o-", markersize=3, label=run.path.name)
        ax.set(xlabel="epoch", ylabel=f"held-out {label}")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(alpha=0.3)
    figure.axes[0].set_yscale("log")
    figure.axes[0].yaxis.set_major_formatter("{x:g}")
    figure.axes[0].yaxis.set_minor_formatter(LogFormatter())
    figure.axes[1].yaxis.set_major_formatter(PercentFormatter(1))
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", fontsize=8, ncols=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    rows = [(run.path.name, *epoch) for run in found for epoch in run.epochs]
    write_csv(path.with_suffix(".csv"), ("run", *Epoch._fields), rows)
