"""What every layer asks of its arrays, and how it says no: the argument, the value, the rule, the remedy."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def floating(layer: str, **arrays: Any) -> list[jax.Array]:
    """The named arguments as arrays of one floating dtype."""
    found = {name: jnp.asarray(array) for name, array in arrays.items()}
    for name, array in found.items():
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError(
                f"{layer}: {name} is {array.dtype} but a gradient needs floats; "
                f"convert it first, for example {name}.astype(jnp.float32)"
            )
    (first, dtype), *others = ((name, array.dtype) for name, array in found.items())
    for name, other in others:
        if other != dtype:
            raise TypeError(
                f"{layer}: {first} is {dtype} but {name} is {other}; all arrays must have one dtype, "
                f"for example {name}.astype({first}.dtype)"
            )
    return list(found.values())


def shape(name: str, array: jax.Array) -> str:
    """An array as messages show it: x[32, 28, 28, 3]."""
    return f"{name}[{', '.join(map(str, array.shape))}]"


def images(layer: str, x: jax.Array) -> tuple[int, ...]:
    """The spatial sizes of x[n, *spatial, c], checked: one to three spatial axes, nothing empty."""
    if not 3 <= x.ndim <= 5:
        raise ValueError(
            f"{layer}: x must be [n, *spatial, c] with 1, 2 or 3 spatial axes, got {shape('x', x)}; "
            f"add the batch or channel axis with x[None] or x[..., None]"
        )
    filled(layer, "x", x)
    return x.shape[1:-1]


def filled(layer: str, name: str, array: jax.Array) -> None:
    """No axis of length zero: an empty batch has no mean and no gradient worth taking."""
    if 0 in array.shape:
        axis = array.shape.index(0)
        what = "the batch is empty" if axis == 0 else f"axis {axis} is empty"
        raise ValueError(f"{layer}: {what}, got {shape(name, array)}; every axis needs at least one entry")
