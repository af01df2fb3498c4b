"""Windows: where each output position looks in the input, per spatial axis, as static numbers.

An axis of n inputs, a window of f taps, stride s, dilation d and padding (low, high) gives

    span   = d (f - 1) + 1                                 inputs under one window
    output = floor((n + low + high - span) / s) + 1        seed 3, eq. 7, with the floor it leaves out

and output position o meets input position s o + d t - low at tap t.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
