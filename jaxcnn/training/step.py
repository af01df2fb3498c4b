"""One step: loss, gradient, update.

    loss = sum_n weight_n loss_n / sum_n weight_n        nats, mean over the examples that count

A batch comes in one or more parts. The gradient of each is taken by itself and they are summed before the update, so a
batch larger than memory takes one step as if it were there at once (but for batch normalisation, which normalises each
part by itself).

A step whose loss, gradients or new parameters are not all finite is told by its `Health`; nobody waits for the host to
look.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Float32, Int32

from jaxcnn.networks.network import Network
from jaxcnn.training import mixed
from jaxcnn.training.batches import Batch, pixels
from jaxcnn.training.config import Config, Precision
from jaxcnn.training.mixed import Scaling

Tree = Any  # nested dicts of arrays
WARMUP_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class Learner:
    """What stays the same from step to step. Compared by identity: a new learner is compiled anew."""

    network: Network
    layers: ModuleType  # jaxcnn.ops, or jaxcnn.reference for jax.grad's gradients
    optimiser: optax.GradientTransformation
    batch_size: int
    parts: int = 1  # of a batch, whose gradients are taken one after the other
    precision: Precision = "float32"
    remat: bool = False  # see Network.apply


class State(NamedTuple):
    """What a step changes."""

    params: Tree
    statistics: Tree  # batch normalisation's running means and variances
    optimiser: optax.OptState
    scaling: Scaling | tuple[()] = ()  # float16's


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
    """Over examples, each judged just before the step it takes part in."""

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
    params, statistics = learner.network.init(key, image_shape), learner.network.init_state(image_shape)
    return State(params, statistics, learner.optimiser.init(params), mixed.first_scaling(learner.precision))


def batch_loss(
    params: Tree,
    statistics: Tree,
    batch: Batch,
    key: Array,
    *,
    network: Network,
    layers: ModuleType,
    total: Array | None = None,
    precision: Precision = "float32",
    remat: bool = False,
) -> tuple[Float[Array, ""], tuple[Tree, Sums, Float[Array, "n classes"]]]:
    """Mean cross entropy of the examples that count, in nats; beside it new statistics, sums and logits.

    `total` is the weight that the mean divides by, where the batch is a part of another.
    """
    x, params = mixed.cast((pixels(batch.images), params), precision)
    logits, statistics = network.apply(params, x, statistics, training=True, key=key, ops=layers, remat=remat)
    logits = mixed.wide(logits)
    losses = layers.softmax_cross_entropy(logits, batch.labels)  # [n]
    correct = jnp.argmax(logits, axis=-1) == batch.labels  # [n]
    sums = Sums(batch.weights @ losses, batch.weights @ correct.astype(jnp.float32))
    return sums.loss / (batch.weights.sum() if total is None else total), (statistics, sums, logits)


def gradient_of_part(
    learner: Learner, state: State, statistics: Tree, batch: Batch, key: Array, total: Array
) -> tuple[Tree, Sums, Tree]:
    """New statistics, sums, and what a part of a batch adds to the gradient of the batch's mean loss."""
    scale = mixed.scale_of(state.scaling)

    def scaled_loss(params: Tree) -> tuple[Array, tuple[Tree, Sums]]:
        loss, (new_statistics, sums, _) = batch_loss(
            params, statistics, batch, key, network=learner.network, layers=learner.layers, total=total,
            precision=learner.precision, remat=learner.remat,
        )  # fmt: skip
        return loss * scale, (new_statistics, sums)

    gradients, (new_statistics, sums) = jax.grad(scaled_loss, has_aux=True)(state.params)
    return new_statistics, sums, jax.tree.map(lambda gradient: gradient / scale, gradients)


def gradient_of_batch(learner: Learner, state: State, batch: Batch, key: Array) -> tuple[Tree, Sums, Tree]:
    """New statistics, sums, and the gradient of the mean loss of a batch `[parts, n, ...]`."""
    total = batch.weights.sum()
    if learner.parts == 1:
        return gradient_of_part(learner, state, state.statistics, jax.tree.map(lambda a: a[0], batch), key, total)

    def add(carry: tuple[Tree, Sums, Tree], turn: tuple[Array, Batch]) -> tuple[tuple[Tree, Sums, Tree], None]:
        (statistics, *behind), (number, part) = carry, turn
        statistics, *more = gradient_of_part(learner, state, statistics, part, jax.random.fold_in(key, number), total)
        return (statistics, *jax.tree.map(jnp.add, behind, more)), None

    start = state.statistics, Sums(jnp.float32(0), jnp.float32(0)), jax.tree.map(jnp.zeros_like, state.params)
    return jax.lax.scan(add, start, (jnp.arange(learner.parts), batch))[0]


def step(learner: Learner, state: State, batch: Batch, key: Array) -> tuple[State, Sums, Health]:
    """The state after one batch `[parts, n, ...]`, whether or not it is a good one."""
    statistics, sums, gradients = gradient_of_batch(learner, state, batch, key)
    updates, optimiser = learner.optimiser.update(gradients, state.optimiser, state.params)
    params = optax.apply_updates(state.params, updates)
    finite = finite_leaves(gradients)
    skipped = mixed.overflowed(state.scaling, finite.all())
    new = State(params, statistics, optimiser)
    if isinstance(state.scaling, Scaling):
        kept = where(skipped, state._replace(scaling=()), new)
        new = kept._replace(scaling=mixed.moved(state.scaling, finite.all()))
    loss = sums.loss / batch.weights.sum()
    return new, sums, Health(jnp.int32(0), loss, finite | skipped, finite_leaves(new.params))


def finite_leaves(tree: Tree) -> Bool[Array, " leaves"]:
    """Which leaves of a tree hold finite numbers only."""
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)])


def where(condition: Bool[Array, ""] | bool, new: Tree, old: Tree) -> Tree:
    return jax.tree.map(partial(jnp.where, condition), new, old)
