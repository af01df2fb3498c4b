"""Which examples a step sees: the order of an epoch, cut into batches of one shape.

The last batch is filled up with examples from the beginning of the order, and a weight of zero keeps the filling out of
the loss, out of its gradient and out of the accuracy. (Batch normalisation sees the filling: real examples, met a
second time in their epoch.) The order follows from the epoch's key alone, so that an epoch can be begun again.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Int32, UInt8

from jaxcnn.training.data import Examples


class Batch(NamedTuple):
    """Examples of one step."""

    images: UInt8[Array, "n height width channels"]
    labels: Int32[Array, " n"]
    weights: Float32[Array, " n"]  # 1, or 0 for what fills up a last partial batch


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


def turns(key: Array, examples: int, batch_size: int, parts: int) -> tuple[tuple[Array, Array], Array]:
    """An epoch's order and weights `[steps, parts, n / parts]`, and the key that its steps draw theirs from."""
    order_key, step_key = jax.random.split(key)
    order, weights = shuffled(order_key, examples, batch_size)  # [steps, n]
    shape = (len(order), parts, batch_size // parts)
    return (order.reshape(shape), weights.reshape(shape)), step_key


def batch_at(examples: Examples, batch_size: int, key: Array, number: int) -> tuple[Batch, Array]:
    """The batch that step `number` of the epoch with this key takes, and that step's own key; -1 is the last step."""
    (order, weights), step_key = turns(key, len(examples.labels), batch_size, 1)
    chosen = order[number, 0]
    batch = Batch(examples.images[chosen], examples.labels[chosen], weights[number, 0])
    return batch, jax.random.fold_in(step_key, number % len(order))
