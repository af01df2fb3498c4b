r"""Translation equivariance and invariance, measured layer by layer (seed 3, exercise 3).

    equivariance error of a layer at the shift d:   | f(shift(x, d)) - shift(f(x), d / stride) |  /  | f(x) |
    invariance error of a layer at the shift d:     | f(shift(x, d)) - f(x) |  /  | f(x) |

Shifts fill with zeros. A convolution of stride 1 is equivariant where its windows see neither padding nor what moved
in; a stride makes it so only for shifts that are its multiples (elsewhere the best of the nearest shifts of the output
is taken); a pool is equivariant like a strided layer, and a little invariant inside its windows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis.linear_maps.sizes import Field, all_fields
from jaxcnn.networks import Call, Network, flat

Shift = tuple[int, int]
Errors = dict[str, np.ndarray]


@jax.jit
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


def activities(network: Network, params: Any, x: jax.Array, state: Any = None) -> dict[str, jax.Array]:
    """Every layer's output y[n, ...], by path; batch norm with its running statistics, `state`."""
    found: dict[str, jax.Array] = {}
    given, kept = flat(params), flat(state)

    def visit(path: str, layer: Network, x: jax.Array) -> jax.Array:
        leaves = {name: given[f"{path}/{name}"] for name in layer.leaves(x.shape[1:])}
        statistics = {name: kept[f"{path}/{name}"] for name in layer.statistics(x.shape[1:])}
        found[path], _ = layer.forward(x, Call(path, leaves, statistics))
        return found[path]

    network.run(x, visit)
    return found


def equivariance_errors(
    network: Network, params: Any, x: jax.Array, shifts: Sequence[Shift], *, state: Any = None, interior: bool = False
) -> Errors:
    """Relative equivariance error of every layer whose output is an image, at every shift: {path: [shifts]}.

    Args:
        network: of image layers first.
        x: images [n, h, w, c].
        state: running statistics, for a network with batch norm.
        interior: look only at outputs whose receptive field stays inside the image before and after the shift, where
            padding and what moved in play no part.
    """
    fields = [all_fields(network, x.shape[1:], axis) for axis in (0, 1)]
    image = (x.shape[1], x.shape[2])

    def error(path: str, before: jax.Array, after: jax.Array, by: Shift) -> float:
        seen = (fields[0][path], fields[1][path])
        return min(distance(before, after, by, to, seen, image, interior) for to in nearest(by, seen))

    return errors(network, params, x, shifts, state, error, lambda y: y.ndim == 4)


def invariance_errors(
    network: Network, params: Any, x: jax.Array, shifts: Sequence[Shift], *, state: Any = None
) -> Errors:
    """Relative change of every layer's output, image or vector, at every shift: {path: [shifts]}."""

    def error(path: str, before: jax.Array, after: jax.Array, by: Shift) -> float:
        return relative(after - before, before)

    return errors(network, params, x, shifts, state, error, lambda y: True)


def errors(
    network: Network,
    params: Any,
    x: jax.Array,
    shifts: Sequence[Shift],
    state: Any,
    error: Callable[[str, jax.Array, jax.Array, Shift], float],
    is_measured: Callable[[jax.Array], bool],
) -> Errors:
    """`error(path, before, after, shift)` of the layers that are measured, at every shift."""
    observe = jax.jit(lambda x: activities(network, params, x, state))
    seen = observe(x)
    paths = [site.path for site in network.sites(x.shape[1:]) if is_measured(seen[site.path])]  # in running order
    found: dict[str, list[float]] = {path: [] for path in paths}
    for by in shifts:
        after = observe(shift(x, by))
        for path in paths:
            found[path].append(error(path, seen[path], after[path], by))
    return {path: np.array(values) for path, values in found.items()}


def nearest(by: Shift, seen: tuple[Field, Field]) -> list[Shift]:
    """The shifts of the output nearest to a shift of the input: by / stride, rounded down and up."""
    rounded = [{steps // field.stride, -(-steps // field.stride)} for steps, field in zip(by, seen, strict=True)]
    return [(down, right) for down, right in product(*rounded)]


def distance(
    y: jax.Array, after: jax.Array, by: Shift, to: Shift, seen: tuple[Field, Field], image: Shift, interior: bool
) -> float:
    """| after - shift(y, to) | / | y |, over all outputs or over those that see only image."""
    difference = after - shift(y, to)
    if interior:
        rows, columns = (clear(y.shape[1 + k], image[k], by[k], to[k], seen[k]) for k in (0, 1))
        difference = jnp.where(np.multiply.outer(rows, columns)[None, :, :, None], difference, 0)
    return relative(difference, y)


def relative(difference: jax.Array, y: jax.Array) -> float:
    return float(jnp.linalg.norm(difference) / jnp.maximum(jnp.linalg.norm(y), 1e-30))


def clear(outputs: int, n: int, by: int, to: int, field: Field) -> np.ndarray:
    """Outputs along one axis that see old image only after the shift, and whose origin saw only image before it."""
    low = field.start + field.stride * np.arange(outputs)
    origin = low - field.stride * to
    is_old = (low >= max(0, by)) & (low + field.size <= n + min(0, by))
    return is_old & (origin >= 0) & (origin + field.size <= n)


def invariances(layer: Any, x: jax.Array, reach: int = 1) -> np.ndarray:
    """For every output unit of `layer(x)` and every shift of up to `reach`: is its value unchanged?

    Returns:
        [2 reach + 1, 2 reach + 1, *one example's output]; the first two axes are (dy, dx) from -reach to reach.
    """
    y = layer(x)
    steps = range(-reach, reach + 1)
    return np.array([[np.asarray(layer(shift(x, (down, right))) == y)[0] for right in steps] for down in steps])
