"""Dying ReLU: the probability of being born dead, and units that die while training, ReLU against leaky ReLU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from analysis.gradient_flow import pictures
from analysis.gradient_flow.dying import dead_at_point, dead_on_line, simulate
from analysis.gradient_flow.experiments.digits import cross_entropy, digits, learn, smooth
from analysis.gradient_flow.experiments.outcome import Outcome
from jaxcnn import networks

CASES = ((2, 10), (3, 20), (4, 40))
WIDTH, LAYERS, RATE = 32, 3, 0.05


def run(quick: bool) -> Outcome:
    """Left: born dead. Right: dying by too large steps."""
    figure, (left, middle, right) = pictures.panels(3, width=4.6)
    rows = born_dead(left, 4000 if quick else 50000)
    steps = 300 if quick else 2000
    final = {}
    for colour, kind in zip(pictures.COLOURS, ("relu", "leaky_relu"), strict=False):
        losses, dead = dying_run(kind, steps)
        words = {"relu": "ReLU", "leaky_relu": "leaky ReLU, slope 0.1"}[kind]
        middle.plot(np.arange(steps), smooth(dead.mean(axis=1)), color=colour, label=words)
        right.plot(np.arange(steps), smooth(losses), color=colour, label=words)
        final[words] = dead[-1].mean()
        rows += [(f"training, {words}", step, "", dead[step].mean(), losses[step]) for step in range(steps)]
    pictures.named(middle, f"Steps of Adam at {RATE}: units die", "step", "share of dead units", is_log=False)
    pictures.named(right, "and the loss meanwhile", "step", "cross entropy (nats)")
    says = (
        "Born dead as predicted; of the units trained with too large steps "
        + ", ".join(f"{share:.0%} are dead with {words}" for words, share in final.items())
        + "."
    )
    return Outcome(says, figure, ["case", "step_or_points", "predicted", "measured", "loss"], rows)


def born_dead(ax: Any, count: int) -> list[tuple]:
    """Measured shares with two standard errors beside the exact value and the bounds."""
    rows: list[tuple] = []
    line = np.linspace(-1, 1, 3)[:, None]
    for place, (width, layers) in enumerate(CASES):
        exact, (low, high) = dead_at_point(width, layers), dead_on_line(width, layers)
        found = simulate(width, layers, line, count)
        at_point, everywhere = found[:, 2].mean(), found[:, [0, 2]].all(axis=1).mean()
        ax.plot(
            [place - 0.3, place + 0.3],
            [exact, exact],
            color=pictures.COLOURS[0],
            label="predicted, one input" if not place else None,
        )
        ax.fill_between(
            [place - 0.3, place + 0.3],
            low,
            high,
            color=pictures.COLOURS[1],
            alpha=0.3,
            label="bounds, all inputs" if not place else None,
        )
        for shift, share, colour in ((-0.1, at_point, 0), (0.1, everywhere, 1)):
            error = 2 * np.sqrt(share * (1 - share) / count)
            ax.errorbar(place + shift, share, error, fmt="o", color=pictures.COLOURS[colour], markersize=4)
        rows += [(f"born dead, {width} units, {layers} layers", "one input", exact, at_point, "")]
        rows += [
            (f"born dead, {width} units, {layers} layers", "all inputs", f"{low:.4f} to {high:.4f}", everywhere, "")
        ]
    ax.set_xticks(range(len(CASES)), [f"{width} units,\n{layers} layers" for width, layers in CASES])
    pictures.named(ax, f"Born dead: {count} random networks", "hidden layers", "share of networks", is_log=False)
    return rows


def dying_run(kind: str, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Losses, and the share of dead units in every hidden layer [steps, layers]."""
    act: Callable[..., networks.Network] = getattr(networks, kind)
    layers: dict[str, networks.Network] = {"flatten": networks.flatten()}
    for number in range(LAYERS):
        layers |= {f"dense{number}": networks.dense(WIDTH), f"act{number}": act()}
    network = networks.serial(**layers, readout=networks.dense(10))
    data = digits()
    x = jnp.asarray(data.images)

    def watch(params: Any) -> Array:
        return jnp.stack(list(dead_shares(network, params, x[:256])))

    params = network.init(jax.random.key(0), (8, 8, 1))
    _, losses, dead = learn(
        cross_entropy(network.apply), params, optax.adam(RATE), steps, x=x, labels=jnp.asarray(data.labels), watch=watch
    )
    return losses, dead


def dead_shares(network: networks.Network, params: Any, x: Array) -> list[Array]:
    """Of units that pass no gradient at any example: never positive, for ReLU; none, for leaky ReLU."""
    shares = []

    def visit(path: str, layer: networks.Network, x: Array) -> Array:
        y = layer.forward(x, networks.Call(path, params.get(path, {}), {}))[0]
        if layer.kind in ("relu", "leaky_relu"):
            shares.append(jnp.mean((y == 0).all(axis=0)))
        return y

    network.run(x, visit)
    return shares
