"""Predicted, measured, z: one table over many settings, whose z must be standard normal.

Settings differ in activation, gain, bias, width, depth, wiring and quantity, and share no network, so that their z
are independent: of so many, a twenty-second part may be beyond 2 and none beyond 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import jax
import jax.numpy as jnp
import numpy as np

from analysis.gradient_flow import pictures
from analysis.gradient_flow.convolution import max_pool_moment, pool_passes
from analysis.gradient_flow.dying import dead_at_point, simulate
from analysis.gradient_flow.experiments.outcome import Outcome
from analysis.gradient_flow.initial import Init
from analysis.gradient_flow.measure import measure
from analysis.gradient_flow.moments import FLAT
from analysis.gradient_flow.predict import predict
from analysis.gradient_flow.stack import expect, profile
from jaxcnn import networks, ops

STACKS = [
    ("relu", Init(2.0)),
    ("relu", Init(1.0)),
    ("relu", Init(2.0, 0.1)),
    ("leaky_relu", Init(1.98)),
    ("leaky_relu", Init(1.0, 0.05)),
    ("linear", Init(1.0)),
    ("abs", Init(1.0)),
    ("tanh", Init(1.0, 0.05)),
    ("tanh", Init(1.5, 0.05)),
    ("tanh", Init(1.7603, 0.05)),
    ("tanh", Init(2.5, 0.05)),
    ("sigmoid", Init(1.0)),
    ("sigmoid", Init(4.0, 0.1)),
    ("erf", Init(1.0, 0.05)),
    ("gelu", Init(2.0, 0.1)),
]
DEPTH, WIDTH = 8, 256

Entry = tuple[str, float, float, float]  # setting, predicted, measured, z


def run(quick: bool) -> Outcome:
    """All settings, and the distribution of their z against the normal one."""
    networks_each = 8 if quick else 32
    rows = [*stack_rows(networks_each), *network_rows(networks_each), *chance_rows(4000 if quick else 100000)]
    z = np.sort([row[3] for row in rows])
    figure, (left, right) = pictures.panels(2, width=5.2, height=4.4)
    expected, found = (np.array([row[column] for row in rows]) for column in (1, 2))
    span = np.array([expected.min() / 2, expected.max() * 2])
    left.plot(span, span, "-", color="0.6", label="predicted = measured")
    left.plot(expected, found, "o", color=pictures.COLOURS[0], markersize=4, alpha=0.8)
    left.set_xscale("log")
    pictures.named(left, f"{len(rows)} settings", "predicted", "measured (mean over networks)")
    quantiles = np.array([normal_quantile((rank + 0.5) / len(z)) for rank in range(len(z))])
    right.plot([-3, 3], [-3, 3], "-", color="0.6", label="standard normal")
    right.plot(quantiles, z, "o", color=pictures.COLOURS[1], markersize=4)
    pictures.named(right, "z against normal quantiles", "expected z", "z", is_log=False)
    beyond = int((np.abs(z) > 2).sum())
    says = (
        f"{len(z)} settings: {beyond} with |z| > 2 (expected {0.0455 * len(z):.1f}), largest |z| {np.abs(z).max():.2f}."
    )
    return Outcome(says, figure, ["setting", "predicted", "measured", "z"], rows)


def stack_rows(networks_each: int, stacks: Sequence[tuple[str, Init]] = STACKS) -> list[Entry]:
    """Signal at the end and gradient at the beginning of stacks; independent networks for either."""
    rows = []
    for number, (phi, init) in enumerate(stacks):
        line = expect(phi, init, DEPTH, WIDTH)
        for offset, (column, layer) in enumerate((("forward", DEPTH - 1), ("backward", 0))):
            found = profile(phi, init, DEPTH, WIDTH, networks_each, seed=100 + 2 * number + offset)
            words = f"{phi} ({init.weight_variance:g}, {init.bias_variance:g}) {column}, {DEPTH} layers of {WIDTH}"
            mean = getattr(found, column)[:, layer].mean()
            rows.append((words, float(getattr(line, column)[layer]), float(mean), line.z(found, column, layer)))
    return rows


def built() -> list[tuple[str, networks.Network, tuple[int, ...], bool]]:
    """Networks of other kinds: (words, network, one example's shape, whether batch norm sees a batch)."""
    dense, conv, relu, norm = networks.dense, networks.conv, networks.relu, networks.batch_norm
    plain = networks.residual(chain(relu(), dense(128, **Init(0.5).layer())))
    normalised = networks.residual(chain(norm(), relu(), dense(128)))
    same = chain(conv(64, 3, padding="SAME"), relu(), conv(64, 3, padding="SAME"), relu(), conv(64, 3))
    pooled = [conv(64, 3), relu(), networks.max_pool(2), conv(64, 2), networks.tanh(), networks.flatten(), dense(64)]
    return [
        ("batch norm", chain(dense(128), norm(), relu(), dense(128), norm(), relu(), dense(128)), (128,), True),
        ("residual", chain(dense(128), plain, plain, dense(128)), (128,), False),
        ("residual with batch norm", chain(dense(128), normalised, normalised, dense(128)), (128,), True),
        ("SAME convolutions", same, (6, 6, 8), False),
        ("max pool", chain(*pooled), (6, 6, 8), False),
    ]


def chain(*layers: networks.Network) -> networks.Network:
    """Layers one after the other, named by kind and place."""
    return networks.serial(**{f"{layer.kind}{place}": layer for place, layer in enumerate(layers, start=1)})


def network_rows(networks_each: int) -> list[Entry]:
    """Signal behind, gradient before, and the first kernel's gradient, each in networks of its own."""
    rows, seed = [], 0
    for words, network, shape, is_trained in built():
        x = jax.random.normal(jax.random.key(5), (16 if is_trained else 1, *shape), jnp.float32)
        expected = predict(network, None, np.asarray(x), training=is_trained)
        layers = [site.path for site in network.sites(shape)]
        for column, layer in (("forward", layers[-1]), ("backward", layers[0]), ("kernel_gradient", layers[0])):
            logs = []
            for _ in range(networks_each):
                seed += 1
                params = network.init(jax.random.key(seed), shape)
                logs.append(
                    math.log(
                        measure(network, params, x, key=jax.random.key(seed), training=is_trained).row(layer)[column]
                    )
                )
            mean, spread = expected.row(layer)[column], expected.spread(layer, column)
            error = math.sqrt(spread.variance / networks_each + spread.error)
            z = (np.mean(logs) - math.log(mean) - spread.shift) / error
            rows.append((f"{words}, {column} at {layer}", mean, float(np.mean(np.exp(logs))), float(z)))
    return rows


def chance_rows(draws: int) -> list[Entry]:
    """Shares and means of independent draws: dead networks, pools, saturated units."""
    rows = []
    for width, layers in ((2, 10), (3, 20), (4, 40)):
        found = simulate(width, layers, np.ones((1, 1)), draws, seed=width).mean()
        rows.append(
            proportion(f"dead at a point, {width} units, {layers} layers", dead_at_point(width, layers), found, draws)
        )
    z = jax.random.normal(jax.random.key(3), (draws, 2, 2, 1), jnp.float32)
    pooled = np.asarray(ops.max_pool(ops.relu(z), 2), np.float64).ravel()
    squares = pooled**2
    moment = max_pool_moment(4)
    rows.append(
        (
            "max pool 2x2, E[relu(max)^2]",
            moment,
            squares.mean(),
            (squares.mean() - moment) / (squares.std() / draws**0.5),
        )
    )
    rows.append(
        proportion("max pool 2x2, windows that pass a gradient", pool_passes(4), float((pooled > 0).mean()), draws)
    )
    slopes = 1 - np.tanh(np.asarray(z[:, 0, 0, 0], np.float64) * 1.5) ** 2
    share = networks_saturated(1.5**2)
    rows.append(proportion("tanh saturated at q = 2.25", share, float((slopes < FLAT).mean()), draws))
    return rows


def networks_saturated(q: float) -> float:
    """The share of saturated tanh units, exactly: slopes below FLAT are |z| > atanh(sqrt(1 - FLAT))."""
    return math.erfc(math.atanh(math.sqrt(1 - FLAT)) / math.sqrt(2 * q))


def proportion(words: str, expected: float, found: float, draws: int) -> Entry:
    return words, expected, float(found), float((found - expected) / math.sqrt(expected * (1 - expected) / draws))


def normal_quantile(share: float) -> float:
    """The inverse of the normal distribution function."""
    return NormalDist().inv_cdf(share)
