"""A window seen from its inputs: which outputs reach an input, and at which tap.

    i = s q + a                    input i is place a of block q                                  0 <= a < s per axis
    s m + a + low = d t            output o = q - m reaches it at tap t: at most one for each move m
    spread(y)[i]                   = sum over m of y[q - m]'s share for that tap

There are ceil(span / s) moves per axis, or one more where low is no multiple of s: one, and so nothing to add, for
windows side by side and for a single one. Whole blocks are padded and compared, without holes between them: XLA fuses
that into one pass of contiguous reads, and LLVM writes a loop without branches for each choice of a few pads. Of many
moves the outputs are padded once, before. No scatter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxcnn.lowering.fusion import stored
from jaxcnn.lowering.taps import crop
from jaxcnn.lowering.window import Sizes, Window

FEW = 9  # moves: windows of 5x5 and stride 1, which have 25, take 15 ms with a pad for each and 3.0 with one for all


def blocks(window: Window) -> Sizes:
    """Blocks per axis; the last one may be cut off."""
    return tuple(-(-n // s) for n, s in zip(window.input, window.stride, strict=True))


def moves_along(window: Window, axis: int) -> list[tuple[int, np.ndarray]]:
    """Every move along one axis that leads from an output to a block, with the tap for each place: [stride], or -1."""
    f, s, d, low = window.size[axis], window.stride[axis], window.dilation[axis], window.padding[axis][0]
    first = max(-((low + s - 1) // s), 1 - window.output[axis])
    last = min((window.span[axis] - 1 - low) // s, blocks(window)[axis] - 1)
    found = []
    for m in range(first, last + 1):
        tap, rest = np.divmod(s * m + np.arange(s) + low, d)
        found.append((m, np.where((rest == 0) & (0 <= tap) & (tap < f), tap, -1)))
    return found


def moves(window: Window) -> list[tuple[Sizes, np.ndarray]]:
    """Every move, with the number of the tap (row-major) for each place of a block: [*stride], -1 for none."""
    found = []
    for along in product(*(moves_along(window, axis) for axis in range(len(window.size)))):
        move, tap = zip(*along, strict=True)
        grid = np.stack(np.meshgrid(*tap, indexing="ij"))  # [axes, *stride]
        number = reduce(lambda number, axis: number * axis[1] + axis[0], zip(grid, window.size, strict=True), 0)
        found.append((move, np.where(grid.min(0) < 0, -1, number)))
    return [(move, tap) for move, tap in found if tap.max() >= 0]


def spread(share: Callable[..., jax.Array], window: Window, *arrays: jax.Array) -> jax.Array:
    """The sum over all moves of share(tap, *moved arrays): [n, *input, c] from arrays [n, *output, c].

    `share` is given the taps as [*stride] numbers, and the arrays as [n, *(block, place), c] or, where a block is one
    input, as they are: then what is shared is moved, so that the arrays need not be.
    """
    sizes = zip(window.stride, window.input, window.output, strict=True)
    window = replace(window, stride=tuple(max(s, n) if o == 1 else s for s, n, o in sizes))  # one output, one block

    found = moves(window)
    along = list(zip(*(move for move, _ in found), strict=True))
    least, most = tuple(map(min, along)), tuple(map(max, along))
    is_many = len(found) > FEW
    if is_many:
        arrays = tuple(moved(a, window, most, least) for a in arrays)

    def moved_share(move: Sizes, tap: np.ndarray) -> jax.Array:
        if tap.size == 1 and not is_many:
            return moved(share(tap, *arrays), window, move, move)
        there = [cut(a, window, move, most) if is_many else moved(a, window, move, move) for a in arrays]
        return share(tap, *(there if tap.size == 1 else (at_places(a, window.stride) for a in there)))

    n, *_, c = arrays[-1].shape
    shares = [moved_share(move, tap) for move, tap in found]
    if not shares:  # every window sees padding only
        return jnp.zeros((n, *window.input, c), arrays[-1].dtype)
    covered = (u * s for u, s in zip(blocks(window), window.stride, strict=True))
    in_order = reduce(lax.add, shares).reshape(n, *covered, c)
    return stored(lax.slice(in_order, (0,) * in_order.ndim, (n, *window.input, c)))


def moved(a: jax.Array, window: Window, first: Sizes, last: Sizes) -> jax.Array:
    """a[n, q - first, c] for every block q and for as many more as other moves down to the last need; zeros outside."""
    ends = zip(first, last, blocks(window), window.output, strict=True)
    padding = [(m, u - o - end) for m, end, u, o in ends]
    positive = [(max(low, 0), max(high, 0), 0) for low, high in padding]
    return lax.pad(crop(a, padding), jnp.zeros((), a.dtype), ((0, 0, 0), *positive, (0, 0, 0)))  # [n, *blocks, c]


def cut(a: jax.Array, window: Window, move: Sizes, first: Sizes) -> jax.Array:
    """What `moved` gives for one move, out of what it gave for all from the first on."""
    for axis, (start, u) in enumerate(zip(np.subtract(first, move), blocks(window), strict=True), 1):
        a = lax.slice_in_dim(a, start, start + u, axis=axis)
    return a  # [n, *blocks, c]


def at_places(a: jax.Array, stride: Sizes) -> jax.Array:
    """a[n, *blocks, c] for every place of a block: [n, *(block, place), c]."""
    pairs = [size for pair in zip(a.shape[1:-1], stride, strict=True) for size in pair]
    kept = (0, *range(1, len(pairs), 2), len(pairs) + 1)
    return lax.broadcast_in_dim(a, (a.shape[0], *pairs, a.shape[-1]), kept)


def by_place(values: np.ndarray, like: jax.Array) -> jax.Array:
    """Numbers [*stride] for every block of `like`."""
    if values.size == 1:
        return lax.full_like(like, values.item(), values.dtype)
    return lax.broadcast_in_dim(values, like.shape, tuple(range(2, like.ndim - 1, 2)))
