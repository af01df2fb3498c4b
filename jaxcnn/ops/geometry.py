"""Windows: where each output position looks in the input, per spatial axis, as static numbers.

An axis of n inputs, a window of f taps, stride s, dilation d and padding (low, high) gives

    span   = d (f - 1) + 1                                 inputs under one window
    output = floor((n + low + high - span) / s) + 1        seed 3, eq. 7, with the floor it leaves out

and output position o meets input position s o + d t - low at tap t. Everything here is plain Python on integers:
it runs while JAX traces, and what a user gets wrong is said here, before anything is compiled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Padding = str | int | Sequence[tuple[int, int]]
Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Window:
    """The geometry of a sum (or maximum) over windows; hashable, so that it can be a static argument.

    Shapes: every tuple has one entry per spatial axis; `padding` holds (low, high) pairs, where a negative number
    crops. `groups` splits the channels of a convolution and is 1 for a pool.
    """

    input: Sizes
    size: Sizes
    stride: Sizes
    padding: tuple[tuple[int, int], ...]
    dilation: Sizes
    groups: int = 1

    @property
    def span(self) -> Sizes:
        """Inputs under one window, per axis: d (f - 1) + 1."""
        return tuple(d * (f - 1) + 1 for f, d in zip(self.size, self.dilation, strict=True))

    @property
    def output(self) -> Sizes:
        """Output positions per axis: floor((n + low + high - span) / s) + 1."""
        return tuple(
            (n + low + high - span) // s + 1
            for n, (low, high), span, s in zip(self.input, self.padding, self.span, self.stride, strict=True)
        )

    def positions(self, axis: int) -> np.ndarray:
        """Input position under output o and tap t along one axis (outside 0..n-1: padding)."""
        o, t = np.arange(self.output[axis])[:, None], np.arange(self.size[axis])
        return self.stride[axis] * o + self.dilation[axis] * t - self.padding[axis][0]  # [output, tap]

    def inside(self, axis: int) -> np.ndarray:
        """Whether that position lies in the input."""
        positions = self.positions(axis)
        return (positions >= 0) & (positions < self.input[axis])  # [output, tap]


def window(
    layer: str,
    input: Sizes,
    size: Sizes,
    *,
    stride: int | Sequence[int] = 1,
    padding: Padding = "VALID",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Window:
    """Normalise and check the settings of one layer; `layer` names it in the messages.

    >>> window("conv", (28, 28), (5, 5), stride=2, padding="SAME").output
    (14, 14)
    """
    rank = len(input)
    stride = per_axis(layer, "stride", stride, rank)
    dilation = per_axis(layer, "dilation", dilation, rank)
    size = per_axis(layer, "window", size, rank)
    pairs = padding_pairs(layer, padding, input, size, stride, dilation)
    for axis, (n, (low, high)) in enumerate(zip(input, pairs, strict=True)):
        if n < 1:
            raise ValueError(f"{layer}: spatial axis {axis} of x is empty; give it at least one position")
        if low + high <= -n or low <= -n or high <= -n:
            raise ValueError(
                f"{layer}: padding ({low}, {high}) on spatial axis {axis} crops all of its {n} positions; "
                f"a negative padding must leave at least one"
            )
    result = Window(tuple(input), size, stride, pairs, dilation, groups)
    for axis, (n, (low, high), span) in enumerate(zip(input, pairs, result.span, strict=True)):
        if span > n + low + high:
            raise ValueError(
                f"{layer}: the window spans {span} positions on spatial axis {axis} (size {size[axis]}, dilation "
                f"{dilation[axis]}) but the padded input has only {n + low + high} ({n} with padding ({low}, {high})); "
                f"use a smaller window or more padding"
            )
    return result


def per_axis(layer: str, name: str, value: int | Sequence[int], rank: int) -> Sizes:
    """One positive integer per spatial axis, from one integer or a sequence."""
    values = (value,) * rank if is_integer(value) else tuple(value) if isinstance(value, Sequence) else None
    if values is None or not all(is_integer(v) for v in values):
        raise TypeError(f"{layer}: {name} must be an integer or a sequence of integers, got {value!r}")
    if len(values) != rank:
        raise ValueError(
            f"{layer}: {name}={value!r} has {len(values)} entries but x has {rank} spatial axes; "
            f"give one integer or {rank}"
        )
    if any(v < 1 for v in values):
        raise ValueError(f"{layer}: {name} must be at least 1 on every axis, got {value!r}")
    return tuple(int(v) for v in values)


def padding_pairs(
    layer: str, padding: Padding, input: Sizes, size: Sizes, stride: Sizes, dilation: Sizes
) -> tuple[tuple[int, int], ...]:
    """(low, high) per axis from a word, an integer, or explicit pairs.

    "VALID" pads nothing. "SAME" pads so that output = ceil(n / s), the odd one at the high end (S1.04 for even windows).
    """
    rank = len(input)
    if isinstance(padding, str):
        if padding not in ("VALID", "SAME"):
            raise ValueError(
                f'{layer}: unknown padding {padding!r}; use "VALID", "SAME", an integer, or (low, high) per axis'
            )
        if padding == "VALID":
            return ((0, 0),) * rank
        totals = [
            max((-(-n // s) - 1) * s + d * (f - 1) + 1 - n, 0)
            for n, f, s, d in zip(input, size, stride, dilation, strict=True)
        ]
        return tuple((total // 2, total - total // 2) for total in totals)
    if is_integer(padding):
        return ((int(padding), int(padding)),) * rank  # type: ignore[arg-type]
    pairs = tuple(padding) if isinstance(padding, Sequence) else ()
    if not pairs or not all(isinstance(p, Sequence) and len(p) == 2 and all(map(is_integer, p)) for p in pairs):
        raise TypeError(
            f'{layer}: padding must be "VALID", "SAME", an integer, or a (low, high) pair of integers per spatial axis, '
            f"got {padding!r}"
        )
    if len(pairs) != rank:
        raise ValueError(f"{layer}: padding={padding!r} has {len(pairs)} pairs but x has {rank} spatial axes")
    return tuple((int(low), int(high)) for low, high in pairs)


def is_integer(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
