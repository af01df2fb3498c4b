"""What a piecewise-linear network is made of: affine maps, kinks, maxima and sums, on float64 rows [b, size].

Every operation knows its value; how large the rounding of that value is (`size`, in units of the float epsilon); how
tangents pass through it, and cotangents back; and how an error of its input bounds the error of its output (`error`,
rigorous, in the Euclidean norm of a row).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray

UNIT = np.finfo(float).eps / 2  # relative error of one rounded operation


class Operation:
    """What the graph asks of every operation; `inputs` alternate a row block and what belongs to it, input by input."""

    def value(self, *inputs: Any, **_: Any) -> Array:
        """The rows after the operation."""
        raise NotImplementedError

    def size(self, *inputs: Any, **_: Any) -> Array:
        """From rows and their sizes [in]: how large the terms were that each output was summed from, [out]."""
        raise NotImplementedError

    def tangent(self, *inputs: Any, **_: Any) -> Array:
        """From rows [b, in] and tangents [.., b, in]: the tangents after the operation."""
        raise NotImplementedError

    def cotangent(self, *inputs: Any, **_: Any) -> tuple[Array, ...]:
        """From a cotangent of the rows after the operation and the rows before it: one cotangent per input."""
        raise NotImplementedError

    def error(self, *inputs: Any, **_: Any) -> Array:
        """From rows and bounds [b] of their errors: a bound of the error after the operation."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Affine(Operation):
    """y = linear(x) + bias.

    Fields: transpose: the adjoint of `linear`; bias [out]; rows [out]: the Euclidean norm of each output's
    coefficients; terms: how many of them; gain and absolute_gain: bounds of the spectral norm of the coefficients
    (found when an error bound asks for it) and of their absolute values; inherent [out]: the size of what the
    coefficients themselves were rounded from; scratch: floats that one row takes on its way.
    """

    linear: Callable[[Array], Array]
    transpose: Callable[[Array], Array]
    bias: Array
    rows: Any
    terms: int
    gain: Callable[[], float]
    absolute_gain: float
    inherent: Any = 0.0
    scratch: int = 1

    def value(self, x: Array) -> Array:
        y = self.linear(x)
        y += self.bias
        return y

    def size(self, x: Array, size: Array) -> Array:
        reach = np.sqrt(np.vecdot(x, x).max())
        if self.terms < x.shape[1]:
            reach = min(reach, np.sqrt(self.terms) * np.abs(x).max())
        earlier = min(np.sqrt(np.square(size).mean()), size.max())
        return self.rows * (reach + earlier) + np.abs(self.bias) + self.inherent

    def tangent(self, x: Array, dx: Array) -> Array:
        return self.linear(dx.reshape(-1, dx.shape[-1])).reshape(*dx.shape[:-1], -1)

    def cotangent(self, dy: Array, x: Array) -> tuple[Array]:
        return (self.transpose(dy),)

    def error(self, x: Array, error: Array) -> Array:
        rounding = (self.terms + 2) * UNIT
        own = rounding * (self.absolute_gain * np.linalg.norm(x, axis=1) + np.linalg.norm(self.bias))
        return self.gain() * error + own + rounding * np.linalg.norm(np.broadcast_to(self.inherent, self.bias.shape))

    def row_error(self, x: Array, error: Array) -> tuple[Array, Array, Array]:
        """The same bound for every output on its own: reach [b], rows [out], rest [out] of reach rows + rest."""
        rounding = (self.terms + 2) * UNIT
        rows = np.broadcast_to(self.rows, self.bias.shape)
        return error + rounding * np.linalg.norm(x, axis=1), rows, rounding * (np.abs(self.bias) + self.inherent)


@dataclass(frozen=True)
class Kink(Operation):
    """A continuous piecewise-linear function of each value: slopes between thresholds, 0 at 0 or as `anchor` says.

    `anchor` is the value at the first threshold.
    """

    thresholds: tuple[float, ...]
    slopes: tuple[float, ...]
    anchor: float = 0.0

    def value(self, x: Array) -> Array:
        if self.thresholds == (0.0,) and self.slopes == (0.0, 1.0):
            return np.maximum(x, 0)
        first = self.thresholds[0]
        y = self.anchor + self.slopes[0] * np.minimum(x - first, 0)
        for low, high, slope in zip(self.thresholds, (*self.thresholds[1:], np.inf), self.slopes[1:], strict=True):
            y += slope * (np.clip(x, low, high) - low)
        return y

    def piece(self, x: Array) -> Array:
        """Which piece a value lies on, 0 left of all thresholds; a threshold belongs to the piece on its left."""
        return sum(((x > threshold).astype(np.int8) for threshold in self.thresholds), np.zeros(x.shape, np.int8))

    def size(self, x: Array, size: Array) -> Array:
        return size * max(map(abs, self.slopes))

    def tangent(self, x: Array, dx: Array) -> Array:
        return np.asarray(self.slopes)[self.piece(x)] * dx

    def cotangent(self, dy: Array, x: Array) -> tuple[Array]:
        return (self.tangent(x, dy),)

    def error(self, x: Array, error: Array) -> Array:
        return error * max(map(abs, self.slopes)) + 4 * UNIT * np.linalg.norm(x, axis=1)

    @property
    def monotone(self) -> bool:
        return min(self.slopes) >= 0


