"""Linear regions in any number of dimensions: edges are subdivided, and all else follows from what bounds what.

A complex holds its cells of every dimension k as lists of the (k - 1)-cells that bound them. A unit's hyperplane cuts

    an edge whose ends lie strictly on both sides: one new vertex, by linear interpolation;
    a k-cell with vertices strictly on both sides: two parts and a section, a (k - 1)-cell bounded by the sections of
    its facets that are cut and by what of its other facets lies in the hyperplane.

No linear programs and no general position: concurrent and coinciding hyperplanes are right. The number of cells grows
like units ** dimension, so this is for a few thousand of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.linear_regions.graph import Graph
from analysis.linear_regions.layers import from_layers
from analysis.linear_regions.operations import RELU, Array, Kink
from analysis.linear_regions.plane.cuts import TOLERANCE


@dataclass(frozen=True, eq=False)
class Bounds:
    """Incidences of k-cells with the (k - 1)-cells that bound them, as pairs; `count` k-cells in all."""

    count: int
    cell: Array
    facet: Array

    def any(self, flags: Array) -> Array:
        """Whether any facet of each cell is flagged."""
        result = np.zeros(self.count, bool)
        result[self.cell[flags[self.facet]]] = True
        return result


@dataclass(frozen=True, eq=False)
class Complex:
    """A subdivided box: points [v, d]; bounds[k - 1] for the cells of dimension k = 1 .. d; labels: the unit (across
    layers) in whose hyperplane each wall, a (d - 1)-cell, lies; -1 on the box.
    """

    points: Array
    bounds: tuple[Bounds, ...]
    labels: Array

    @property
    def dimension(self) -> int:
        return len(self.bounds)

    @property
    def counts(self) -> list[int]:
        """Vertices, edges, .., regions."""
        return [len(self.points), *(bounds.count for bounds in self.bounds)]

    @property
    def count(self) -> int:
        """Regions."""
        return self.bounds[-1].count

    @property
    def euler(self) -> int:
        """The alternating sum of the counts, which is 1 for a subdivided ball."""
        return sum((-1) ** k * n for k, n in enumerate(self.counts))

    def walls(self, unit: int) -> list[Array]:
        """Three dimensions: the polygons in a unit's surface, corners in order, each [m, 3]."""
        edges, sides = self.bounds[0], self.bounds[1]
        ends = edges.facet[np.argsort(edges.cell, kind="stable")].reshape(-1, 2)
        return [
            ordered(self.points[np.unique(ends[sides.facet[sides.cell == wall]])])
            for wall in np.nonzero(self.labels == unit)[0]
        ]


def ordered(corners: Array) -> Array:
    """The corners of a convex polygon in space, in order around its centre."""
    offset = corners - corners.mean(axis=0)
    frame = np.linalg.svd(offset, full_matrices=False)[2][:2]
    return corners[np.argsort(np.arctan2(*(offset @ frame.T).T))]


def cube(dimension: int, half: float = 1.0) -> Complex:
    """The box [-half, half]^dimension.

    >>> cube(3).counts, cube(3).euler
    ([8, 12, 6, 1], 1)
    """
    shapes = [np.array(list(np.ndindex(*[3] * dimension)))]  # 0: low, 1: high, 2: the whole side
    cells = [shapes[0][(shapes[0] == 2).sum(axis=1) == k] for k in range(dimension + 1)]
    number = [{tuple(cell): i for i, cell in enumerate(kind)} for kind in cells]
    bounds = []
    for k in range(1, dimension + 1):
        pairs = [
            (i, number[k - 1][(*cell[:axis], end, *cell[axis + 1 :])])
            for i, cell in enumerate(map(tuple, cells[k]))
            for axis in range(dimension)
            if cell[axis] == 2
            for end in (0, 1)
        ]
        cell, facet = np.array(pairs).T
        bounds.append(Bounds(len(cells[k]), cell, facet))
    points = (2.0 * cells[0] - 1) * half
    return Complex(points, tuple(bounds), np.full(len(cells[dimension - 1]), -1))


def regions_in_box(
    network: Any, dimension: int, half: float = 1.0, *, surface: bool = False, activation: Kink = RELU
) -> Complex:
    """The linear regions of a network in [-half, half]^dimension.

    Args:
        network: (kernel, bias) layers or a `Graph` with `dimension` inputs, kinks only.
        surface: cut by the zeros of the outputs as well; the label of output o is the number of hidden units + o.

    >>> three = [(np.eye(3), np.zeros(3)), (np.ones((3, 1)), np.zeros(1))]  # the coordinate planes
    >>> regions_in_box(three, 3).counts
    [27, 54, 36, 8]
    """
    graph = network if isinstance(network, Graph) else from_layers(network, activation)
    if graph.inputs != dimension:
        raise ValueError(
            f"regions_in_box: the network has {graph.inputs} inputs; give dimension={graph.inputs}, not {dimension}"
        )
    found, first = cube(dimension, half), 0
    for node in (*graph.stages, *([len(graph.nodes)] if surface else [])):
        hidden = node < len(graph.nodes)
        operation = graph.nodes[node].operation if hidden else RELU
        if not isinstance(operation, Kink):
            raise ValueError(
                f"regions_in_box: {graph.nodes[node].name} takes a maximum; in more than two dimensions use kinks only"
            )
        source = graph.nodes[node].inputs[0] if hidden else len(graph.nodes) - 1
        for threshold in operation.thresholds:
            found = cut_by_layer(found, graph, source, threshold, first)
        first += graph.size_of(source)
    return found


