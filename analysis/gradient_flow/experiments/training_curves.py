"""Sigmoid, tanh and ReLU at equal depth, width and steps: what a vanishing gradient costs (seed 0)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax

from analysis.gradient_flow import pictures
from analysis.gradient_flow.experiments.digits import cross_entropy, digits, learn, smooth
from analysis.gradient_flow.experiments.outcome import Outcome
from analysis.gradient_flow.initial import Init
from analysis.gradient_flow.meanfield import fixed_length, growth
from analysis.gradient_flow.moments import activation
from analysis.gradient_flow.stack import draw
from analysis.gradient_flow.stack import run as through
from jaxcnn import ops

DEPTH, WIDTH, RATE = 12, 64, 0.05
SETTINGS = (("sigmoid", Init(1.0)), ("tanh", Init(1.0)), ("relu", Init(2.0)))


def train(phi: str, init: Init, steps: int) -> np.ndarray:
    """The loss of every step of plain gradient descent."""
    act, data, keys = activation(phi), digits(), jax.random.split(jax.random.key(0))
    params = {"stack": draw(keys[0], DEPTH, WIDTH, init), "last": {"kernel": Init(1.0).kernel(keys[1], (WIDTH, 10))}}

    def apply(params, x):  # type: ignore[no-untyped-def]
        z, _ = through(params["stack"], act, x.reshape(len(x), -1))
        return ops.dense(act.function(z), **params["last"])

    x, labels = jnp.asarray(data.images), jnp.asarray(data.labels)
    return learn(cross_entropy(apply), params, optax.sgd(RATE), steps, x=x, labels=labels)[1]


def run(quick: bool) -> Outcome:
    """Three loss curves."""
    steps = 400 if quick else 3000
    figure, (ax,) = pictures.panels(1, width=7, height=4.5)
    curves = {}
    for colour, (phi, init) in zip(pictures.COLOURS, SETTINGS, strict=False):
        length = fixed_length(phi, init.weight_variance, init.bias_variance)
        factor = growth(phi, init.weight_variance, length) ** 0.5
        label = f"{phi}, $\\sigma_w^2$ = {init.weight_variance:g}: gradient x {factor:.3g} per layer"
        curves[phi] = train(phi, init, steps)
        ax.plot(np.arange(1, steps + 1), smooth(curves[phi]), color=colour, label=label)
    ax.axhline(np.log(10), color="0.5", linestyle="--", linewidth=1, label="chance, ln 10")
    pictures.named(
        ax,
        f"{DEPTH} layers of {WIDTH} units, gradient descent at {RATE}",
        "step",
        "cross entropy (nats), mean of 20 steps",
        legend="lower left",
    )
    ax.set_ylim(bottom=min(smooth(curve).min() for curve in curves.values()) / 100)  # room for the legend
    ends = ", ".join(f"{phi} {smooth(curve)[-1]:.2f}" for phi, curve in curves.items())
    says = f"At {DEPTH} layers the loss after {steps} equal steps is {ends}."
    return Outcome(says, figure, ["step", *curves], list(zip(range(1, steps + 1), *curves.values(), strict=True)))
