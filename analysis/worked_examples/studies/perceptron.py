"""Seed 4, question 1: a single tanh unit with squared error, and what large weights do to its gradient."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn import ops

_random = np.random.default_rng(71)
DATA = (_random.normal(size=(20, 3)), np.sign(_random.normal(size=20)))  # x[n, 3], y[n] in -1, 1


def error(ops: Any, w: Any) -> jax.Array:
    """E_in: the mean over DATA of (tanh(w . x_n) - y_n)^2."""
    x, y = map(jnp.asarray, DATA)
    return jnp.mean(ops.mean_squared_error(ops.tanh(ops.dense(x, jnp.asarray(w)[:, None])), y[:, None]))


slope = jax.jit(jax.grad(partial(error, ops)))


def gradient_norms(w: np.ndarray, scales: Iterable[float]) -> np.ndarray:
    """The gradient's norm at several multiples of w; exactly 0 where every tanh has saturated."""
    return np.array([float(jnp.linalg.norm(slope(scale * w))) for scale in scales])


def descend(w: np.ndarray, steps: int, rate: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """The weights before and after gradient descent."""
    end = w
    for _ in range(steps):
        end = end - rate * np.asarray(slope(end))
    return w, end
