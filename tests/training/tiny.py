"""A network that compiles in a moment, and a learner of it."""

from __future__ import annotations

from types import ModuleType

import jax
import optax

from jaxcnn import networks, ops
from jaxcnn.training.step import Learner, State, initial_state

SHAPE = (10, 10, 1)


def network() -> networks.Network:
    return networks.serial(
        conv=networks.conv(3, 3),
        relu=networks.relu(),
        pool=networks.max_pool(2),
        flat=networks.flatten(),
        dense=networks.dense(10),
    )


def learner(optimiser: optax.GradientTransformation, batch_size: int = 8, layers: ModuleType = ops) -> Learner:
    return Learner(network(), layers, optimiser, batch_size)


def state(learner: Learner, seed: int = 0) -> State:
    return initial_state(learner, jax.random.key(seed), SHAPE)
