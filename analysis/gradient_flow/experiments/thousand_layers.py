"""A thousand layers of tanh: on the critical line with orthogonal weights it trains, with Gaussian ones it does not.

Both start at E[s^2] = 1, s the singular values of the Jacobian; Gaussian weights spread s^2 in proportion to the
depth, so that almost every direction of the gradient is gone (Pennington et al. 2017, Xiao et al. 2018).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from analysis.gradient_flow import pictures
from analysis.gradient_flow.experiments.digits import cross_entropy, digits, learn, smooth
from analysis.gradient_flow.experiments.outcome import Outcome
from analysis.gradient_flow.initial import Init
from analysis.gradient_flow.meanfield import critical
from analysis.gradient_flow.moments import activation
from analysis.gradient_flow.stack import draw
from analysis.gradient_flow.stack import run as through
from jaxcnn import ops

WIDTH, BIAS, RATE = 32, 2.01e-5, 3e-5


def network(init: Init, depth: int, key: Array) -> dict:
    """A stack of equal layers between a projection of the image and a readout of ten classes."""
    keys = jax.random.split(key, 3)
    return {
        "first": {
            "kernel": jax.nn.initializers.orthogonal()(keys[0], (64, WIDTH), jnp.float32),
            "bias": jnp.zeros(WIDTH, jnp.float32),
        },
        "stack": draw(keys[1], depth, WIDTH, init),
        "last": {"kernel": Init(1.0).kernel(keys[2], (WIDTH, 10)), "bias": jnp.zeros(10, jnp.float32)},
    }


def apply(params: dict, x: Array) -> Array:
    """Logits."""
    scale = jnp.sqrt(critical("tanh", BIAS)[1])  # signals start at the length at which tanh keeps them
    h = scale * ops.dense(x.reshape(len(x), -1), **params["first"])
    z, _ = through(params["stack"], activation("tanh"), h)
    return ops.dense(z / scale, **params["last"])


def train(depth: int, steps: int, *, is_orthogonal: bool) -> np.ndarray:
    """The loss of every step."""
    init = Init(critical("tanh", BIAS)[0], BIAS, is_orthogonal)
    data = digits()
    params = network(init, depth, jax.random.key(0))
    loss = cross_entropy(apply)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.rmsprop(RATE, decay=0.99))
    return learn(loss, params, optimiser, steps, x=jnp.asarray(data.images), labels=jnp.asarray(data.labels))[1]


def run(quick: bool) -> Outcome:
    """Two loss curves in one picture."""
    depth, steps = (1000, 150) if quick else (1000, 1000)
    figure, (ax,) = pictures.panels(1, width=7, height=4.5)
    curves = {}
    for colour, (words, is_orthogonal) in zip(
        pictures.COLOURS, (("orthogonal weights", True), ("Gaussian weights", False)), strict=False
    ):
        curves[words] = train(depth, steps, is_orthogonal=is_orthogonal)
        ax.plot(np.arange(1, steps + 1), smooth(curves[words]), color=colour, label=words)
    ax.axhline(np.log(10), color="0.5", linestyle="--", linewidth=1, label="chance, ln 10")
    pictures.named(
        ax,
        f"tanh, {depth} layers of {WIDTH} units, both on the critical line",
        "step",
        "cross entropy (nats), mean of 20 steps",
    )
    ends = {words: smooth(curve)[-1] for words, curve in curves.items()}
    says = (
        f"At {depth} layers the loss after {steps} steps is "
        + ", ".join(f"{end:.2f} with {words}" for words, end in ends.items())
        + "."
    )
    rows = list(zip(range(1, steps + 1), *curves.values(), strict=True))
    return Outcome(says, figure, ["step", *curves], rows)
