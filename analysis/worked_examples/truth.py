"""The truth, twice: by the handwritten layers, and by `jax.grad` of the plain ones.

A function under test takes the module of layers first, `f(ops, x, ...)`, and is run with `jaxcnn.ops` and with
`jaxcnn.reference`. What a document prints is evaluated beside it in plain numpy (`correlate`, `full`, `windows`), by
neither.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxcnn.ops
import jaxcnn.reference
from analysis.worked_examples.judge import Twice

Array = jax.Array


def twice(run: Callable[[Any], Any]) -> Twice:
    """`run(ops)` with both modules of layers, as numpy arrays."""
    return Twice(*(jax.tree.map(np.asarray, run(ops)) for ops in (jaxcnn.ops, jaxcnn.reference)))


def values(f: Callable[..., Any], *arguments: Any) -> Twice:
    """f itself."""
    return twice(lambda ops: jax.jit(partial(f, ops))(*arguments))


def gradients(f: Callable[..., Any], *arguments: Any, by: int = 0) -> Twice:
    """The gradient of the number f(ops, *arguments) by one argument."""
    return twice(lambda ops: jax.jit(jax.grad(partial(f, ops), by))(*arguments))


def pullbacks(f: Callable[..., Any], dy: Any, *arguments: Any, by: int = 0) -> Twice:
    """dy times the Jacobian of f by one argument: what the layer passes back for an upstream gradient dy."""

    def pull(ops: Any, dy: Any, *arguments: Any) -> Any:
        return jax.vjp(partial(f, ops), *arguments)[1](dy)[by]

    return twice(lambda ops: jax.jit(partial(pull, ops))(jnp.asarray(dy), *arguments))


def jacobians(f: Callable[..., Any], *arguments: Any, by: int = 0) -> Twice:
    """The Jacobian of f by one argument, [*output, *argument], row by row from the backward pass."""
    return twice(lambda ops: jax.jit(jax.jacrev(partial(f, ops), by))(*arguments))


def map_twice(function: Callable[[Any], Any], pair: Twice) -> Twice:
    """A function of both values, such as a change of layout."""
    return Twice(function(pair.hand), function(pair.auto))


def normal(seed: int, *shape: int) -> np.ndarray:
    """Standard normal numbers, the same on every machine."""
    return np.random.default_rng(seed).normal(size=shape)


def line(x: Any) -> Array:
    """A sequence as one image of one channel: [n] to [1, n, 1]."""
    return jnp.asarray(x, jnp.float64)[None, :, None]


def square(x: Any) -> Array:
    """A matrix as one image of one channel: [h, w] to [1, h, w, 1]."""
    return jnp.asarray(x, jnp.float64)[None, :, :, None]


def image(x: Any) -> Array:
    """The documents' layout to this project's: [c, h, w] to [1, h, w, c]."""
    return jnp.moveaxis(jnp.asarray(x, jnp.float64), 0, -1)[None]


def depth_first(x: Any) -> Array:
    """This project's layout to the documents': [1, h, w, c] to [c, h, w]."""
    return jnp.moveaxis(x[0], -1, 0)


def taps(kernel: Any) -> Array:
    """The documents' kernels to this project's: [k, c, a, b] to [a, b, c, k]."""
    return jnp.transpose(jnp.asarray(kernel, jnp.float64), (2, 3, 1, 0))


def output_first(kernel: Any) -> Array:
    """This project's kernels to the documents': [a, b, c, k] to [k, c, a, b]."""
    return jnp.transpose(kernel, (3, 2, 0, 1))


def correlate(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """X star K, valid, for one map and one kernel of any number of axes, written as the sum it is."""
    x, kernel = np.asarray(x), np.asarray(kernel)
    views = np.lib.stride_tricks.sliding_window_view(x, kernel.shape)
    return np.sum(views * kernel, axis=tuple(range(x.ndim, 2 * x.ndim)))


def full(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """X star K with zeros all around X, as many as K reaches over."""
    kernel = np.asarray(kernel)
    return correlate(np.pad(np.asarray(x), [(k - 1, k - 1) for k in kernel.shape]), kernel)


def rotate(kernel: np.ndarray) -> np.ndarray:
    """K turned by 180 degrees: all axes reversed."""
    return np.flip(np.asarray(kernel))


def windows(x: np.ndarray, size: int, stride: int) -> np.ndarray:
    """All windows of a sequence or a square image, [*output, *window]."""
    x = np.asarray(x)
    views = np.lib.stride_tricks.sliding_window_view(x, (size,) * x.ndim)
    return views[(slice(None, None, stride),) * x.ndim]
