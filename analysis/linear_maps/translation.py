r"""Translation equivariance and invariance, measured layer by layer (seed 3, exercise 3).

    equivariance error of a layer at the shift d:   | f(shift(x, d)) - shift(f(x), d / stride) |  /  | f(x) |
    invariance of an output unit at the shift d:    f(shift(x, d)) = f(x) there

Shifts fill with zeros. A convolution of stride 1 is equivariant where its windows see neither padding nor what moved
in; a stride makes it so only for shifts that are its multiples; a pool is equivariant like a strided layer, and a
little invariant inside its windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis.linear_maps.sizes import receptive_fields
from jaxcnn.networks import Call, Network
from jaxcnn.networks.network import flat

Shift = tuple[int, int]


def shift(x: jax.Array, by: Shift) -> jax.Array:
    """Images x[n, h, w, c] moved down by by[0] and right by by[1]; zeros move in.

    >>> shift(jnp.arange(3.0).reshape(1, 1, 3, 1), (0, -1)).ravel().tolist()
    [1.0, 2.0, 0.0]
    """
    moved = jnp.roll(x, by, (1, 2))
    for axis, steps in zip((1, 2), by, strict=True):
        position = jnp.arange(x.shape[axis])
        is_old = (position >= steps) & (position < x.shape[axis] + steps)
        moved = jnp.where(is_old.reshape([-1 if k == axis else 1 for k in range(4)]), moved, 0)
    return moved


def activities(network: Network, params: Any, x: jax.Array) -> dict[str, jax.Array]:
    """Every layer's output, by path, as long as outputs are images."""
    found: dict[str, jax.Array] = {}
    given = flat(params)

    def visit(path: str, layer: Network, x: jax.Array) -> jax.Array:
        leaves = {name: given[f"{path}/{name}"] for name in layer.leaves(x.shape[1:])}
        y, _ = layer.forward(x, Call(path, leaves, {}))
        if y.ndim == 4:
            found[path] = y
        return y

    network.run(x, visit)
    return found


def equivariance_errors(
    network: Network, params: Any, x: jax.Array, shifts: Sequence[Shift], interior: bool = False
) -> dict[str, np.ndarray]:
    """Relative equivariance error of every layer at every shift, {path: [shifts]}; NaN where the stride divides not.

    Args:
        network: serial, of image layers first.
        x: images [n, h, w, c].
        interior: look only at outputs whose receptive field stays inside the image before and after the shift, where
            padding and what moved in play no part.
    """
    before = activities(network, params, x)
    strides = layer_strides(network, x.shape[1:], before)
    errors: dict[str, list[float]] = {path: [] for path in before}
    for by in shifts:
        after = activities(network, params, shift(x, by))
        for path, y in before.items():
            errors[path].append(relative_error(y, after[path], by, strides[path], (x.shape[1], x.shape[2]), interior))
    return {path: np.array(values) for path, values in errors.items()}


def layer_strides(network: Network, input_shape: tuple[int, ...], paths: Any) -> dict[str, tuple[int, int, int]]:
    """(stride, size, start) of the receptive field at every layer; an elementwise layer has that of the one before."""
    fields = {field.path: field for field in receptive_fields(network, input_shape)}
    current, found = (1, 1, 0), {}
    for path in paths:
        if path in fields:
            current = (fields[path].stride, fields[path].size, fields[path].start)
        found[path] = current
    return found


def relative_error(
    y: jax.Array, after: jax.Array, by: Shift, field: tuple[int, int, int], image: Shift, interior: bool
) -> float:
    """| after - shift(y) | / | y |; NaN where the shift is no multiple of the layer's stride."""
    stride = field[0]
    if any(steps % stride for steps in by):
        return float("nan")
    moved = tuple(steps // stride for steps in by)
    expected = shift(y, (moved[0], moved[1]))
    kept = jnp.ones(y.shape[1:3], bool)
    if interior:
        kept = jnp.asarray(np.multiply.outer(*(clear(y.shape[1 + k], image[k], by[k], field) for k in (0, 1))))
    difference = jnp.where(kept[None, :, :, None], after - expected, 0)
    return float(jnp.linalg.norm(difference) / jnp.maximum(jnp.linalg.norm(y), 1e-30))


def clear(outputs: int, n: int, by: int, field: tuple[int, int, int]) -> np.ndarray:
    """Outputs along one axis that see image only, both of the shifted image and of its origin."""
    stride, size, start = field
    low = start + stride * np.arange(outputs)
    high = low + size - 1
    return (np.minimum(low, low - by) >= max(0, by)) & (np.maximum(high, high - by) <= n - 1 + min(0, by))


def invariances(layer: Any, x: jax.Array, reach: int = 1) -> np.ndarray:
    """For every output unit of `layer(x)` and every shift of up to `reach`: is its value unchanged?

    Returns:
        [2 reach + 1, 2 reach + 1, *one example's output]; the first two axes are (dy, dx) from -reach to reach.
    """
    y = layer(x)
    steps = range(-reach, reach + 1)
    return np.array([[np.asarray(layer(shift(x, (down, right))) == y)[0] for right in steps] for down in steps])
