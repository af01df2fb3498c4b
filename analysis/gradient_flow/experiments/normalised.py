"""Batch norm makes gradients explode, residual connections tame them: growth against depth, predicted and measured."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from analysis.gradient_flow import normalization, pictures, residual
from analysis.gradient_flow.experiments.outcome import Outcome
from analysis.gradient_flow.initial import Init
from analysis.gradient_flow.layers import activation_layer
from analysis.gradient_flow.moments import Activation, activation
from jaxcnn import ops
from jaxcnn.networks.network import Call

WIDTH, BATCH = 128, 256
PHIS = ("linear", "tanh", "gelu", "relu", "abs")


@partial(jax.jit, static_argnames=("phi", "depth", "wiring"))
def gradients(key: Array, *, phi: Activation, depth: int, wiring: str) -> Array:
    """E[delta_l^2] at the input of every block l = 0 ... depth - 1 and at the end, of one network and batch.

    The gradient at the end is white noise, one direction per example.
    """
    layer, keys = activation_layer(phi), jax.random.split(key, 3)
    x = jax.random.normal(keys[0], (BATCH, WIDTH), jnp.float32)
    weight = {"normalised": 1.0, "residual": 2.0 / depth, "both": 2.0}[wiring]
    kernels = jax.vmap(lambda key: Init(weight).kernel(key, (WIDTH, WIDTH)))(jax.random.split(keys[1], depth))
    ones, zeros = jnp.ones(WIDTH, jnp.float32), jnp.zeros(WIDTH, jnp.float32)

    def block(h: Array, step: tuple[Array, Array]) -> tuple[Array, None]:
        kernel, probe = step
        h = h + probe
        inner = h if wiring == "residual" else ops.batch_norm(h, ones, zeros)
        y = ops.dense(layer.forward(inner, Call("", {}, {}))[0], kernel)
        return (y if wiring == "normalised" else h + y), None

    probes = jnp.zeros((depth, *x.shape), x.dtype)
    y, pull = jax.vjp(lambda probes: jax.lax.scan(block, x, (kernels, probes))[0], probes)
    dy = jax.random.normal(keys[2], y.shape, y.dtype)
    (deltas,) = pull(dy)
    return jnp.append(jnp.mean(deltas**2, axis=(1, 2)), jnp.mean(dy**2))


def growth(phi: str, depth: int, networks: int) -> np.ndarray:
    """Each network's factor per layer of batch norm, phi, weights."""
    return np.array([ratio("normalised", depth, n, phi) ** (1 / depth) for n in range(networks)])


def ratio(wiring: str, depth: int, number: int, phi: str = "relu") -> float:
    """From the end of so many blocks to their input, in one network.

    With batch norm alone a block divides by the variance that the block before it gives: one more is put in front.
    """
    more = int(wiring == "normalised")
    found = np.asarray(gradients(jax.random.key(number), phi=activation(phi), depth=depth + more, wiring=wiring))
    return float(found[more] / found[-1])


def run(quick: bool) -> Outcome:
    """Left: growth per layer by activation. Right: three wirings of a ReLU network."""
    networks, depth = (2, 12) if quick else (8, 24)
    figure, (left, right) = pictures.panels(2, width=5.4)
    rows = [(f"batch norm, {phi}", 1, normalization.growth(phi), *growth(phi, depth, networks)) for phi in PHIS]
    place = np.arange(len(PHIS))
    left.plot(
        place,
        [row[2] for row in rows],
        "_",
        color=pictures.COLOURS[0],
        markersize=26,
        label="predicted E[φ'²] / Var[φ]",
    )
    for number in range(networks):
        left.plot(
            place,
            [row[3 + number] for row in rows],
            "o",
            color=pictures.COLOURS[1],
            markersize=4,
            label=None if number else "measured",
        )
    left.set_xticks(place, PHIS)
    pictures.named(
        left, f"Growth of E[δ²] per layer with batch norm, batch {BATCH}", "", "factor per layer", is_log=False
    )

    depths = np.array([2, 5, 10, 20])
    lines = {
        "normalised": ("BN, ReLU, W: 1.467^L", lambda depth: normalization.growth("relu") ** depth),
        "both": ("x + W ReLU(BN(x)): about L^1.467", residual.normalised_growth),
        "residual": ("x + W ReLU(x) / √L: to e", lambda depth: residual.plain_growth(2 / depth, depth)),
    }
    for colour, (wiring, (words, law)) in zip(pictures.COLOURS, lines.items(), strict=False):
        expected = np.array([law(int(depth)) for depth in depths])
        found = np.array([[ratio(wiring, int(depth), n) for depth in depths] for n in range(networks)])
        pictures.predicted(right, depths, expected, colour=colour, label=words)
        pictures.measured(right, depths, found, colour=colour)
        rows += [(words, depth, expected[at], *found[:, at]) for at, depth in enumerate(depths)]
    right.set_xscale("log")
    right.set_xticks(depths, list(map(str, depths)))
    right.minorticks_off()
    pictures.named(right, f"Growth over L blocks, {WIDTH} units", "blocks L", "E[δ²] at the input / at the end")
    relu = next(row for row in rows if row[0] == "batch norm, relu")
    says = f"Batch norm and ReLU multiply E[delta^2] by {np.mean(relu[3:]):.3f} per layer (predicted {relu[2]:.5f})."
    return Outcome(says, figure, ["setting", "blocks", "predicted", *(f"measured_{n}" for n in range(networks))], rows)
