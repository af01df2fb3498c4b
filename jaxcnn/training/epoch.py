"""One epoch, one prediction: everything that runs on the devices without asking the host.

An epoch is one `lax.scan` over batches, from a data set that lies on every device; or, where the set is larger than
memory, one scan for each block of batches that the host has read, while the next block is being read.

A step whose `Health` is bad is not taken, nor is any after it in its epoch: the state that comes out is the last good
one, and the health says where it went wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32, UInt8

from jaxcnn.training import devices
from jaxcnn.training.batches import Batch, pixels, turns
from jaxcnn.training.data import Examples, Images
from jaxcnn.training.rows import in_turn
from jaxcnn.training.step import Health, Learner, State, Sums, finite_leaves, step, where

PREDICTION_BATCH = 256
BLOCK_BYTES = 2**25  # of images that are read ahead


class Progress(NamedTuple):
    """How far an epoch has come."""

    state: State
    sums: Sums
    health: Health


def started(state: State) -> Progress:
    """Before the first step."""
    good = finite_leaves(state.params)
    return Progress(state, Sums(jnp.float32(0), jnp.float32(0)), Health(jnp.int32(0), jnp.float32(0), good, good))


def advance(learner: Learner, progress: Progress, batch: Batch, step_key: Array) -> Progress:
    """One step more, if all went well so far."""
    state, sums, health = progress
    new_state, new_sums, tried = step(learner, state, batch, jax.random.fold_in(step_key, health.taken))
    alive, is_good = health.is_good, tried.is_good & health.is_good
    tried = tried._replace(taken=health.taken + is_good)
    return Progress(
        where(is_good, new_state, state),
        where(is_good, Sums(*jax.tree.map(jnp.add, sums, new_sums)), sums),
        where(alive, tried, health),
    )


def over(
    learner: Learner, progress: Progress, many: Any, batch_of: Callable[[Any], Batch], step_key: Array
) -> Progress:
    """All steps of a scan; `batch_of` makes a batch of what is scanned over."""

    def body(progress: Progress, turn: Any) -> tuple[Progress, None]:
        return advance(learner, progress, batch_of(turn), step_key), None

    return jax.lax.scan(body, progress, many)[0]


@partial(jax.jit, static_argnames="learner", donate_argnames="state")
def epoch(learner: Learner, state: State, examples: Examples, key: Array) -> Progress:
    """One pass over all examples in an order drawn with `key`.

    Args:
        state: given up; its memory holds the result.
        key: the epoch's own; orders the examples, and draws what dropout needs.
    """
    order, step_key = turns(key, len(examples.labels), learner.batch_size, learner.parts)

    def batch_of(turn: tuple[Array, Array]) -> Batch:
        chosen, weights = devices.spread(turn, axis=1)  # [parts, n / parts]
        return devices.spread(Batch(examples.images[chosen], examples.labels[chosen], weights), axis=1)

    return over(learner, started(state), order, batch_of, step_key)


@partial(jax.jit, static_argnames="learner", donate_argnames="progress")
def block(learner: Learner, progress: Progress, batches: Batch, step_key: Array) -> Progress:
    """The steps of some batches `[steps, parts, n / parts, ...]`."""
    return over(learner, progress, batches, lambda batch: batch, step_key)


def streamed_epoch(learner: Learner, state: State, examples: Examples, key: Array) -> Progress:
    """The same pass over examples of which the host reads a block of batches at a time, ahead of the devices."""
    (order, weights), step_key = turns(key, len(examples.labels), learner.batch_size, learner.parts)
    progress = jax.jit(started, donate_argnums=0)(state)
    for batches in blocks(examples, np.asarray(order), np.asarray(weights)):
        jax.block_until_ready(progress.sums)  # the devices have a block to work on, and one is ready: enough
        progress = block(learner, progress, batches, step_key)
    return progress


def blocks(examples: Examples, order: np.ndarray, weights: np.ndarray) -> Iterator[Batch]:
    """An epoch's batches on the devices, as many at a time as `BLOCK_BYTES` hold; a process reads its own rows only."""
    image_shape = examples.images.shape[1:]
    steps = max(1, BLOCK_BYTES // (order[0].size * int(np.prod(image_shape))))
    for first in range(0, len(order), steps):
        rows, some = order[first : first + steps], weights[first : first + steps]

        def images(part: tuple[slice, ...], rows: np.ndarray = rows) -> np.ndarray:
            return examples.images[rows[part[:3]]]

        def labels(part: tuple[slice, ...], rows: np.ndarray = rows) -> np.ndarray:
            return examples.labels[rows[part]]

        yield Batch(
            devices.assembled((*rows.shape, *image_shape), 2, images),
            devices.assembled(rows.shape, 2, labels),
            devices.assembled(rows.shape, 2, some.__getitem__),
        )


@partial(jax.jit, static_argnames="learner")
def predict(
    learner: Learner, state: State, images: UInt8[Array, "n height width channels"]
) -> Float[Array, "n classes"]:
    """Logits of images, with running statistics and without dropout, a batch at a time."""
    count, shares = len(images), devices.shares()
    batch = -(-PREDICTION_BATCH // shares) * shares
    rows = jnp.resize(jnp.arange(count), (-(-count // batch), batch))

    def logits(chosen: Int32[Array, " n"]) -> Float[Array, "n classes"]:
        x = devices.spread(pixels(images[devices.spread(chosen)]))
        return learner.network.apply(state.params, x, state.statistics, ops=learner.layers)[0]

    found = jax.lax.map(logits, rows)  # [steps, batch, classes]
    return found.reshape(len(rows) * batch, -1)[:count]


def predictions(learner: Learner, state: State, images: Images) -> Float[np.ndarray, "n classes"]:
    """The same for images that may lie in files, a part of them at a time."""
    parts = [images] if isinstance(images, np.ndarray) else in_turn(images)
    return np.concatenate([np.asarray(predict(learner, state, part)) for part in parts])
