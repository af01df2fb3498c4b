r"""The size of an output, with the derivation that seed 3, exercise 2, asks for; receptive fields of whole networks."""

from __future__ import annotations

from typing import Any, NamedTuple

from jaxcnn.networks import Network
from jaxcnn.ops import geometry
from jaxcnn.ops.geometry import Window, per_axis

DERIVATION = """\
Pad a side of n positions with p on both ends: n + 2p positions, numbered 0 to n + 2p - 1.
A filter of f positions placed at i covers i, ..., i + f - 1, so it fits exactly when 0 <= i <= n + 2p - f.
With stride s it is placed at i = 0, s, 2s, ..., that is at i = s o with 0 <= o <= (n + 2p - f) / s.
There are floor((n + 2p - f) / s) + 1 such integers o: the size of the output along that side.
Each of the k filters spans the whole depth c and gives one map: the depth is k, whatever c and p.
For s = 1 the size is n exactly when 2p = f - 1: p = (f - 1) / 2, which needs an odd f."""


def output_size(n: int, f: int, s: int = 1, p: int = 0) -> int:
    """floor((n + 2p - f) / s) + 1: seed 3, eq. 7, with the floor it leaves out.

    >>> output_size(4, 3, s=2)
    1
    """
    return (n + 2 * p - f) // s + 1


def same_padding(f: int) -> int:
    """(f - 1) / 2, for stride 1.

    Raises:
        ValueError: f is even: no padding that is equal on both sides keeps the size.

    >>> same_padding(3)
    1
    """
    if f % 2 == 0:
        raise ValueError(f"same_padding: a filter of {f} positions cannot keep the size symmetrically; use an odd size")
    return (f - 1) // 2


class Field(NamedTuple):
    """What one output of a layer sees of the network's input, along one axis.

    Fields:
        path, kind: the layer.
        size: positions of the input under one output.
        stride: input positions from one output to the next.
        start: the first input position under output 0 (negative: padding).
    """

    path: str
    kind: str
    size: int
    stride: int
    start: int


def receptive_fields(network: Network, input_shape: tuple[int, ...], axis: int = 0) -> list[Field]:
    """After every windowed layer of a serial network: size, stride and start of the receptive field along an axis.

        size += (span - 1) stride,   start -= low stride,   stride *= s

    Raises:
        ValueError: the network branches (add up the longest branch by hand), or transposes a convolution.

    >>> from jaxcnn import networks
    >>> [field[2:] for field in receptive_fields(networks.seed2(), (28, 28, 1))]
    [(5, 1, 0), (6, 2, 0), (14, 2, 0), (16, 4, 0)]
    """
    size, stride, start, found = 1, 1, 0, []
    for site in network.sites(input_shape):
        kind, settings = site.layer.kind, site.layer.settings
        if kind == "conv_transpose" or "/shortcut" in f"/{site.path}":
            raise ValueError(f"receptive_fields: {site.path} ({kind}) does not narrow one path; give a serial network")
        if "window" in settings:
            rule = rule_of(site.input_shape[:-1], **settings)
            size += (rule.span[axis] - 1) * stride
            start -= rule.padding[axis][0] * stride
            stride *= rule.stride[axis]
            found.append(Field(site.path, kind, size, stride, start))
    return found


def rule_of(
    spatial: tuple[int, ...], *, window: Any, stride: Any, padding: Any, dilation: Any, **others: Any
) -> Window:
    """The static window of one layer; a pool's stride None is its window."""
    taps = per_axis("receptive_fields", "window", window, len(spatial))
    stride = taps if stride is None else stride
    return geometry.window("receptive_fields", spatial, taps, stride=stride, padding=padding, dilation=dilation)
