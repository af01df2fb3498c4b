"""From the settings of a layer (stride, padding, dilation, groups) to the static geometry of its windows.

Everything here is plain Python on integers: it runs while JAX traces, and what a user gets wrong is said here, before
anything is compiled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

import numpy as np

from jaxcnn.lowering.window import Sizes, Window

Padding = str | int | Sequence[tuple[int, int]]
Ints = int | Sequence[int]


def window(
    layer: str,
    input: Sizes,
    size: Sizes,
    *,
    stride: Ints = 1,
    padding: Padding = "VALID",
    dilation: Ints = 1,
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


def per_axis(layer: str, name: str, value: Ints, rank: int) -> Sizes:
    """One positive integer per spatial axis, from one integer or a sequence."""
    values = tuple(value) if isinstance(value, Sequence) else (value,) * rank
    if not all(is_integer(v) for v in values):
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

    "VALID" pads nothing; "SAME" pads so that output = ceil(n / s), an odd one at the high end (ledger S1.04).
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
        return ((int(padding), int(padding)),) * rank
    pairs = tuple(padding) if isinstance(padding, Sequence) else ()
    if not pairs or not all(isinstance(p, Sequence) and len(p) == 2 and all(map(is_integer, p)) for p in pairs):
        raise TypeError(
            f'{layer}: padding must be "VALID", "SAME", an integer, or a (low, high) pair of integers per spatial '
            f"axis, got {padding!r}"
        )
    if len(pairs) != rank:
        raise ValueError(f"{layer}: padding={padding!r} has {len(pairs)} pairs but x has {rank} spatial axes")
    return tuple((low, high) for low, high in np.array(pairs).tolist())


def is_integer(value: object) -> TypeGuard[int]:
    """An int or a numpy integer, but no bool."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def transposed_window(
    layer: str, output: Sizes, size: Sizes, *, stride: Ints, padding: Padding, dilation: Ints, groups: int
) -> Window:
    """The window of the convolution whose output has the given sizes: what a transposed convolution transposes.

    >>> transposed_window("conv_transpose", (7,), (3,), stride=2, padding="SAME", dilation=1, groups=1).input
    (14,)
    """
    rank = len(output)
    strides = per_axis(layer, "stride", stride, rank)
    dilations = per_axis(layer, "dilation", dilation, rank)
    spans = tuple(d * (f - 1) + 1 for f, d in zip(size, dilations, strict=True))
    if padding == "SAME":
        input = tuple(n * s for n, s in zip(output, strides, strict=True))
    elif padding == "VALID":
        input = tuple((n - 1) * s + max(span, s) for n, s, span in zip(output, strides, spans, strict=True))
    else:
        pairs = padding_pairs(layer, padding, output, size, strides, dilations)
        input = tuple(
            (n - 1) * s + span - low - high
            for n, s, span, (low, high) in zip(output, strides, spans, pairs, strict=True)
        )
        for axis, n in enumerate(input):
            if n < 1:
                raise ValueError(
                    f"{layer}: padding {pairs[axis]} on spatial axis {axis} leaves no output of the "
                    f"{(output[axis] - 1) * strides[axis] + spans[axis]} that {output[axis]} inputs reach; pad less"
                )
    return window(layer, input, size, stride=strides, padding=padding, dilation=dilations, groups=groups)
