"""Pictures of signal and gradient: what theory predicts as a line with its band, what was measured as points.

Functions that draw what they are given on axes that they are given, and return the axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import AutoLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

COLOURS = ("#1f5fa8", "#d08a2e", "#3a8f5c", "#b3413f", "#7d5ba6", "#4d4d4d")
Line = Float[np.ndarray, " points"]


def panels(columns: int, rows: int = 1, width: float = 5.0, height: float = 4.0) -> tuple[Figure, list[Axes]]:
    """An empty figure and its axes in reading order."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def predicted(
    ax: Axes, x: Line, y: Line, *, band: tuple[Line, Line] | None = None, colour: str = COLOURS[0], label: str = ""
) -> Axes:
    """A line, and the band in which 95 of 100 networks are expected."""
    ax.plot(x, y, "-", color=colour, linewidth=1.4, label=label or None)
    if band is not None:
        ax.fill_between(x, *band, color=colour, alpha=0.18, linewidth=0)
    return ax


def measured(ax: Axes, x: Line, y: Line, *, colour: str = COLOURS[0], label: str = "", marker: str = "o") -> Axes:
    """Points: one per network and place, thinned to some forty places."""
    y = np.atleast_2d(y)
    step = max(1, y.shape[1] // 40)
    for number, row in enumerate(y):
        ax.plot(
            x[::step],
            row[::step],
            marker,
            color=colour,
            markersize=3,
            alpha=0.75,
            markeredgewidth=0,
            label=(label or None) if number == 0 else None,
        )
    return ax


def named(
    ax: Axes,
    title: str,
    xlabel: str,
    ylabel: str,
    *,
    is_log: bool = True,
    legend: Literal["best", "upper left", "upper right", "lower left"] | None = "best",
) -> Axes:
    """Title, axes with units, a grid and a legend."""
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    ax.title.set_fontsize(10)
    if is_log:
        ax.set_yscale("log")
        few_decades(ax)
    if isinstance(ax.xaxis.get_major_locator(), AutoLocator) and is_counted(ax):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.25)
    if legend and ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize="small", loc=legend)
    return ax


def is_counted(ax: Axes) -> bool:
    """Whether everything drawn stands at whole numbers: layers, steps."""
    return all(np.all(np.mod(np.asarray(line.get_xdata(), float), 1) == 0) for line in ax.lines)


def few_decades(ax: Axes) -> Axes:
    """Plain numbers at 1, 2 and 5 on a logarithmic axis that spans less than three decades."""
    low, high = ax.get_ylim()
    if high / low < 1e3:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    return ax


def heat_map(
    values: Float[np.ndarray, "times layers"],
    times: Sequence[float],
    layers: Sequence[str],
    label: str,
    ax: Axes,
    *,
    limits: tuple[float, float] | None = None,
) -> Axes:
    """Layers from input (bottom) to output (top), time to the right; colour is the decimal logarithm of `values`.

    White where a value is 0 or not finite.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log10(values).T  # [layers, times]
    finite = logs[np.isfinite(logs)]
    low, high = limits or ((finite.min(), finite.max()) if finite.size else (0, 1))
    shown = ax.pcolormesh(edges(times), np.arange(len(layers) + 1), np.ma.masked_invalid(logs), vmin=low, vmax=high)
    ax.set(xlabel="step", yticks=np.arange(len(layers)) + 0.5)
    ax.set_yticklabels(layers, fontsize=8)
    ax.figure.colorbar(shown, ax=ax, label=label)
    return ax


def edges(centres: Sequence[float]) -> Line:
    """Cell borders half way between the centres.

    >>> edges([0, 10, 20]).tolist()
    [-5.0, 5.0, 15.0, 25.0]
    """
    points = np.asarray(centres, float)
    if len(points) == 1:
        return points[0] + np.array([-0.5, 0.5])
    middles = (points[1:] + points[:-1]) / 2
    return np.concatenate([[2 * points[0] - middles[0]], middles, [2 * points[-1] - middles[-1]]])
