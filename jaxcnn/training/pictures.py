"""Pictures of a run: functions that draw what they are given on axes that they are given.

`gallery.py` says which of them a run directory gets.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator, PercentFormatter

TRAIN, TEST = "#d08a2e", "#1f5fa8"  # told apart by lightness too


def axes_or(ax: Axes | None) -> Axes:
    return Figure(figsize=(5, 4), layout="constrained").subplots() if ax is None else ax


def losses(epochs: Sequence[int], train: Sequence[float], test: Sequence[float], ax: Axes | None = None) -> Axes:
    """Mean cross entropy per epoch, on a logarithmic axis."""
    ax = curves(epochs, train, test, ax)
    ax.set(ylabel="cross entropy (nats per example)", yscale="log", title=f"held out, at the end: {test[-1]:.4f} nats")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(LogFormatter())
    return ax


def accuracies(epochs: Sequence[int], train: Sequence[float], test: Sequence[float], ax: Axes | None = None) -> Axes:
    """Share of right answers per epoch."""
    ax = curves(epochs, train, test, ax)
    ax.set(ylabel="accuracy (share of examples)", title=f"held out, at the end: {test[-1]:.2%}")
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    return ax


def curves(epochs: Sequence[int], train: Sequence[float], test: Sequence[float], ax: Axes | None = None) -> Axes:
    """A training and a held-out quantity over the epochs."""
    ax = axes_or(ax)
    ax.plot(epochs, train, "o-", color=TRAIN, markersize=3, label="training, during the epoch")
    ax.plot(epochs, test, "o-", color=TEST, markersize=3, label="held out, after the epoch")
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return ax


def confusion_matrix(
    counts: Int[np.ndarray, "classes classes"], classes: Sequence[str], ax: Axes | None = None
) -> Axes:
    """Counts by class (row) and answer (column); colour is the share of the class, so that classes compare."""
    ax = axes_or(ax)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shown = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            ax.text(
                column, row, f"{count:,}", ha="center", va="center", fontsize=8, color=contrast(shares[row, column])
            )
    ax.set(xlabel="answer", ylabel="class", xticks=range(len(classes)), yticks=range(len(classes)))
    ax.set_yticklabels(classes)
    ax.set_xticklabels(classes, rotation=45 if max(map(len, classes)) > 2 else 0)
    ax.figure.colorbar(shown, ax=ax, label="share of the class", shrink=0.8)
    return ax


def contrast(share: float) -> str:
    return "white" if share > 0.5 else "black"


def mistake(
    image: UInt8[np.ndarray, "height width channels"],
    probabilities: Float[np.ndarray, " classes"],
    label: int,
    classes: Sequence[str],
    ax: Axes | None = None,
) -> Axes:
    """An image taken for another class, with the probabilities of the answer and of the truth."""
    ax = photograph(image, axes_or(ax))
    answer = int(probabilities.argmax())
    ax.set_title(f"{classes[label]} taken for {classes[answer]}", fontsize=8, pad=3)
    ax.set_xlabel(
        f"p({classes[answer]}) = {probabilities[answer]:.3f}\np({classes[label]}) = {probabilities[label]:.2g}",
        fontsize=7,
    )
    return ax


def photograph(image: UInt8[np.ndarray, "height width channels"], ax: Axes | None = None) -> Axes:
    """An image as it is: grey levels or colours."""
    ax = axes_or(ax)
    ax.imshow(image.squeeze(axis=-1) if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)
    return bare(ax)


def filter_taps(kernel: Float[np.ndarray, "height width channels"], ax: Axes | None = None) -> Axes:
    """One filter of the first layer: red adds, blue subtracts. Three channels are shown as colours around grey."""
    if kernel.shape[-1] != 3:
        return signed(kernel.mean(axis=-1), np.abs(kernel).max(), ax)
    ax = axes_or(ax)
    ax.imshow(0.5 + 0.5 * kernel / (np.abs(kernel).max() or 1))
    return bare(ax)


def signed(values: Float[np.ndarray, "height width"], largest: float, ax: Axes | None = None) -> Axes:
    """Numbers of both signs on a scale symmetric about zero: red above, blue below, white zero."""
    ax = axes_or(ax)
    ax.imshow(values, cmap="RdBu_r", vmin=-(largest or 1), vmax=largest or 1)
    return bare(ax)


def bare(ax: Axes) -> Axes:
    """A picture has no ticks."""
    ax.set(xticks=[], yticks=[])
    return ax
