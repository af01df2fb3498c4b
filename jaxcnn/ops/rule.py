r"""The one place where a layer touches `jax.custom_vjp`: a function, what it keeps, and its handwritten backward.

    y = function(*arrays, **settings)
    d = backward(kept, dy, **settings)        one cotangent per array, in the arrays' order

A cotangent must have its primal's type, and JAX leaves that to whoever writes the rule: it takes a float32 gradient for
a bfloat16 parameter in silence, refuses under `shard_map` a gradient that was not summed over the mesh axes its primal
does not vary on, and refuses on a mesh with explicit axes every sum, window and reshape that does not say where its
result lies. All three are put right here, once, so that every `backward` in this project is mathematics alone.

`kept` is computed from the rule's own result, never by differentiating through `function`: a second derivative meets
handwritten rules only.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import partial, wraps
from typing import Any

import jax

Cotangents = tuple[Any, ...]
Settings = tuple[tuple[str, Any], ...]


@jax.tree_util.register_static
class Types(tuple[Any, ...]):
    """The types of a rule's primals, carried from forward to backward beside the kept arrays."""


class Result(Enum):
    """How a result lies on a mesh with explicit axes, beside the first of the arrays."""

    ALIKE = "as the array does, element by element: JAX can tell by itself"
    BATCH = "along the first axis as the array does; all of the other axes on every device"
    WHOLE = "whole on every device: it is a sum over the batch"


def keep_arguments(arguments: tuple[Any, ...], y: Any) -> Any:
    """What a bilinear form needs backward: its arguments, which live in memory already."""
    return arguments


def rule(
    function: Callable[..., Any],
    backward: Callable[..., Cotangents],
    keep: Callable[[tuple[Any, ...], Any], Any] = keep_arguments,
    result: Result = Result.BATCH,
) -> Callable[..., Any]:
    """Register `backward` as the gradient of `function(*arrays, **settings)`.

    Args:
        function: the forward pass; arrays by position, hashable static settings (a `Window`, a number) by name.
        backward: `(kept, dy, **settings)` to one cotangent per array; None where an array has none (integers, masks).
        keep: `(arrays, y)` to what the backward pass needs.
        result: how y lies on a mesh with explicit axes; each cotangent lies as its primal does.

    >>> import jax.numpy as jnp
    >>> square = rule(lambda x: x * x, lambda kept, dy: (2 * kept[0] * dy,))
    >>> float(jax.grad(square)(jnp.float32(3)))
    6.0
    """

    # Called eagerly, each is compiled once per shape and settings; inside another `jit` they are written out there.
    @partial(jax.jit, static_argnums=0, inline=True)
    def forward_pass(settings: Settings, *arrays: Any) -> Any:
        compute = partial(function, **dict(settings))
        if result is Result.ALIKE:
            return compute(*arrays)
        batch = jax.typeof(arrays[0]).sharding.spec[:1] if result is Result.BATCH else ()
        return placed(compute, jax.P(*batch), arrays)

    @partial(jax.jit, static_argnums=(0, 1), inline=True)
    def backward_pass(settings: Settings, types: Types, kept: Any, dy: Any) -> Cotangents:
        compute = partial(backward, **dict(settings))
        if result is Result.ALIKE:
            return compute(kept, dy)
        return placed(compute, tuple(primal.sharding.spec for primal in types), (kept, dy))

    call = jax.custom_vjp(forward_pass, nondiff_argnums=(0,))

    def forward(settings: Settings, *arrays: Any) -> tuple[Any, tuple[Any, Types]]:
        y = call(settings, *arrays)
        return y, (keep(arrays, y), Types(jax.typeof(array) for array in arrays))

    def backwards(settings: Settings, saved: tuple[Any, Types], dy: Any) -> Cotangents:
        kept, types = saved
        cotangents = backward_pass(settings, types, kept, dy)
        return tuple(as_cotangent(cotangent, type_) for cotangent, type_ in zip(cotangents, types, strict=True))

    call.defvjp(forward, backwards)

    @wraps(function)
    def named(*arrays: Any, **settings: Any) -> Any:
        return call(tuple(settings.items()), *arrays)

    return named


def as_cotangent(cotangent: Any, primal: Any) -> Any:
    """The cotangent in its primal's dtype, summed over the mesh axes on which the primal does not vary."""
    if cotangent is None:
        return None
    extra = tuple(varying(jax.typeof(cotangent)) - varying(primal))
    if extra:
        cotangent = jax.lax.psum(cotangent, extra)
    return cotangent.astype(primal.dtype)


def placed(function: Callable[..., Any], places: Any, arguments: tuple[Any, ...]) -> Any:
    """function(*arguments); where their types say how they lie on a mesh, its results lie as `places` says.

    Inside, the compiler distributes the work: no sum, window or reshape has to name a place.
    """
    meshes = (jax.typeof(leaf).sharding.mesh for leaf in jax.tree.leaves(arguments))
    mesh = next((mesh for mesh in meshes if mesh.explicit_axes), None)
    if mesh is None:
        return function(*arguments)
    with jax.sharding.use_abstract_mesh(mesh):
        return jax.sharding.auto_axes(function, out_sharding=places)(*arguments)


def varying(type_: Any) -> frozenset[str]:
    """Mesh axes over which an array differs from device to device (empty outside `shard_map`)."""
    return frozenset(type_.manual_axis_type.varying)
