r"""The size of an output, with the derivation that seed 3, exercise 2, asks for; receptive fields of whole networks."""

from __future__ import annotations

from typing import Any, NamedTuple

from jaxcnn.networks import Network, Site
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
        path, kind: the layer, or the residual block whose two branches meet.
        size: positions of the input under one output.
        stride: input positions from one output to the next.
        start: the first input position under output 0 (negative: padding).
    """

    path: str
    kind: str
    size: int
    stride: int
    start: int


WINDOWED = ("conv", "max_pool", "avg_pool", "global_avg_pool")


def receptive_fields(network: Network, input_shape: tuple[int, ...], axis: int = 0) -> list[Field]:
    """After every layer with a window, and every residual block: the receptive field along an axis.

        size += (span - 1) stride,   start -= low stride,   stride *= s

    Two branches that meet see what either sees.

    Raises:
        ValueError: a layer changes the size in another way (a transposed convolution).

    >>> from jaxcnn import networks
    >>> [field[2:] for field in receptive_fields(networks.seed2(), (28, 28, 1))]
    [(5, 1, 0), (6, 2, 0), (14, 2, 0), (16, 4, 0)]
    """
    fields = all_fields(network, input_shape, axis).items()
    return [field for path, field in fields if field.path == path and field.kind in (*WINDOWED, "residual")]


def all_fields(network: Network, input_shape: tuple[int, ...], axis: int = 0) -> dict[str, Field]:
    """The field after every layer and combinator, by path; a layer without a window has that of its input."""
    sites, found = {site.path: site for site in network.sites(input_shape)}, dict[str, Field]()

    def walk(network: Network, path: str, field: Field) -> Field:
        children = [(f"{path}/{name}".lstrip("/"), child) for name, child in network.children]
        if network.kind == "residual":
            field = both(path, *(walk(child, below, field) for below, child in children))
        elif children:
            for below, child in children:
                field = walk(child, below, field)
        else:
            field = after(sites[path], field, axis)
        found[path] = field
        return field

    walk(network, "", Field("", "input", 1, 1, 0))
    return found


def both(path: str, body: Field, shortcut: Field) -> Field:
    """The field of a sum: from the earlier start to the later end."""
    start = min(body.start, shortcut.start)
    end = max(body.start + body.size, shortcut.start + shortcut.size)
    return Field(path, "residual", end - start, body.stride, start)


def after(site: Site, field: Field, axis: int) -> Field:
    """The field after one layer."""
    kind = site.layer.kind
    if kind == "global_avg_pool":
        n = site.input_shape[axis]
        return Field(site.path, kind, field.size + (n - 1) * field.stride, field.stride * n, field.start)
    if kind in WINDOWED:
        rule = rule_of(site.input_shape[:-1], **site.layer.settings)
        size = field.size + (rule.span[axis] - 1) * field.stride
        start = field.start - rule.padding[axis][0] * field.stride
        return Field(site.path, kind, size, field.stride * rule.stride[axis], start)
    if len(site.output_shape) == len(site.input_shape) and site.output_shape[:-1] != site.input_shape[:-1]:
        raise ValueError(
            f"receptive_fields: {site.path} ({kind}) changes the size, and only {', '.join(WINDOWED)} are followed; "
            f"give the part of the network without it"
        )
    return Field(site.path, kind, field.size, field.stride, field.start)


def rule_of(
    spatial: tuple[int, ...], *, window: Any, stride: Any, padding: Any, dilation: Any, **others: Any
) -> Window:
    """The static window of one layer; a pool's stride None is its window."""
    taps = per_axis("receptive_fields", "window", window, len(spatial))
    stride = taps if stride is None else stride
    return geometry.window("receptive_fields", spatial, taps, stride=stride, padding=padding, dilation=dilation)
