"""Matrices and maps as pictures; each takes data and an axes and returns the axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes


def draw_matrix(values: np.ndarray, ax: Axes, *, title: str = "", names: Sequence[str] = ("input", "output")) -> Axes:
    """A matrix as coloured cells with its numbers written in (up to 16 x 16), zeros left white."""
    limit = float(np.abs(values).max()) or 1.0
    ax.imshow(values, cmap="RdBu_r", vmin=-1.5 * limit, vmax=1.5 * limit)
    if max(values.shape) <= 16:
        for (row, column), value in np.ndenumerate(values):
            ax.text(column, row, f"{value:g}", ha="center", va="center", fontsize=7, color="0.2" if value else "0.75")
    ax.set(title=title, xlabel=names[0], ylabel=names[1], xticks=[], yticks=[])
    return ax


def draw_counts(counts: np.ndarray, ax: Axes, *, title: str = "") -> Axes:
    """How often each input position is read: bars for a sequence, a heat map for an image."""
    if counts.ndim == 1:
        ax.bar(np.arange(1, counts.size + 1), counts, color="tab:blue")
        ax.set(title=title, xlabel="input position", ylabel="kernel entries met", ylim=(0, 1.05 * counts.max()))
        return ax
    drawn = ax.imshow(counts, cmap="viridis", vmin=0)
    ax.figure.colorbar(drawn, ax=ax, shrink=0.8, label="kernel entries met")
    ax.set(title=title, xlabel="column", ylabel="row", xticks=range(0, counts.shape[1], 2))
    ax.set_yticks(range(0, counts.shape[0], 2))
    return ax


def draw_shifts(values: np.ndarray, ax: Axes, *, title: str = "", top: float | None = None) -> Axes:
    """One relative error per shift, [dy, dx] around the middle, as a heat map up to `top` (None: the largest)."""
    reach = values.shape[0] // 2
    extent = (-reach - 0.5, reach + 0.5, reach + 0.5, -reach - 0.5)
    ax.imshow(values, cmap="magma_r", extent=extent, vmin=0, vmax=top)
    steps = range(-reach, reach + 1, max(reach, 1))
    ax.set(title=title, xlabel="right (pixels)", ylabel="down (pixels)", xticks=steps, yticks=steps)
    return ax


def colour_of_errors(axes: Sequence[Axes]) -> None:
    """One bar of colours beside several maps of `draw_shifts` that share their `top`."""
    axes[0].figure.colorbar(axes[0].images[0], ax=axes, shrink=0.8, label="relative error")