RELU = Kink((0.0,), (0.0, 1.0))
ABSOLUTE = Kink((0.0,), (-1.0, 1.0))
HARD_TANH = Kink((-1.0, 1.0), (0.0, 1.0, 0.0), -1.0)


def leaky(negative_slope: float) -> Kink:
    """max(z, negative_slope z) for slopes below 1."""
    return Kink((0.0,), (float(negative_slope), 1.0))


@dataclass(frozen=True, eq=False)
class Maximum(Operation):
    """The largest of some input columns per output: index [out, candidates], -1 where there is none.

    With `floor` the constant 0 competes too: relu(max(..)) = max(relu(..)) = max(.., 0), where a tie of switched-off
    candidates, which cuts nothing off, does not count as a wall.
    """

    index: Array
    floor: bool = False
    shared: int = field(init=False)

    def __post_init__(self) -> None:
        counts = np.bincount(self.index[self.index >= 0])
        object.__setattr__(self, "shared", int(counts.max()))

    def candidate(self, x: Array, k: int) -> Array:
        """The k-th candidate of every output, -inf where there is none, [b, out]."""
        column = self.index[:, k]
        z = np.take(x, np.maximum(column, 0), axis=1)
        z[:, column < 0] = -np.inf
        return z

    def value(self, x: Array) -> Array:
        best = self.candidate(x, 0)
        for k in range(1, self.index.shape[1]):
            np.maximum(best, self.candidate(x, k), out=best)
        return np.maximum(best, 0, out=best) if self.floor else best

    def winner(self, x: Array) -> Array:
        """Which candidate is largest, int8 [b, out]; the first of several, but the floor, numbered last, wins ties."""
        best = self.candidate(x, 0)
        found = np.zeros(best.shape, np.int8)
        for k in range(1, self.index.shape[1]):
            z = self.candidate(x, k)
            found[z > best] = k
            np.maximum(best, z, out=best)
        if self.floor:
            found[best <= 0] = self.index.shape[1]
        return found

    def lead(self, x: Array) -> Array:
        """By how much the winner leads before the next, [b, out]; inf where it has no rival."""
        rows = [self.candidate(x, k) for k in range(self.index.shape[1])]
        rows += [np.zeros_like(rows[0])] * self.floor + [np.full_like(rows[0], -np.inf)]
        best, second = np.maximum(rows[0], rows[1]), np.minimum(rows[0], rows[1])
        for row in rows[2:]:
            np.maximum(second, np.minimum(best, row), out=second)
            np.maximum(best, row, out=best)
        return best - second

    def size(self, x: Array, size: Array) -> Array:
        return np.where(self.index >= 0, size[self.index], 0).max(axis=1)

    def tangent(self, x: Array, dx: Array) -> Array:
        index = np.concatenate([self.index, np.full((len(self.index), 1), -1)], axis=1)
        column = np.take_along_axis(index[None], self.winner(x)[..., None], axis=2)[..., 0]
        return np.where(column >= 0, dx[..., np.arange(len(x))[:, None], column], 0)

    def cotangent(self, dy: Array, x: Array) -> tuple[Array]:
        winner, dx = self.winner(x), np.zeros(x.shape)
        for k, column in enumerate(self.index.T):  # of the k-th candidates no two outputs share one
            dx[:, column[column >= 0]] += np.where(winner == k, dy, 0)[:, column >= 0]
        return (dx,)

    def error(self, x: Array, error: Array) -> Array:
        return error * np.sqrt(self.shared)


@dataclass(frozen=True, eq=False)
class Sum(Operation):
    """Two branches that meet."""

    def value(self, x: Array, y: Array) -> Array:
        return x + y

    def size(self, x: Array, size_x: Array, y: Array, size_y: Array) -> Array:
        return size_x + size_y

    def tangent(self, x: Array, dx: Array, y: Array, dy: Array) -> Array:
        return dx + dy

    def cotangent(self, dy: Array, x: Array, y: Array) -> tuple[Array, Array]:
        return dy, dy

    def error(self, x: Array, error_x: Array, y: Array, error_y: Array) -> Array:
        return error_x + error_y + UNIT * np.linalg.norm(x + y, axis=1)
