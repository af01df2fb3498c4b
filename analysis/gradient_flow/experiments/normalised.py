"""Batch norm makes gradients explode, residual connections tame them: growth against depth, predicted and measured."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from matplotlib.axes import Axes

from analysis.gradient_flow import normalization, pictures, residual
from analysis.gradient_flow.experiments.outcome import Outcome
from analysis.gradient_flow.initial import Init
from analysis.gradient_flow.layers import activation_layer
from analysis.gradient_flow.moments import Activation, activation
from analysis.gradient_flow.stack import Stacked, draw
from jaxcnn import ops
from jaxcnn.networks.network import Call

WIDTH, BATCH, DEPTH = 128, 512, 20
SHALLOW = 5  # deeper networks of this width leave the limit: of |x| to 2.4 per layer after 20
PHIS = ("linear", "tanh", "gelu", "relu", "abs")


@partial(jax.jit, static_argnames=("phi", "wiring"))
def gradients(params: Stacked, x: Array, dy: Array, *, phi: Activation, wiring: str) -> Array:
    """E[delta_l^2] at the input of every block l = 0 ... depth - 1 and at the end, of one network and batch."""
    layer, (scale, offset) = activation_layer(phi), (jnp.ones(WIDTH, x.dtype), jnp.zeros(WIDTH, x.dtype))

    def block(h: Array, step: tuple[Stacked, Array]) -> tuple[Array, None]:
        leaves, probe = step
        h = h + probe
        inner = h if wiring == "residual" else ops.batch_norm(h, scale, offset)
        y = ops.dense(layer.forward(inner, Call("", {}, {}))[0], **leaves)
        return (y if wiring == "normalised" else h + y), None

    probes = jnp.zeros((len(params["bias"]), *x.shape), x.dtype)
    _, pull = jax.vjp(lambda probes: jax.lax.scan(block, x, (params, probes))[0], probes)
    (deltas,) = pull(dy)
    return jnp.append(jnp.mean(deltas**2, axis=(1, 2)), jnp.mean(dy**2))


def one_network(seed: int, phi: str, depth: int, wiring: str) -> Array:
    """Its `gradients`; the gradient at the end is white noise, one direction per example."""
    keys = jax.random.split(jax.random.key(seed), 3)
    x, dy = (jax.random.normal(key, (BATCH, WIDTH), jnp.float32) for key in (keys[0], keys[2]))
    params = draw(keys[1], depth, WIDTH, Init({"normalised": 1.0, "residual": 2.0 / depth, "both": 2.0}[wiring]))
    return gradients(params, x, dy, phi=activation(phi), wiring=wiring)


def factors(wiring: str, depth: int, networks: int, phi: str = "relu") -> Float[np.ndarray, "networks depth"]:
    """From the end of l = 1 ... depth blocks to their input, in each of several networks.

    With batch norm alone a block divides by the variance that the block before it gives: one more is put in front.
    """
    more = int(wiring == "normalised")
    found = np.array([one_network(seed, phi, depth + more, wiring) for seed in range(networks)])
    return found[:, more, None] / found[:, more + 1 :]


def run(quick: bool) -> Outcome:
    """Left: growth per layer by activation. Right: three wirings of a ReLU network."""
    networks = 3 if quick else 10
    figure, (left, right) = pictures.panels(2, width=5.4)
    by_activation, by_depth = activations(left, networks), wirings(right, networks)
    relu = by_activation[PHIS.index("relu")]
    says = f"Batch norm and ReLU multiply E[delta^2] by {np.mean(relu[3:]):.3f} per layer (predicted {relu[2]:.5f})."
    header = ["setting", "blocks", "predicted", *(f"measured_{n}" for n in range(networks))]
    return Outcome(says, figure, header, [*by_activation, *by_depth])


def activations(ax: Axes, networks: int) -> list[tuple]:
    """Growth per layer of batch norm, activation, weights."""
    expected = [normalization.growth(phi) for phi in PHIS]
    found = np.array([factors("normalised", SHALLOW, networks, phi)[:, -1] ** (1 / SHALLOW) for phi in PHIS]).T
    place = np.arange(len(PHIS))
    words = "predicted E[φ'²] / Var[φ]"
    ax.plot(place, expected, "_", color=pictures.COLOURS[0], markersize=26, label=words)
    for number, row in enumerate(found):
        ax.plot(place, row, "o", color=pictures.COLOURS[1], markersize=4, label=None if number else "measured")
    ax.set_xticks(place, PHIS)
    pictures.named(
        ax, f"Batch norm, batch {BATCH}, {SHALLOW} layers: E[δ²] grows", "activation", "factor per layer", is_log=False
    )
    return [(f"batch norm, {phi}", 1, expected[at], *found[:, at]) for at, phi in enumerate(PHIS)]


def wirings(ax: Axes, networks: int) -> list[tuple]:
    """Growth over l blocks of ReLU: batch norm, residual, and both."""
    rows, blocks, base = [], np.arange(1, DEPTH + 1), normalization.growth("relu")
    lines = {
        "normalised": (f"W ReLU(BN(x)): {base:.3f}^l", base**blocks),
        "both": (
            f"x + W ReLU(BN(x)): like l^{base:.3f}",
            np.array([residual.normalised_growth(int(count)) for count in blocks]),
        ),
        "residual": (f"x + W ReLU(x) / √{DEPTH}: to e", residual.plain_growth(2 / DEPTH, blocks)),
    }
    for colour, (wiring, (words, expected)) in zip(pictures.COLOURS, lines.items(), strict=False):
        found = factors(wiring, DEPTH, networks)
        pictures.predicted(ax, blocks, expected, colour=colour, label=words)
        pictures.measured(ax, blocks, found, colour=colour)
        rows += [(words, count, expected[at], *found[:, at]) for at, count in enumerate(blocks)]
    pictures.named(ax, f"ReLU, {WIDTH} units", "blocks l", "E[δ²] at the input / behind l blocks")
    return rows
