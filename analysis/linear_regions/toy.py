"""Toy problems in the plane, and small networks that learn them.

    moons         two half rings that interlock
    circles       a ring around a disc
    spiral        two arms, one and a half turns each
    checkerboard  four by four squares in two colours
    image         one of scikit-learn's digits: ink or paper
    shell         three inputs: a ball within a shell

Inputs lie in [-1, 1]; classes are 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxcnn import networks, ops
from jaxcnn.networks import Network

Array = np.ndarray
Layers = list[tuple[Array, Array]]

UNINTERRUPTED = 500  # training steps in one compiled loop, after which a person can stop it


class Problem(NamedTuple):
    """Inputs [n, dimensions] and classes [n]."""

    inputs: Array
    classes: Array


def problem(name: str, count: int = 400, seed: int = 0, noise: float = 0.05) -> Problem:
    """Draw `count` examples, `noise` being the standard deviation of what is added to points on curves.

    >>> [problem(name).inputs.shape for name in PROBLEMS]
    [(400, 2), (400, 2), (400, 2), (400, 2), (400, 2), (400, 3)]
    """
    if name not in PROBLEMS:
        raise ValueError(f"problem: there is no {name!r}; use one of {', '.join(PROBLEMS)}")
    draw = np.random.default_rng(seed)
    classes = np.arange(count) % 2
    inputs = PROBLEMS[name](draw, classes, noise)
    return Problem(inputs, label_of(inputs) if (label_of := LABELS.get(name)) else classes)


def moons(draw: np.random.Generator, classes: Array, noise: float) -> Array:
    angle = np.pi * draw.random(len(classes))
    upper = np.stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25], axis=1)
    sign = np.where(classes, -1, 1)[:, None]
    return 0.65 * sign * upper + noise * draw.normal(size=upper.shape)


def circles(draw: np.random.Generator, classes: Array, noise: float) -> Array:
    angle = 2 * np.pi * draw.random(len(classes))
    radius = np.where(classes, 0.35, 0.8)[:, None]
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1) + noise * draw.normal(size=(len(classes), 2))


def spiral(draw: np.random.Generator, classes: Array, noise: float) -> Array:
    turn = np.sqrt(draw.uniform(0.02, 1, len(classes)))
    angle = 3 * np.pi * turn + np.pi * classes
    return 0.9 * turn[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1) + noise / 2 * draw.normal(
        size=(len(classes), 2)
    )


def uniform(draw: np.random.Generator, classes: Array, noise: float) -> Array:
    return draw.uniform(-1, 1, (len(classes), 2))


def shell(draw: np.random.Generator, classes: Array, noise: float) -> Array:
    direction = draw.normal(size=(len(classes), 3))
    radius = np.where(classes, 0.4 * draw.random(len(classes)) ** (1 / 3), 0.75)[:, None]
    return radius * direction / np.linalg.norm(direction, axis=1, keepdims=True) + noise * draw.normal(
        size=direction.shape
    )


def squares(inputs: Array) -> Array:
    return np.floor(2 * (inputs + 1)).astype(int).sum(axis=1) % 2


def ink(inputs: Array) -> Array:
    """Whether a digit (the first 3 of scikit-learn's) is dark at these points."""
    from sklearn.datasets import load_digits

    image = load_digits().images[3]
    place = (inputs + 1) / 2 * 8 - 0.5
    column, row = np.clip(place[:, 0], 0, 6.999), np.clip(7 - place[:, 1], 0, 6.999)
    i, j = row.astype(int), column.astype(int)
    s, t = row - i, column - j
    dark = (1 - s) * ((1 - t) * image[i, j] + t * image[i, j + 1]) + s * (
        (1 - t) * image[i + 1, j] + t * image[i + 1, j + 1]
    )
    return (dark > 7).astype(int)


PROBLEMS: dict[str, Callable[[np.random.Generator, Array, float], Array]] = {
    "moons": moons,
    "circles": circles,
    "spiral": spiral,
    "checkerboard": uniform,
    "image": uniform,
    "shell": shell,
}
LABELS = {"checkerboard": squares, "image": ink}


def classifier(units: Sequence[int]) -> Network:
    """Dense layers with ReLU between them, two outputs."""
    hidden: dict[str, Network] = {}
    for depth, width in enumerate(units, start=1):
        hidden |= {f"dense{depth}": networks.dense(width), f"relu{depth}": networks.relu()}
    return networks.serial(**hidden, **{f"dense{len(units) + 1}": networks.dense(2)})


class Snapshot(NamedTuple):
    """A network's parameters during training, and its share of right answers."""

    step: int
    params: Any
    accuracy: float


def train(
    network: Network, data: Problem, steps: int = 2000, snapshots: int = 1, learning_rate: float = 0.01, seed: int = 0
) -> list[Snapshot]:
    """Adam on all examples at once (mean cross entropy, cosine schedule), with handwritten gradients.

    Returns `snapshots` + 1 snapshots: before the first step, then at steps that grow quadratically, up to the end.
    """
    x, labels = jnp.asarray(data.inputs, jnp.float32), jnp.asarray(data.classes)
    optimiser = optax.adam(optax.cosine_decay_schedule(learning_rate, steps))
    params = network.init(jax.random.key(seed), x.shape[1:])

    def loss(params: Any) -> jax.Array:
        return ops.softmax_cross_entropy(network.apply(params, x), labels).mean()

    def step(_: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        params, memory = carry
        updates, memory = optimiser.update(jax.grad(loss)(params), memory, params)
        return optax.apply_updates(params, updates), memory

    @jax.jit
    def advance(carry: tuple[Any, Any], count: int) -> tuple[Any, Any]:
        return jax.lax.fori_loop(0, count, step, carry)

    def accuracy(params: Any) -> float:
        return float((network.apply(params, x).argmax(axis=1) == labels).mean())

    stops = np.unique(np.rint(steps * (np.arange(snapshots + 1) / snapshots) ** 2).astype(int)).tolist()
    carry = (params, optimiser.init(params))
    taken = [Snapshot(0, params, accuracy(params))]
    for before, after in pairwise(stops):
        for start in range(before, after, UNINTERRUPTED):
            carry = jax.block_until_ready(advance(carry, min(UNINTERRUPTED, after - start)))
        taken.append(Snapshot(after, carry[0], accuracy(carry[0])))
    return taken


def layers(network: Network, params: Any) -> Layers:
    """A dense classifier as (kernel, bias) pairs."""
    names = [name for name, child in network.children if child.kind == "dense"]
    return [(np.asarray(params[name]["kernel"], float), np.asarray(params[name]["bias"], float)) for name in names]
