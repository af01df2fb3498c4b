"""The three products of a dense layer; a large one as a batch of products, each with a part of it.

    y[n, o] = sum over i of x[n, i] w[i, o]                   a few examples, a large kernel: the sum in parts
    x[n, i] = sum over o of y[n, o] w[i, o]                   a few examples, a large kernel: the inputs in parts
    w[i, o] = sum over n of x[n, i] y[n, o]                   thousands of examples: the sum in parts

A product of a few examples takes as long as reading the kernel does. Of a batch every thread reads its parts of the
kernel as they lie in memory; handed the whole of it, XLA for CPU first writes it down in another order, or leaves it to
one thread.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.lowering.mesh import is_spread
from jaxcnn.lowering.products import PART, contract, over_positions


class Limits(NamedTuple):
    """A product is taken in so many parts of the kernel's rows, for so many numbers of it and so few examples."""

    parts: int
    numbers: int  # at least
    examples: int  # at most


OUTPUT = Limits(16, 2**24, 64)  # 9216 x 4096 and 16 examples: 15 ms, at once 21
INPUT = Limits(2, 2**20, 96)  # 9216 x 4096 and 16 examples: 8 ms, at once 56


def output_product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """x kernel, [n, o], carried in float32 at least."""
    at_once = partial(contract, axes=(1, 0))

    def in_parts(x: jax.Array, kernel: jax.Array) -> jax.Array:
        x = x.reshape(len(x), OUTPUT.parts, -1)  # [n, parts, i / parts]
        return jnp.sum(jax.vmap(at_once, (1, 0))(x, parts_of(kernel, OUTPUT)), 0)  # [parts, n, o]

    if not suits_parts(x, kernel, OUTPUT):
        return at_once(x, kernel)
    return lax.platform_dependent(x, kernel, cpu=in_parts, default=at_once)


def input_product(y: jax.Array, kernel: jax.Array) -> jax.Array:
    """y kernel^T, [n, i], carried in float32 at least."""
    at_once = partial(contract, axes=(1, 1))

    def in_parts(y: jax.Array, kernel: jax.Array) -> jax.Array:
        copies = jnp.broadcast_to(y, (INPUT.parts, *y.shape))
        x = jax.vmap(at_once)(parts_of(kernel, INPUT), copies)  # [parts, i / parts, n]
        return x.reshape(-1, len(y)).T

    if not suits_parts(y, kernel, INPUT):
        return at_once(y, kernel)
    return lax.platform_dependent(y, kernel, cpu=in_parts, default=at_once)


def kernel_product(x: jax.Array, y: jax.Array) -> jax.Array:
    """x^T y, [i, o], carried in float32 at least. 16,384 examples, 128 x 10: 0.7 ms, at once 2.1; 784 x 128: 21, 24."""
    at_once = partial(contract, axes=(0, 0))
    if len(x) <= PART or is_spread():
        return at_once(x, y)
    return lax.platform_dependent(x, y, cpu=over_positions, default=at_once)


def suits_parts(x: jax.Array, kernel: jax.Array, limits: Limits) -> bool:
    is_large = kernel.size >= limits.numbers and kernel.shape[0] % limits.parts == 0
    return is_large and len(x) <= limits.examples and not is_spread()


def parts_of(kernel: jax.Array, limits: Limits) -> jax.Array:
    return kernel.reshape(limits.parts, -1, kernel.shape[1])  # [parts, i / parts, o]
