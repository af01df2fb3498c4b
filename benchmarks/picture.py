"""The ratios as a picture: one line per row, a logarithmic axis, and the line of equal speed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.report import ratio

MARKS = (  # contender, against, label, marker, colour: told apart by shape too
    ("auto", "hand", "jax.grad", "o", "#1f5fa8"),
    ("torch", "hand", "PyTorch, eager", "D", "#d08a2e"),
    ("auto_scan", "hand_scan", "jax.grad, both inside lax.scan", ">", "#6b6b6b"),
)


def draw(results: dict[str, Any], path: Path) -> None:
    """Save the picture of the ratios."""
    figure = Figure(figsize=(8, 2 + 0.24 * len(results["rows"])), layout="constrained")
    ratios(results, figure.subplots())
    figure.savefig(path, dpi=150)


def ratios(results: dict[str, Any], ax: Axes | None = None) -> Axes:
    """Time of the others over time of this project, per row; right of the line this project is faster."""
    rows = results["rows"]
    ax = Figure(layout="constrained").subplots() if ax is None else ax
    for other, base, label, marker, colour in MARKS:
        found = [(place, ratio(record, other, base)) for place, record in enumerate(rows.values())]
        points = [(value, place) for place, value in found if value is not None]
        if points:
            across, down = zip(*points, strict=True)
            ax.scatter(across, down, s=24, marker=marker, color=colour, label=label, zorder=3)
    ax.axvline(1, color="black", linewidth=1)
    ax.set(xscale="log", xlabel="time of the other / time of this project")
    ax.set(yticks=range(len(rows)), yticklabels=list(rows), ylim=(len(rows) - 0.5, -0.5))
    ax.figure.suptitle(
        f"Forward and backward on {results['environment']['device']}, jax {results['environment']['jax']}"
    )
    ax.xaxis.set_major_formatter("{x:g}")
    ax.grid(alpha=0.3)
    ax.figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return ax
