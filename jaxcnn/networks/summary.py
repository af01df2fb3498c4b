"""What a network is made of, layer by layer: output shapes, parameters, multiply-adds.

A multiply-add is one product of a kernel's number with an input and its addition to a sum: what convolutions and dense
layers do, padding included. Biases, pools, activations and normalisation are not counted.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from jaxcnn.networks.network import Network, Shape, Site


class Row(NamedTuple):
    """One layer; `multiply_adds` is per example."""

    path: str
    kind: str
    output_shape: Shape
    parameters: int
    multiply_adds: int


def summary(network: Network, input_shape: Shape) -> list[Row]:
    """All layers in running order; nothing is computed and no parameter drawn.

    >>> from jaxcnn.networks import seed2
    >>> rows = summary(seed2(), (28, 28, 1))
    >>> rows[0]
    Row(path='conv1', kind='conv', output_shape=(24, 24, 4), parameters=2404, multiply_adds=57600)
    >>> sum(row.parameters for row in rows), sum(row.multiply_adds for row in rows)
    (21518, 126464)
    """
    return [
        Row(
            site.path or site.layer.kind,
            site.layer.kind,
            site.output_shape,
            sum(prod(shape) for _, shape in site.layer.leaves(site.input_shape).values()),
            multiply_adds(site),
        )
        for site in network.sites(input_shape)
    ]


def multiply_adds(site: Site) -> int:
    """Every output position of a convolution, and every input position of a transposed one, meets the whole kernel."""
    leaves = site.layer.leaves(site.input_shape)
    if "kernel" not in leaves:
        return 0
    _, kernel = leaves["kernel"]
    *positions, _ = site.input_shape if site.layer.kind == "conv_transpose" else site.output_shape
    return prod(positions) * prod(kernel)


def table(rows: list[Row]) -> str:
    """The rows as text, with a last line of totals.

    >>> from jaxcnn.networks import dense, relu, serial
    >>> print(table(summary(serial(dense1=dense(3), relu1=relu()), (4,))))
    layer   kind   output  parameters  multiply-adds
    dense1  dense       3          15             12
    relu1   relu        3           0              0
    total                          15             12
    """
    total = Row("total", "", (), sum(row.parameters for row in rows), sum(row.multiply_adds for row in rows))
    lines = [("layer", "kind", "output", "parameters", "multiply-adds"), *map(cells, [*rows, total])]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def cells(row: Row) -> tuple[str, ...]:
    return row.path, row.kind, "x".join(map(str, row.output_shape)), f"{row.parameters:,}", f"{row.multiply_adds:,}"
