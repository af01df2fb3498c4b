"""Handwritten against automatic gradients, parameter by parameter, on one batch of the run.

    difference = |hand - auto| / |auto|        Euclidean norms over a parameter's elements

The two are the same sums in another order. They are said to agree where they share half of the digits that their
number format has. (`jaxcnn.agreement` judges by the rounding to be expected, and against an independent referee.)
"""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

import jaxcnn.ops
import jaxcnn.reference
from jaxcnn.networks.network import Network, flat
from jaxcnn.training.batches import Batch
from jaxcnn.training.step import Learner, State, Tree, batch_loss


class Leaf(NamedTuple):
    """One parameter's gradients: their norms, and how far apart they are."""

    name: str
    hand: float
    auto: float
    difference: float
    tolerance: float

    @property
    def agrees(self) -> bool:
        return self.difference <= self.tolerance  # False where the difference is NaN


class Look(NamedTuple):
    """A network on one batch: what tells an initialisation with which training will explode."""

    loss: float  # nats, mean
    logits_rms: float  # root mean square over examples and classes
    gradient_norm: float  # Euclidean, over all parameters


def look(learner: Learner, state: State, batch: Batch, key: Array) -> Look:
    """Loss, logits and gradient of a learner on one batch."""
    loss, logits, gradient = loss_and_gradient(learner.network, learner.layers, state, batch, key)
    rms = jnp.sqrt(jnp.mean(jnp.square(logits)))
    return Look(float(loss), float(rms), float(optax.tree.norm(gradient)))


def compare(network: Network, state: State, batch: Batch, key: Array) -> list[Leaf]:
    """Both gradients of every parameter on one batch, in the order of the parameters' names."""
    hand, auto = (
        flat(loss_and_gradient(network, layers, state, batch, key)[2]) for layers in (jaxcnn.ops, jaxcnn.reference)
    )
    return [compare_leaf(name, hand[name], auto[name]) for name in hand]


@partial(jax.jit, static_argnames=("network", "layers"))
def loss_and_gradient(
    network: Network, layers: ModuleType, state: State, batch: Batch, key: Array
) -> tuple[Array, Array, Tree]:
    """A batch's mean loss, its logits, and the gradient with respect to the parameters."""
    differentiate = jax.value_and_grad(batch_loss, has_aux=True)
    (loss, (_, _, logits)), gradient = differentiate(
        state.params, state.statistics, batch, key, network=network, layers=layers
    )
    return loss, logits, gradient


def compare_leaf(name: str, hand: Array, auto: Array) -> Leaf:
    """The comparison of two gradients of one parameter; zero where both are zero."""
    h, a = (np.asarray(gradient, np.float64) for gradient in (hand, auto))
    distance, size = np.linalg.norm(h - a), np.linalg.norm(a)
    difference = float(distance / size) if size else float(distance and np.inf)
    tolerance = float(np.sqrt(jnp.finfo(auto.dtype).eps))
    return Leaf(name, float(np.linalg.norm(h)), float(size), difference, tolerance)