def cut_by_layer(found: Complex, graph: Graph, source: int, threshold: float, first: int) -> Complex:
    """Cut by every unit of a layer in turn; values at new vertices are interpolated, which is exact within a cell."""
    z, size = graph.sized(found.points, source)
    z = z - threshold
    for unit in range(z.shape[1]):
        z[np.abs(z[:, unit]) <= TOLERANCE * (size[unit] + abs(threshold)), unit] = 0
        old = len(z)
        found, interpolate = cut(found, z[:, unit], first + unit)
        z = interpolate(z)
        z[old:, unit] = 0
    return found


def cut(found: Complex, z: Array, label: int) -> tuple[Complex, Callable[[Array], Array]]:
    """Cut all cells of all dimensions by one hyperplane, given its values at the vertices; also returns how values at
    the old vertices extend to the new ones.
    """
    above, below = [z > 0], [z < 0]
    for bounds in found.bounds:
        above.append(bounds.any(above[-1]))
        below.append(bounds.any(below[-1]))
    split = [a & b for a, b in zip(above, below, strict=True)]
    lying = [~a & ~b for a, b in zip(above, below, strict=True)]
    sizes = [len(flags) for flags in split]
    numbers = [np.cumsum(flags) - 1 for flags in split]
    cuts = [int(flags.sum()) for flags in split]
    new_bounds = []
    for k, bounds in enumerate(found.bounds, start=1):
        section = sizes[k - 1] + cuts[k - 1] + numbers[k]  # of each cut k-cell, a (k - 1)-cell
        cell, facet = parts(bounds, split, above, numbers, sizes, section, k)
        if k + 1 < len(sizes):
            outer = found.bounds[k]
            own, inner = sections(outer, bounds, split, lying, sizes, cuts, numbers, k + 1)
            cell, facet = np.append(cell, own), np.append(facet, inner)
        new_bounds.append(Bounds(sizes[k] + cuts[k] + (cuts[k + 1] if k + 1 < len(sizes) else 0), cell, facet))
    edges = found.bounds[0]
    ends = edges.facet[np.argsort(edges.cell, kind="stable")].reshape(-1, 2)[split[1]]
    t = z[ends[:, 0]] / (z[ends[:, 0]] - z[ends[:, 1]])

    def interpolate(values: Array) -> Array:
        a, b = values[ends[:, 0]], values[ends[:, 1]]
        return np.concatenate([values, a + t[:, None] * (b - a)])

    labels = np.concatenate([found.labels, found.labels[split[-2]], np.full(cuts[-1], label)])
    return Complex(interpolate(found.points), tuple(new_bounds), labels), interpolate


def parts(
    bounds: Bounds,
    split: list[Array],
    above: list[Array],
    numbers: list[Array],
    sizes: list[int],
    section: Array,
    k: int,
) -> tuple[Array, Array]:
    """Incidences of the k-cells after the cut: the part above keeps a cell's number, the part below gets a new one."""
    cell, facet = bounds.cell, bounds.facet
    whole = ~split[k][cell]
    torn = ~whole & split[k - 1][facet]
    below = sizes[k] + numbers[k]
    lower_facet = sizes[k - 1] + numbers[k - 1]
    upper, lower = ~whole & above[k - 1][facet], ~whole & ~above[k - 1][facet]
    halves = np.nonzero(split[k])[0]
    return (
        np.concatenate([cell[whole], cell[upper], below[cell[lower]], below[cell[torn]], halves, below[halves]]),
        np.concatenate(
            [facet[whole], facet[upper], facet[lower], lower_facet[facet[torn]], section[halves], section[halves]]
        ),
    )


def sections(
    outer: Bounds,
    inner: Bounds,
    split: list[Array],
    lying: list[Array],
    sizes: list[int],
    cuts: list[int],
    numbers: list[Array],
    k: int,
) -> tuple[Array, Array]:
    """Incidences of the sections of cut k-cells, (k - 1)-cells, with the (k - 2)-cells that bound them."""
    mine = split[k][outer.cell]
    cell, facet = outer.cell[mine], outer.facet[mine]
    torn = split[k - 1][facet]
    own, bound = [cell[torn]], [sizes[k - 2] + cuts[k - 2] + numbers[k - 1][facet[torn]]]
    rows, ridges = inner.cell[lying[k - 2][inner.facet]], inner.facet[lying[k - 2][inner.facet]]
    order = np.argsort(rows, kind="stable")
    rows, ridges = rows[order], ridges[order]
    low, high = np.searchsorted(rows, facet), np.searchsorted(rows, facet, side="right")
    count = high - low
    at = np.repeat(low - (np.cumsum(count) - count), count) + np.arange(count.sum())
    touching = np.unique(np.stack([np.repeat(cell, count), ridges[at]]), axis=1)
    own.append(touching[0])
    bound.append(touching[1])
    return sizes[k - 1] + cuts[k - 1] + numbers[k][np.concatenate(own)], np.concatenate(bound)
