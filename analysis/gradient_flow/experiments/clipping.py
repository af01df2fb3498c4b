"""Clipping: a network whose gradient explodes, with its gradient's norm bounded and without."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax

from analysis.gradient_flow import pictures
from analysis.gradient_flow.experiments.digits import cross_entropy, digits, learn, smooth
from analysis.gradient_flow.experiments.outcome import Outcome
from analysis.gradient_flow.initial import Init
from analysis.gradient_flow.moments import activation
from analysis.gradient_flow.stack import draw
from analysis.gradient_flow.stack import run as through
from jaxcnn import ops

DEPTH, WIDTH, RATE, NORM = 8, 64, 0.1, 1.0
INIT = Init(4.0)  # twice He's variance: x 2 per layer


def apply(params, x):  # type: ignore[no-untyped-def]
    """Logits of a ReLU network."""
    z, _ = through(params["stack"], activation("relu"), x.reshape(len(x), -1))
    return ops.dense(ops.relu(z), **params["last"])


def norm_of_gradient(params) -> jax.Array:  # type: ignore[no-untyped-def]
    """The global norm on a fixed batch."""
    data = digits()
    gradient = jax.grad(cross_entropy(apply))(params, jnp.asarray(data.images[:64]), jnp.asarray(data.labels[:64]))
    return jnp.sqrt(sum(jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(gradient)))


def train(optimiser: optax.GradientTransformation, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Loss and gradient norm of every step."""
    data, keys = digits(), jax.random.split(jax.random.key(0))
    params = {"stack": draw(keys[0], DEPTH, WIDTH, INIT), "last": {"kernel": INIT.kernel(keys[1], (WIDTH, 10))}}
    x, labels = jnp.asarray(data.images), jnp.asarray(data.labels)
    _, losses, norms = learn(cross_entropy(apply), params, optimiser, steps, x=x, labels=labels, watch=norm_of_gradient)
    return losses, norms


def run(quick: bool) -> Outcome:
    """Loss and gradient norm with and without clipping."""
    steps = 200 if quick else 2000
    figure, (left, right) = pictures.panels(2)
    curves = {}
    for colour, (words, optimiser) in zip(
        pictures.COLOURS[::-1],
        (
            ("no clipping", optax.sgd(RATE)),
            (f"clipped to norm {NORM:g}", optax.chain(optax.clip_by_global_norm(NORM), optax.sgd(RATE))),
        ),
        strict=False,
    ):
        losses, norms = train(optimiser, steps)
        curves[words] = (losses, norms)
        left.plot(np.arange(1, steps + 1), smooth(losses), color=colour, label=words, marker=".", markersize=3)
        right.plot(np.arange(1, steps + 1), norms, color=colour, label=words, linewidth=0.9, marker=".", markersize=3)
    for ax in (left, right):
        ax.set_xscale("log")  # without clipping all is over within a few steps
    left.axhline(np.log(10), color="0.5", linestyle="--", linewidth=1, label="chance, ln 10")
    pictures.named(
        left,
        f"ReLU, {DEPTH} layers, $\\sigma_w^2$ = {INIT.weight_variance:g}, descent at {RATE}",
        "step",
        "cross entropy (nats), mean of 20 steps",
    )
    pictures.named(right, "Gradient norm on a fixed batch", "step", "|gradient| (nats per parameter unit)")
    ends = ", ".join(f"{in_words(losses[-1])} ({words})" for words, (losses, _) in curves.items())
    says = f"From an exploding start the loss after {steps} steps is {ends}."
    header = ["step", *(f"{quantity}, {words}" for words in curves for quantity in ("loss", "gradient norm"))]
    rows = list(zip(range(1, steps + 1), *(column for pair in curves.values() for column in pair), strict=True))
    return Outcome(says, figure, header, rows)


def in_words(loss: float) -> str:
    return f"{loss:.2g} nats" if np.isfinite(loss) else "not finite"
