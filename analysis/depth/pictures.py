"""Pictures of depth; functions that draw on axes that they are given."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.depth.training import Outcome
from analysis.depth.untrained import Draw

VARIANTS = {  # (normalised, shortcut): title
    (True, True): "batch norm, identity shortcut",
    (True, False): "batch norm, no shortcut",
    (False, True): "no norm, identity shortcut",
    (False, False): "no norm, no shortcut",
}


def depth_sheet(outcomes: Sequence[Outcome], setting: str) -> Figure:
    """Training curves of every depth, one panel per variant, and under them what the numbers say."""
    figure = Figure(figsize=(13, 7.4), layout="constrained")
    figure.suptitle("Depth against shortcut and batch norm: training loss", fontsize=12)
    panels = figure.subplots(1, len(VARIANTS), sharey=True)
    shown = [epoch.train_loss for outcome in outcomes for epoch in outcome.epochs]
    limits = (0.7 * min(shown), 1.4 * min(max(shown), 20.0))
    for ax, key in zip(panels, VARIANTS, strict=True):
        chosen = [o for o in outcomes if (o.variant.normalised, o.variant.shortcut) == key]
        curves(chosen, ax).set(title=VARIANTS[key], ylim=limits)
    panels[0].set_ylabel("cross entropy (nats per example)")
    figure.supxlabel(caption(outcomes, setting), fontsize=8.5, ha="left", x=0.02, family="monospace")
    return figure


def curves(outcomes: Sequence[Outcome], ax: Axes) -> Axes:
    """Training loss per epoch, darker for deeper; a cross where training broke off."""
    shades = colormaps["viridis_r"](np.linspace(0.1, 1, len(outcomes)))
    for outcome, shade in zip(sorted(outcomes, key=lambda o: o.variant.depth), shades, strict=True):
        label = f"{outcome.variant.depth} layers"
        if not outcome.epochs:
            ax.plot([], [], "x", color=shade, label=f"{label}: not one epoch")
            continue
        numbers, losses = zip(*((epoch.epoch, epoch.train_loss) for epoch in outcome.epochs), strict=True)
        ax.plot(numbers, losses, "o-", markersize=3, color=shade, label=label)
        if outcome.stopped:
            ax.plot(numbers[-1], losses[-1], "x", markersize=9, color=shade)
    ax.axhline(math.log(10), color="grey", linewidth=0.8, linestyle=":")  # guessing among ten classes
    ax.set(xlabel="epoch", yscale="log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.3)
    ax.legend(frameon=False, fontsize=8)
    return ax


def caption(outcomes: Sequence[Outcome], setting: str) -> str:
    """What was trained, and for every variant the numbers at each depth: before the first step, and at the end."""
    lines = [*textwrap.wrap(setting, 150), ""]
    for key, title in VARIANTS.items():
        chosen = sorted((o for o in outcomes if (o.variant.normalised, o.variant.shortcut) == key), key=depth_of)
        lines.append(f"{title:<32}" + "".join(f"{depth_of(outcome):>12} layers" for outcome in chosen))
        lines.append("  logits before training, rms   " + "".join(f"{o.logits_rms:>19.3g}" for o in chosen))
        lines.append("  gradient norm there           " + "".join(f"{o.gradient_norm:>19.3g}" for o in chosen))
        lines.append("  training loss, last epoch     " + "".join(f"{ending(o, 'train_loss'):>19}" for o in chosen))
        lines.append("  held-out accuracy             " + "".join(f"{ending(o, 'test_accuracy'):>19}" for o in chosen))
    return "\n".join(lines)


def depth_of(outcome: Outcome) -> int:
    return outcome.variant.depth


def ending(outcome: Outcome, measure: str) -> str:
    """A measure of the last epoch as text."""
    if outcome.stopped:
        return "diverged"
    value = getattr(outcome.epochs[-1], measure)
    return f"{value:.4f}"


def histogram_sheet(draws: Sequence[Draw]) -> Figure:
    """The histogram on its own."""
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    share_histogram(draws, figure.subplots())
    return figure


def share_histogram(draws: Sequence[Draw], ax: Axes) -> Axes:
    """How the shares of all classes of all initialisations are spread, and the first and fifth places among them."""
    shares = 100 * np.concatenate([drawn.shares for drawn in draws])
    ax.hist(shares, bins=80, color="#b9c7da", label=f"all {len(draws[0].shares):,} classes of {len(draws)} networks")
    for place, colour in ((0, "#b3261e"), (4, "#1f5fa8")):
        levels = [100 * drawn.top[place] for drawn in draws]
        name = {0: "first", 4: "fifth"}[place]
        ax.plot(
            levels,
            [len(shares) / 400] * len(levels),
            "|",
            markersize=26,
            markeredgewidth=1.6,
            color=colour,
            label=f"{name} place: {min(levels):.4f} to {max(levels):.4f} %",
        )
    ax.axvline(100 / len(draws[0].shares), color="black", linewidth=0.8, linestyle=":", label="a thousandth")
    ax.set(xlabel="share of the answer given to a class (%)", ylabel="classes")
    ax.legend(frameon=False, fontsize=8, loc="upper left")
    return ax
