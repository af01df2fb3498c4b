"""One step, one epoch, one prediction: everything that runs on the device.

An epoch is one `lax.scan` over shuffled batches, so Python and the host are asked for nothing between two steps. All
batches have one shape: the last one is filled up with examples from the beginning of the shuffled order, and a weight
of zero keeps the filling out of the loss, out of its gradient and out of the accuracy:

    loss = sum_n weight_n loss_n / sum_n weight_n        nats, mean over the examples that count

(Batch normalisation sees the filling: real examples, met a second time in their epoch.)

A step whose loss, gradients or new parameters are not all finite is not taken, nor is any after it in its epoch: the
state that comes out is the last good one, and `Health` says where it went wrong. No step waits for the host to look.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Float32, Int32, UInt8

from jaxcnn.networks.network import Network
from jaxcnn.training.config import Config
from jaxcnn.training.data import Examples

Tree = Any  # nested dicts of arrays
WARMUP_SHARE = 0.05
PREDICTION_BATCH = 256


@dataclass(frozen=True, eq=False)
class Learner:
    """What stays the same from step to step. Compared by identity: a new learner is compiled anew."""

    network: Network
    layers: ModuleType  # jaxcnn.ops, or jaxcnn.reference for jax.grad's gradients
    optimiser: optax.GradientTransformation
    batch_size: int


class State(NamedTuple):
    """What a step changes."""

    params: Tree
    statistics: Tree  # batch normalisation's running means and variances
    optimiser: optax.OptState


class Batch(NamedTuple):
    """Examples of one step."""

    images: UInt8[Array, "n height width channels"]
    labels: Int32[Array, " n"]
    weights: Float32[Array, " n"]  # 1, or 0 for what fills up a last partial batch


class Health(NamedTuple):
    """The step last tried: how many were taken before it, and what of it is finite."""

    taken: Int32[Array, ""]
    loss: Float[Array, ""]
    gradients: Bool[Array, " leaves"]
    params: Bool[Array, " leaves"]

    @property
    def is_good(self) -> Bool[Array, ""]:
        return jnp.isfinite(self.loss) & self.gradients.all() & self.params.all()


class Sums(NamedTuple):
    """Over the examples of an epoch, each judged just before the step it takes part in."""

    loss: Float32[Array, ""]  # nats
    correct: Float32[Array, ""]


def make_optimiser(config: Config, steps: int) -> optax.GradientTransformation:
    """The rule of a step, its size scheduled over a run of so many steps."""
    peak, warmup = config.learning_rate, round(WARMUP_SHARE * steps)
    size = {
        "constant": lambda: optax.constant_schedule(peak),
        "cosine": lambda: optax.cosine_decay_schedule(peak, steps),
        "warmup_cosine": lambda: optax.warmup_cosine_decay_schedule(0.0, peak, warmup, steps),
    }[config.schedule]()
    rule = {
        "sgd": lambda: optax.sgd(size),
        "momentum": lambda: optax.sgd(size, momentum=0.9, nesterov=True),
        "adam": lambda: optax.adam(size),
    }[config.optimiser]()
    return rule if config.clip_norm is None else optax.chain(optax.clip_by_global_norm(config.clip_norm), rule)


def initial_state(learner: Learner, key: Array, image_shape: tuple[int, ...]) -> State:
    """Parameters drawn with `key`, statistics and optimiser at rest."""
    params = learner.network.init(key, image_shape)
    return State(params, learner.network.init_state(image_shape), learner.optimiser.init(params))


def pixels(images: UInt8[Array, "n height width channels"]) -> Float32[Array, "n height width channels"]:
    """Bytes as numbers from 0 to 1."""
    return images.astype(jnp.float32) / 255


def shuffled(key: Array, examples: int, batch_size: int) -> tuple[Int32[Array, "steps n"], Float32[Array, "steps n"]]:
    """A random order of the examples as rows of one length, and the weight of each place.

    >>> order, weights = shuffled(jax.random.key(0), 5, 3)
    >>> sorted(order.ravel()[:5].tolist()), weights.tolist()
    ([0, 1, 2, 3, 4], [[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])
    """
    steps = -(-examples // batch_size)
    order = jax.random.permutation(key, jnp.arange(examples, dtype=jnp.int32))
    weights = (jnp.arange(steps * batch_size) < examples).astype(jnp.float32)
    return jnp.resize(order, (steps, batch_size)), weights.reshape(steps, batch_size)


def batch_loss(
    params: Tree, statistics: Tree, batch: Batch, key: Array, *, network: Network, layers: ModuleType
) -> tuple[Float[Array, ""], tuple[Tree, Sums, Float[Array, "n classes"]]]:
    """Mean cross entropy of the examples that count, in nats; beside it new statistics, sums and logits."""
    logits, statistics = network.apply(params, pixels(batch.images), statistics, training=True, key=key, ops=layers)
    losses = layers.softmax_cross_entropy(logits, batch.labels)  # [n]
    correct = jnp.argmax(logits, axis=-1) == batch.labels  # [n]
    sums = Sums(batch.weights @ losses, batch.weights @ correct.astype(jnp.float32))
    return sums.loss / batch.weights.sum(), (statistics, sums, logits)


def step(learner: Learner, state: State, batch: Batch, key: Array) -> tuple[State, Sums, Health]:
    """The state after one batch, whether or not it is a good one."""
    loss_and_gradients = jax.value_and_grad(batch_loss, has_aux=True)
    (loss, (statistics, sums, _)), gradients = loss_and_gradients(
        state.params, state.statistics, batch, key, network=learner.network, layers=learner.layers
    )
    updates, optimiser = learner.optimiser.update(gradients, state.optimiser, state.params)
    params = optax.apply_updates(state.params, updates)
    health = Health(jnp.int32(0), loss, finite_leaves(gradients), finite_leaves(params))
    return State(params, statistics, optimiser), sums, health


@partial(jax.jit, static_argnames="learner", donate_argnames="state")
def epoch(learner: Learner, state: State, examples: Examples, key: Array) -> tuple[State, Sums, Health]:
    """One pass over all examples in an order drawn with `key`.

    Args:
        state: given up; its memory holds the result.
        key: the epoch's own; orders the examples, and draws what dropout needs.
    """
    order_key, step_key = jax.random.split(key)
    order, weights = shuffled(order_key, len(examples.labels), learner.batch_size)  # [steps, batch]

    def advance(
        carry: tuple[State, Sums, Health], turn: tuple[Array, Array]
    ) -> tuple[tuple[State, Sums, Health], None]:
        state, sums, health = carry
        chosen, weight = turn
        batch = Batch(examples.images[chosen], examples.labels[chosen], weight)
        new_state, new_sums, tried = step(learner, state, batch, jax.random.fold_in(step_key, health.taken))
        alive, is_good = health.is_good, tried.is_good & health.is_good
        tried = tried._replace(taken=health.taken + is_good)
        return (
            where(is_good, new_state, state),
            where(is_good, Sums(*jax.tree.map(jnp.add, sums, new_sums)), sums),
            where(alive, tried, health),
        ), None

    good = finite_leaves(state.params)
    start = state, Sums(jnp.float32(0), jnp.float32(0)), Health(jnp.int32(0), jnp.float32(0), good, good)
    return jax.lax.scan(advance, start, (order, weights))[0]


def batch_at(learner: Learner, examples: Examples, key: Array, number: int) -> tuple[Batch, Array]:
    """The batch that step `number` of the epoch with this key takes, and that step's own key; -1 is the last step."""
    order_key, step_key = jax.random.split(key)
    order, weights = shuffled(order_key, len(examples.labels), learner.batch_size)  # [steps, batch]
    chosen = order[number]
    batch = Batch(examples.images[chosen], examples.labels[chosen], weights[number])
    return batch, jax.random.fold_in(step_key, number % len(order))


@partial(jax.jit, static_argnames="learner")
def predict(
    learner: Learner, state: State, images: UInt8[Array, "n height width channels"]
) -> Float[Array, "n classes"]:
    """Logits of images, with running statistics and without dropout, a batch at a time."""
    count = len(images)
    steps = -(-count // PREDICTION_BATCH)
    rows = jnp.resize(jnp.arange(count), (steps, PREDICTION_BATCH))

    def logits(chosen: Int32[Array, " n"]) -> Float[Array, "n classes"]:
        return learner.network.apply(state.params, pixels(images[chosen]), state.statistics, ops=learner.layers)[0]

    found = jax.lax.map(logits, rows)  # [steps, batch, classes]
    return found.reshape(steps * PREDICTION_BATCH, -1)[:count]


def finite_leaves(tree: Tree) -> Bool[Array, " leaves"]:
    """Which leaves of a tree hold finite numbers only."""
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)])


def where(condition: Bool[Array, ""], new: Tree, old: Tree) -> Tree:
    return jax.tree.map(partial(jnp.where, condition), new, old)
