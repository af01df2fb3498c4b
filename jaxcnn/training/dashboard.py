"""`--dashboard`: curves, the last epochs, speed and time left, kept up to date at the foot of the terminal."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from jaxcnn.training.metrics import Epoch

BARS, PLAIN_BARS = "▁▂▃▄▅▆▇█", "_.-=+*#@"
SHOWN = 5  # epochs
PARTS = ("training", "held out")
CURVES = {"loss": ("train_loss", "test_loss"), "accuracy": ("train_accuracy", "test_accuracy")}


class Dashboard:
    """What is known of a run, as something to look at."""

    def __init__(self, epochs: int, behind: Sequence[Epoch]):
        self.planned, self.seen, self.behind = epochs, list(behind), len(behind)
        self.began = self.ended = time.perf_counter()

    def add(self, epoch: Epoch) -> None:
        self.seen.append(epoch)
        self.ended = time.perf_counter()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.heading(), style="bold")
        if self.seen:
            yield self.curves(max(8, options.max_width - 32), PLAIN_BARS if options.ascii_only else BARS)
            yield self.table()

    def heading(self) -> str:
        if not self.seen:
            return f"epoch 1 of {self.planned:,}: compiling"
        speed = f"{self.seen[-1].examples_per_second:,.0f} examples/s"
        return f"epoch {len(self.seen):,} of {self.planned:,} done, {speed}, {self.left()}"

    def left(self) -> str:
        """The time that the epochs to come will take if they take as long as those since the start."""
        done, coming = len(self.seen) - self.behind, self.planned - len(self.seen)
        if not done:
            return "time left unknown"
        seconds = (self.ended - self.began) / done * coming - (time.perf_counter() - self.ended)
        return f"{timedelta(seconds=round(max(0, seconds)))} left" if coming else "at the end"

    def curves(self, width: int, bars: str) -> Table:
        """A line for each measure: where it is, and how it went; training and held out on one scale."""
        grid = Table.grid(padding=(0, 2))
        for measure, names in CURVES.items():
            scale = math.log10 if measure == "loss" else float
            pair = [[scaled(getattr(epoch, name), scale) for epoch in self.seen] for name in names]
            limits = extent([*pair[0], *pair[1]])
            for name, values, part, style in zip(names, pair, PARTS, ("cyan", "green"), strict=True):
                line = sparkline(values, width, limits, bars)
                grid.add_row(measure, part, f"{getattr(self.seen[-1], name):.4f}", Text(line, style=style))
        return grid

    def table(self) -> Table:
        """The last few epochs."""
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for title in ("epoch", "loss", "held out", "accuracy", "held out", "examples/s"):
            table.add_column(title, justify="right")
        for epoch in self.seen[-SHOWN:]:
            loss, accuracy = epoch[1:4:2], epoch[2:5:2]
            numbers = [f"{value:.4f}" for value in (*loss, *accuracy)]
            table.add_row(f"{epoch.epoch:,}", *numbers, f"{epoch.examples_per_second:,.0f}")
        return table


def scaled(value: float, scale: Callable[[float], float]) -> float:
    """The value on a scale; what has no place on it is no number."""
    return scale(value) if math.isfinite(value) and (value > 0 or scale is float) else math.nan


def extent(values: Sequence[float]) -> tuple[float, float]:
    """The least and the largest of the finite values."""
    finite = [value for value in values if math.isfinite(value)]
    return min(finite, default=0.0), max(finite, default=0.0)


def sparkline(values: Sequence[float], width: int, limits: tuple[float, float], bars: str = BARS) -> str:
    """Values as bars between two limits, at most `width`: of longer series, evenly spaced ones, the last among them.

    What is no number is a question mark.

    >>> sparkline([0, 1, 2, 3, math.nan], 5, (0, 3))
    '▁▃▆█?'
    """
    low, high = limits
    step = max(1.0, (len(values) - 1) / max(1, width - 1))
    shown = [values[round(i * step)] for i in range(min(width, len(values)))]
    scale = (len(bars) - 1) / (high - low) if high > low else 0.0
    return "".join(bars[round((value - low) * scale)] if math.isfinite(value) else "?" for value in shown)


@contextmanager
def live(console: Console, epochs: int, behind: Sequence[Epoch]) -> Iterator[Dashboard]:
    """A dashboard that is on the terminal until the end of the `with`, and stays there as it then is."""
    dashboard = Dashboard(epochs, behind)
    with Live(dashboard, console=console, refresh_per_second=2):
        yield dashboard
