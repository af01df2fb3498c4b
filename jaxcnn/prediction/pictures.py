"""A picture, the network's answer, and what speaks for it; functions that draw on axes that they are given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from jaxcnn.prediction.explanation import Explanation
from jaxcnn.prediction.preprocessing import Pixels
from jaxcnn.training.files import write_csv
from jaxcnn.training.pictures import axes_or, bare, photograph

Answers = Sequence[tuple[str, float]]


def sheet(pixels: Pixels, answers: Answers, explanation: Explanation, title: str) -> Figure:
    """The picture as the network sees it, the answers, the class activation map and the input gradient."""
    name, _ = answers[0]
    figure = Figure(figsize=(14, 3.6), layout="constrained")
    figure.suptitle(title, fontsize=10)
    first, second, third, fourth = figure.subplots(1, 4, width_ratios=(1, 1, 1.25, 1.25))
    photograph(pixels, first).set_title("what the network sees", fontsize=9)
    bars(answers, second)
    activation_map(pixels, explanation.activation, third).set_title(f"class activation map: {name}", fontsize=9)
    gradient_map(explanation.gradient, fourth).set_title(f"input gradient: {name}", fontsize=9)
    return figure


def bars(answers: Answers, ax: Axes | None = None) -> Axes:
    """Names and percentages, the largest on top."""
    ax = axes_or(ax)
    names, shares = zip(*answers, strict=True)
    places = range(len(names))
    drawn = ax.barh(places, [100 * share for share in shares], color="#1f5fa8", height=0.6)
    ax.bar_label(drawn, [percent(share) for share in shares], padding=3, fontsize=8)
    ax.set(yticks=places, xlabel="share of the answer (%)", xlim=(0, 135 * shares[0]))
    ax.set_yticklabels([shortened(name) for name in names], fontsize=8)
    ax.xaxis.set_major_locator(MaxNLocator(3))
    ax.invert_yaxis()
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def activation_map(
    pixels: Pixels, activation: Float[np.ndarray, "rows columns"] | None, ax: Axes | None = None
) -> Axes:
    """The map over the picture in grey: red speaks for the class, blue against it."""
    ax = axes_or(ax)
    ax.imshow(pixels.mean(axis=-1), cmap="gray", vmin=0, vmax=255)
    if activation is None:
        ax.set_xlabel("the network has no feature maps", fontsize=8)
        return bare(ax)
    height, width, _ = pixels.shape
    largest = np.abs(activation).max() or 1
    shown = ax.imshow(
        activation,
        cmap="RdBu_r",
        vmin=-largest,
        vmax=largest,
        alpha=0.55,
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
        interpolation="bilinear",
    )
    scale(shown, "for the class (logit units)", ax)
    return bare(ax)


def gradient_map(gradient: Float[np.ndarray, "height width"], ax: Axes | None = None) -> Axes:
    """Where a change of the picture would change the answer most; the brightest hundredth is drawn alike."""
    ax = axes_or(ax)
    shown = ax.imshow(gradient, cmap="inferno", vmin=0, vmax=np.quantile(gradient, 0.99) or 1)
    scale(shown, "|d logit / d input|", ax)
    return bare(ax)


def scale(shown: AxesImage, label: str, ax: Axes) -> None:
    """The colour bar of an image."""
    powers = ScalarFormatter()
    powers.set_powerlimits((-2, 3))
    bar = ax.figure.colorbar(shown, ax=ax, shrink=0.85, format=powers)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=8)


def percent(share: float) -> str:
    """A share from 0 to 1 as text, with digits enough to tell neighbours apart.

    >>> percent(0.89187), percent(0.0010257)
    ('89.19 %', '0.1026 %')
    """
    return f"{100 * share:.2f} %" if share >= 0.01 else f"{100 * share:.4f} %"


def shortened(name: str, most: int = 24) -> str:
    return name if len(name) <= most else name[: most - 1].rstrip(" ,") + "…"


def write(folder: Path, name: str, figure: Figure, answers: Answers, explanation: Explanation) -> Path:
    """The sheet as PNG, and beside it as CSV all probabilities and both maps."""
    path = folder / f"{name}.png"
    figure.savefig(path, dpi=120)
    write_csv(folder / f"{name}.csv", ["class", "probability"], answers)
    for kind, values in explanation._asdict().items():
        if values is not None:
            write_csv(folder / f"{name}_{kind}.csv", [f"column {i}" for i in range(values.shape[1])], values.tolist())
    return path
