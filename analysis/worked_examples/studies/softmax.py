"""Seed 2, section 1.5: what the softmax does, what the scale of the weights does, and whether the networks train."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits

from jaxcnn import networks, ops

STEPS = 100


def exponential(bits: int, above: bool) -> np.floating[Any]:
    """exp just above, or just below, the logarithm of the largest number of 32 or 64 bits: 88.72 and 709.78."""
    number = np.float64 if bits == 64 else np.float32
    edge = np.log(np.finfo(number).max)
    with np.errstate(over="ignore"):
        return np.exp(number(edge * (1.001 if above else 0.999)))


class First(NamedTuple):
    """Seed 2's full network before its first step, on one random image.

    Fields:
        logits: the largest absolute logit.
        norms: the gradient norm of every kernel, first layer first.
    """

    logits: float
    norms: np.ndarray


@jax.jit
def first_loss_gradient(params: Any) -> tuple[Any, jax.Array]:
    """The gradient by all parameters and the logits, for one random image of class 0."""
    x = jax.random.uniform(jax.random.key(1), (1, 28, 28, 1), jnp.float32)

    def loss(params: Any) -> tuple[jax.Array, jax.Array]:
        logits = networks.seed2().apply(params, x)
        return ops.softmax_cross_entropy(logits, jnp.zeros(1, jnp.int32))[0], logits

    return jax.grad(loss, has_aux=True)(params)


def first_gradients(init: str, scale: float = 1.0) -> First:
    """Logits and gradient norms with weights from `networks.initialisers.<init>`, multiplied by `scale`."""
    params = start(networks.seed2(kernel_init=getattr(networks.initialisers, init)))
    gradient, logits = first_loss_gradient(jax.tree.map(lambda p: scale * p, params))
    norms = [jnp.linalg.norm(gradient[name]["kernel"].ravel()) for name in ("conv1", "conv2", "dense1", "dense2")]
    return First(float(jnp.max(jnp.abs(logits))), np.array(norms))


def start(network: networks.Network) -> Any:
    """Parameters for 28x28 images."""
    return jax.jit(lambda: network.init(jax.random.key(0), (28, 28, 1)))()


class Digits(NamedTuple):
    """100 images of each class to train on and the rest to test on; images [n, 28, 28, 1] in 0..1."""

    x: jax.Array
    y: jax.Array
    test_x: jax.Array
    test_y: jax.Array


@cache
def digits() -> Digits:
    """scikit-learn's 1,797 handwritten digits, enlarged from 8x8 to seed 2's 28x28."""
    images, labels = load_digits(return_X_y=True)
    x = np.asarray(images, np.float32).reshape(-1, 8, 8, 1) / 16
    x = np.asarray(jax.image.resize(x, (len(x), 28, 28, 1), "linear"))
    first = np.concatenate([np.flatnonzero(labels == digit)[:100] for digit in range(10)])
    rest = np.setdiff1d(np.arange(len(x)), first)
    y = labels.astype(np.int32)
    return Digits(*map(jnp.asarray, (x[first], y[first], x[rest], y[rest])))


@cache
def descent(build: Callable[[], networks.Network], is_clipped: bool = False) -> Callable[[Any, jax.Array], Any]:
    """Mini-batch training on `digits()` at rate 0.05: (params, rows[steps, batch]) to (params, losses[steps])."""
    data, network = digits(), build()
    descend = optax.sgd(0.05)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), descend) if is_clipped else descend

    def loss(params: Any, rows: jax.Array) -> jax.Array:
        return jnp.mean(ops.softmax_cross_entropy(network.apply(params, data.x[rows]), data.y[rows]))

    def step(carry: Any, rows: jax.Array) -> tuple[Any, jax.Array]:
        params, state = carry
        error, gradient = jax.value_and_grad(loss)(params, rows)
        updates, state = optimiser.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), error

    @jax.jit
    def run(params: Any, rows: jax.Array) -> Any:
        (params, _), errors = jax.lax.scan(step, (params, optimiser.init(params)), rows)
        return params, errors

    return run


def batches(epochs: int, batch: int = 50) -> jax.Array:
    """Which images each step sees, [steps, batch]: every epoch in an order of its own."""
    keys = jax.random.split(jax.random.key(1), epochs)
    return jnp.concatenate([jax.random.permutation(key, digits().y.size).reshape(-1, batch) for key in keys])


class Shallow(NamedTuple):
    """One training of the shallow network."""

    params: Any
    train_accuracy: float
    test_accuracy: float
    epochs: int


@cache
def train_shallow(epochs: int) -> Shallow:
    """Seed 2's shallow network on the digits; ledger S2.36."""
    network, data = networks.seed2_shallow(), digits()
    params, _ = descent(networks.seed2_shallow)(start(network), batches(epochs))
    share = lambda x, y: float(jnp.mean(jnp.argmax(network.apply(params, x), -1) == y))  # noqa: E731
    return Shallow(params, share(data.x, data.y), share(data.test_x, data.test_y), epochs)


def train_full(init: str, is_clipped: bool) -> float:
    """The mean loss of the last ten of `STEPS` steps of seed 2's full network; not finite where it diverged."""
    params = start(networks.seed2(kernel_init=getattr(networks.initialisers, init)))
    _, errors = descent(networks.seed2, is_clipped)(params, batches(STEPS // 20))
    return float(jnp.mean(errors[-10:]))
