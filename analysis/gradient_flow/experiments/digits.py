"""Small training runs on scikit-learn's handwritten digits, for experiments: full control, one `lax.scan`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from jaxcnn import ops

Loss = Callable[[Any, Array, Array], Array]


class Digits(NamedTuple):
    """1,797 images of 8 x 8, scaled to mean square 1, and what they show."""

    images: Float[np.ndarray, "n 8 8 1"]
    labels: Int[np.ndarray, " n"]


@cache
def digits() -> Digits:
    """The whole set, in a fixed shuffled order."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    images = found.images[order].astype(np.float32)
    images = (images - images.mean()) / images.std()
    return Digits(images[..., None], found.target[order].astype(np.int32))


def cross_entropy(apply: Callable[[Any, Array], Array]) -> Loss:
    """Mean cross entropy of a batch in nats, with the handwritten gradient."""
    return lambda params, x, labels: jnp.mean(ops.softmax_cross_entropy(apply(params, x), labels))


def learn(
    loss: Loss,
    params: Any,
    optimiser: optax.GradientTransformation,
    steps: int,
    *,
    x: Array,
    labels: Array,
    batch: int = 64,
    watch: Callable[[Any], Any] = lambda params: (),
    seed: int = 0,
) -> tuple[Any, Float[np.ndarray, " steps"], Any]:
    """Train on random batches; the parameters left, the loss of every step, and what `watch` saw before every step."""
    rows = jax.random.randint(jax.random.key(seed), (steps, batch), 0, len(x))
    left, (losses, seen) = passes(
        params, optimiser.init(params), rows, x, labels, loss=loss, optimiser=optimiser, watch=watch
    )
    return left, np.asarray(losses, np.float64), jax.tree.map(np.asarray, seen)


@partial(jax.jit, static_argnames=("loss", "optimiser", "watch"))
def passes(
    params: Any, rest: Any, rows: Array, x: Array, labels: Array, *, loss: Loss, optimiser: Any, watch: Any
) -> tuple[Any, tuple[Array, Any]]:
    """All steps on the device."""

    def step(carry: tuple[Any, Any], chosen: Array) -> tuple[tuple[Any, Any], tuple[Array, Any]]:
        params, rest = carry
        value, gradients = jax.value_and_grad(loss)(params, x[chosen], labels[chosen])
        updates, rest = optimiser.update(gradients, rest, params)
        return (optax.apply_updates(params, updates), rest), (value, watch(params))

    (params, _), kept = jax.lax.scan(step, (params, rest), rows)
    return params, kept


def smooth(losses: Float[np.ndarray, " steps"], width: int = 20) -> Float[np.ndarray, " steps"]:
    """A running mean over so many steps.

    >>> smooth(np.array([1.0, 3.0, 5.0]), width=2).tolist()
    [1.0, 2.0, 4.0]
    """
    sums = np.cumsum(np.insert(losses, 0, 0.0))
    starts = np.maximum(np.arange(len(losses)) + 1 - width, 0)
    ends = np.arange(len(losses)) + 1
    return (sums[ends] - sums[starts]) / (ends - starts)
