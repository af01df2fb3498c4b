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

LEGEND = (
    "Numbers: root mean square of the logits and norm of the gradient before the first step; training loss and "
    "held-out accuracy of the last epoch."
)


def depth_sheet(outcomes: Sequence[Outcome], setting: str) -> Figure:
    """Training curves of every depth, one panel per variant, and under each of them its numbers."""
    figure = Figure(figsize=(13, 5.6), layout="constrained")
    figure.suptitle("Depth against shortcut and batch norm: training loss", fontsize=12)
    panels = figure.subplots(1, len(VARIANTS), sharey=True)
    shown = [epoch.train_loss for outcome in outcomes for epoch in outcome.epochs]
    limits = (0.7 * min(shown), 1.4 * min(max(shown), 20.0))
    for ax, key in zip(panels, VARIANTS, strict=True):
        chosen = [o for o in outcomes if (o.variant.normalised, o.variant.shortcut) == key]
        chosen.sort(key=lambda outcome: outcome.variant.depth)
        curves(chosen, ax).set(title=VARIANTS[key], ylim=limits)
        ax.set_xlabel(f"epoch\n\n{numbers(chosen)}\n", fontsize=7, family="monospace")
    panels[0].set_ylabel("cross entropy (nats per example)")
    figure.supxlabel(textwrap.fill(f"{setting} {LEGEND}", 190), fontsize=9, ha="left", x=0.02)
    return figure


def curves(outcomes: Sequence[Outcome], ax: Axes) -> Axes:
    """Training loss per epoch, darker for deeper; a cross where training broke off."""
    shades = colormaps["viridis_r"](np.linspace(0.1, 1, len(outcomes)))
    for outcome, shade in zip(outcomes, shades, strict=True):
        label = f"{outcome.variant.depth} layers"
        if not outcome.epochs:
            ax.plot([], [], "x", color=shade, label=f"{label}: not one epoch")
            continue
        numbers, losses = zip(*((epoch.epoch, epoch.train_loss) for epoch in outcome.epochs), strict=True)
        ax.plot(numbers, losses, "o-", markersize=3, color=shade, label=label)
        if outcome.stopped:
            ax.plot(numbers[-1], losses[-1], "x", markersize=9, color=shade)
    ax.axhline(math.log(10), color="grey", linewidth=0.8, linestyle=":")  # guessing among ten classes
    ax.set(yscale="log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.3)
    ax.legend(frameon=False, fontsize=8)
    return ax


def numbers(outcomes: Sequence[Outcome]) -> str:
    """A line per depth: before the first step logits (root mean square) and gradient (norm); at the end the rest."""
    lines = [f"{'layers':>6}{'logits':>9}{'gradient':>10}{'loss':>10}{'accuracy':>10}"]
    for outcome in outcomes:
        start = f"{outcome.variant.depth:>6}{outcome.logits_rms:>9.3g}{outcome.gradient_norm:>10.3g}"
        lines.append(f"{start}{ending(outcome, 'train_loss'):>10}{ending(outcome, 'test_accuracy'):>10}")
    return "\n".join(lines)


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
    ax.legend(frameon=False, fontsize=8, loc="upper left", markerscale=0.35)
    return ax
