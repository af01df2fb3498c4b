"""What stands between a batch norm and the next convolution is computed again for the gradient, and not kept.

    y = conv(a, w),  a = relu(batch_norm(x))        forward: a is thrown away; kept are x, w, and vectors per channel
    dw, da = the gradients of conv, from a again    backward: x is kept by the batch norm in any case

Convolution would keep a, which is as large as x: without it these stretches keep half (Chen et al. 2016). A compiler
that meets the same expression twice computes it once and keeps it; so backward the vectors are taken after the
cotangent is known (`lowering.fusion.after`), and then so is a.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
from jaxtyping import Array

from jaxcnn.lowering.fusion import after
from jaxcnn.lowering.mesh import is_spread
from jaxcnn.ops.rule import as_cotangent

if TYPE_CHECKING:
    from jaxcnn.networks.network import Call, Network

Leaves = dict[str, Array]
Apply = Callable[[Array, Leaves], Array]
Forward = Callable[[Any, "Call"], tuple[Any, Leaves]]  # a layer's


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def again(before: Apply, layer: Apply, x: Array, vectors: Leaves, leaves: Leaves) -> Array:
    """layer(before(x, vectors), leaves), with what lies between computed a second time for the gradient.

    >>> import jax.numpy as jnp
    >>> def square(a, leaves):
    ...     return a * a
    >>> float(jax.grad(again, argnums=2)(square, square, jnp.float32(2), {}, {}))  # (x^2)^2
    32.0
    """
    return layer(before(x, vectors), leaves)


def keep_arguments(
    before: Apply, layer: Apply, x: Array, vectors: Leaves, leaves: Leaves
) -> tuple[Array, tuple[Array, Leaves, Leaves]]:
    """The three arrays or sets of arrays, which are in memory already."""
    return again(before, layer, x, vectors, leaves), (x, vectors, leaves)


def chain(before: Apply, layer: Apply, kept: tuple[Array, Leaves, Leaves], dy: Array) -> tuple[Any, ...]:
    """The chain rule over the two, each by its own rule. (What dy varies over, the late vectors do, too.)"""
    x, vectors, leaves = kept
    late = {name: after(vector, dy) for name, vector in vectors.items()}
    between, back_to_x = jax.vjp(before, x, late)
    _, back_to_between = jax.vjp(layer, between, leaves)
    dbetween, dleaves = back_to_between(dy)
    cotangents = *back_to_x(dbetween), dleaves
    return jax.tree.map(lambda cotangent, primal: as_cotangent(cotangent, jax.typeof(primal)), cotangents, kept)


again.defvjp(keep_arguments, chain)


@dataclass(frozen=True)
class Late:
    """What a layer would be given, not yet computed: apply(x, vectors)."""

    apply: Apply
    x: Array
    vectors: Leaves

    @property
    def shape(self) -> tuple[int, ...]:
        return self.x.shape


def recomputing(network: Network) -> Network:
    """The same function with what every batch norm and ReLU give the next convolution computed again in training."""
    children = [(name, recomputing(child)) for name, child in network.children]
    stretch = {"batch_norm": normalized_late, "relu": active_late, "conv": convolved_again}
    for i in range(len(children) - 2) if network.kind == "serial" else ():
        part = children[i : i + 3]
        if [child.kind for _, child in part] == list(stretch):
            children[i : i + 3] = [
                (name, replace(child, forward=partial(stretch[child.kind], child.forward))) for name, child in part
            ]
    return replace(network, children=tuple(children)) if children else network


def normalized_late(forward: Forward, x: Array, call: Call) -> tuple[Array | Late, Leaves]:
    y, statistics = forward(x, call)
    if not call.training or is_spread():
        return y, statistics
    return Late(alone(forward, call), x, call.leaves), statistics


def active_late(forward: Forward, x: Array | Late, call: Call) -> tuple[Array | Late, Leaves]:
    if not isinstance(x, Late):
        return forward(x, call)
    before, active = x.apply, alone(forward, call)
    return replace(x, apply=lambda x, vectors: active(before(x, vectors), {})), {}


def convolved_again(forward: Forward, x: Array | Late, call: Call) -> tuple[Array, Leaves]:
    if not isinstance(x, Late):
        return forward(x, call)
    return again(x.apply, alone(forward, call), x.x, x.vectors, call.leaves), {}


def alone(forward: Forward, call: Call) -> Apply:
    """A layer as a function of its input and its leaves, all else as it was called."""
    return lambda x, leaves: forward(x, replace(call, leaves=leaves, statistics={}))[0]
