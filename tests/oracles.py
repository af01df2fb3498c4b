"""Oracles: every linear map and every pool once more, in numpy, from the definition and exact on integers.

They share no line with `jaxcnn.ops` or `jaxcnn.reference`. A window is a 0/1 array per axis,

    reach[o, t, i] = 1  where input i lies under tap t of output o,      i = s o + d t - low,

so that stride, padding (negative too), dilation and remainders are all in one place, and the trilinear form of
convolution is one einsum over x, kernel, dy and the reaches; each map leaves one of the three arrays out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Pairs = Sequence[tuple[int, int]]


def reach(n: int, taps: int, stride: int, pad: tuple[int, int], dilation: int) -> np.ndarray:
    """Which input each tap of each output sees, along one axis."""
    span = dilation * (taps - 1) + 1
    outputs = (n + sum(pad) - span) // stride + 1
    seen = np.zeros((outputs, taps, n), np.int64)
    for o, t in np.ndindex(outputs, taps):
        i = stride * o + dilation * t - pad[0]
        if 0 <= i < n:
            seen[o, t, i] = 1
    return seen  # [output, tap, input]


def reaches(
    input: Sequence[int],
    size: Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: str | int | Pairs = "VALID",
    dilation: int | Sequence[int] = 1,
) -> list[np.ndarray]:
    """One reach per axis, from settings as a user gives them."""
    rank = len(input)
    strides, dilations = each(stride, rank), each(dilation, rank)
    pads = resolve(padding, input, size, strides, dilations)
    return [reach(*axis) for axis in zip(input, size, strides, pads, dilations, strict=True)]


def each(value: int | Sequence[int], rank: int) -> list[int]:
    return [value] * rank if isinstance(value, int) else list(value)


def resolve(
    padding: str | int | Pairs,
    input: Sequence[int],
    size: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> Pairs:
    """(low, high) per axis; "SAME" is the least padding whose output is ceil(n / s), the odd one at the high end."""
    if padding == "VALID":
        return [(0, 0)] * len(input)
    if padding == "SAME":
        needs = [
            max(0, s * ((n + s - 1) // s - 1) + d * (f - 1) + 1 - n)
            for n, f, s, d in zip(input, size, strides, dilations, strict=True)
        ]
        return [(need // 2, (need + 1) // 2) for need in needs]
    return [(padding, padding)] * len(input) if isinstance(padding, int) else padding


def split(array: np.ndarray, groups: int) -> np.ndarray:
    """The last axis as [groups, channels of one group]."""
    return array.reshape(*array.shape[:-1], groups, -1)


def join(array: np.ndarray) -> np.ndarray:
    return array.reshape(*array.shape[:-2], -1)


def contract(result: str, operands: dict[str, np.ndarray], seen: list[np.ndarray]) -> np.ndarray:
    """The trilinear form with one array left out: axes are inputs hij, outputs opq, taps rst, batch n, group g."""
    h, o, r = ("hij"[: len(seen)], "opq"[: len(seen)], "rst"[: len(seen)])
    axes = {"x": f"n{h}gc", "kernel": f"{r}cgk", "y": f"n{o}gk"}
    terms = [axes[name] for name in operands] + [f"{b}{c}{a}" for a, b, c in zip(h, o, r, strict=True)]
    return np.einsum(f"{','.join(terms)}->{axes[result]}", *operands.values(), *seen, optimize="greedy")


def conv(x: np.ndarray, kernel: np.ndarray, *, groups: int = 1, **settings: Any) -> np.ndarray:
    """y[n, o, k] = sum x kernel."""
    seen = reaches(x.shape[1:-1], kernel.shape[:-2], **settings)
    return join(contract("y", {"x": split(x, groups), "kernel": split(kernel, groups)}, seen))


def conv_dx(
    dy: np.ndarray, kernel: np.ndarray, input: Sequence[int], *, groups: int = 1, **settings: Any
) -> np.ndarray:
    """dx[n, i, c] = sum dy kernel, for an input of the given spatial sizes."""
    seen = reaches(input, kernel.shape[:-2], **settings)
    return join(contract("x", {"y": split(dy, groups), "kernel": split(kernel, groups)}, seen))


def conv_dw(x: np.ndarray, dy: np.ndarray, size: Sequence[int], *, groups: int = 1, **settings: Any) -> np.ndarray:
    """dkernel[t, c, k] = sum x dy, for a window of the given sizes."""
    seen = reaches(x.shape[1:-1], size, **settings)
    return join(contract("kernel", {"x": split(x, groups), "y": split(dy, groups)}, seen))


def transposed(
    shape: Sequence[int],
    size: Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: str | int | Pairs = "VALID",
    dilation: int | Sequence[int] = 1,
) -> tuple[list[int], dict[str, Any]]:
    """Output sizes of a transposed convolution of x[n, *shape, k], and the settings of the convolution under it."""
    rank = len(shape)
    strides, dilations = each(stride, rank), each(dilation, rank)
    spans = [d * (f - 1) + 1 for f, d in zip(size, dilations, strict=True)]
    if padding == "SAME":
        output = [n * s for n, s in zip(shape, strides, strict=True)]
        pads = [(max(f - s, 0) // 2, f - s - max(f - s, 0) // 2) for f, s in zip(spans, strides, strict=True)]
    else:
        pads = (
            [(0, -max(s - f, 0)) for f, s in zip(spans, strides, strict=True)]
            if padding == "VALID"
            else resolve(padding, shape, size, strides, dilations)
        )
        output = [(n - 1) * s + f - sum(pad) for n, s, f, pad in zip(shape, strides, spans, pads, strict=True)]
    return output, {"stride": strides, "padding": pads, "dilation": dilations}


def conv_transpose(x: np.ndarray, kernel: np.ndarray, *, groups: int = 1, **settings: Any) -> np.ndarray:
    """y[n, i, c] = sum x kernel: `conv_dx` with x in the place of dy."""
    output, forward = transposed(x.shape[1:-1], kernel.shape[:-2], **settings)
    return conv_dx(x, kernel, output, groups=groups, **forward)


def conv_transpose_dx(dy: np.ndarray, kernel: np.ndarray, input: Sequence[int], *, groups: int = 1, **settings: Any):
    """dx[n, o, k] = sum dy kernel: `conv` of the cotangent."""
    _, forward = transposed(input, kernel.shape[:-2], **settings)
    return conv(dy, kernel, groups=groups, **forward)


def conv_transpose_dw(x: np.ndarray, dy: np.ndarray, size: Sequence[int], *, groups: int = 1, **settings: Any):
    """dkernel[t, c, k] = sum dy x: `conv_dw` with the two exchanged."""
    _, forward = transposed(x.shape[1:-1], size, **settings)
    return conv_dw(dy, x, size, groups=groups, **forward)


def dense(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """y[n, o] = sum x kernel."""
    return np.einsum("ni,io->no", x, kernel)


def dense_dx(dy: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return np.einsum("no,io->ni", dy, kernel)


def dense_dw(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    return np.einsum("ni,no->io", x, dy)


def bias_db(dy: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """The sum over every axis that a bias of this shape was broadcast along."""
    return dy.sum(axis=tuple(range(dy.ndim - len(shape))))


def pool_windows(seen: list[np.ndarray]) -> Iterator[tuple[tuple[int, ...], list[tuple[int, ...]]]]:
    """Every output position with the input positions under it, taps in row-major order, padding left out."""
    for o in np.ndindex(*(axis.shape[0] for axis in seen)):
        taps = [
            [axis[position, t].nonzero()[0] for t in range(axis.shape[1])]
            for axis, position in zip(seen, o, strict=True)
        ]
        places = itertools.product(*taps)
        yield o, [tuple(int(i[0]) for i in place) for place in places if all(len(i) for i in place)]


def max_pool(x: np.ndarray, window: Sequence[int], **settings: Any) -> tuple[np.ndarray, dict[tuple[int, ...], Any]]:
    """The maxima, and for every output the input position of the first winner; NaN wins, padding never does."""
    seen = reaches(x.shape[1:-1], window, **settings)
    y = np.full((len(x), *(axis.shape[0] for axis in seen), x.shape[-1]), -np.inf)
    winners = {}
    for o, places in pool_windows(seen):
        for n, c in np.ndindex(len(x), x.shape[-1]) if places else ():
            values = [float(x[(n, *place, c)]) for place in places]
            first = int(np.argmax(values))  # numpy: the first maximum, and the first NaN before any number
            y[(n, *o, c)], winners[(n, *o, c)] = values[first], (n, *places[first], c)
    return y, winners


def max_pool_dx(x: np.ndarray, dy: np.ndarray, window: Sequence[int], **settings: Any) -> np.ndarray:
    """Every cotangent returned to its winner; overlapping windows add."""
    dx = np.zeros(x.shape, dy.dtype)
    for output, winner in max_pool(x, window, **settings)[1].items():
        dx[winner] += dy[output]
    return dx


def pool_sum(x: np.ndarray, window: Sequence[int], **settings: Any) -> np.ndarray:
    """y[n, o, c] = sum of x over the window."""
    ones = np.ones((*window, 1, x.shape[-1]), x.dtype)
    return conv(x, ones, groups=x.shape[-1], **settings)


def pool_sum_dx(dy: np.ndarray, window: Sequence[int], input: Sequence[int], **settings: Any) -> np.ndarray:
    """dx[n, i, c] = sum of dy over the windows that see i."""
    ones = np.ones((*window, 1, dy.shape[-1]), dy.dtype)
    return conv_dx(dy, ones, input, groups=dy.shape[-1], **settings)
