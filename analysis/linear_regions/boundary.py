"""Decision boundaries: where the two largest outputs tie, exactly, and what follows from knowing them exactly.

The classifier is one more stage: a maximum over the outputs (or the sign of a single one), which cuts the regions once
more. Only ties of the two best are walls; where two also-rans tie nothing happens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from analysis.linear_regions.graph import Graph, Node
from analysis.linear_regions.operations import RELU, Array, Maximum, Operation
from analysis.linear_regions.partition import Lines, Regions, cut_stage
from analysis.linear_regions.plane.cells import Cells
from analysis.linear_regions.stages import chosen

CHUNK = 1 << 20  # pairs of a point and a segment looked at together


@dataclass(frozen=True, eq=False)
class Decision:
    """The regions cut by the decision boundary.

    Fields: cells; region [c]: the linear region each lies in; classes [c]; edges: those of `cells` on the boundary.
    """

    cells: Cells
    region: Array
    classes: Array
    edges: Array

    @cached_property
    def segments(self) -> Array:
        """Ends of the boundary's segments, [s, 2, 2]."""
        return self.cells.points[self.cells.ends[self.edges]]

    @cached_property
    def pairs(self) -> Array:
        """The two classes that tie on each segment, smaller first, [s, 2]."""
        return np.sort(self.classes[self.cells.edge_cells[self.edges]], axis=1)

    @property
    def length(self) -> float:
        """Of the whole boundary, in plane units."""
        return float(self.cells.edge_lengths[self.edges].sum())

    @property
    def class_areas(self) -> Array:
        """The area on which each class wins, [classes]; the last classes are left out if they win nowhere."""
        return np.bincount(self.classes, weights=self.cells.areas)


def decision(regions: Regions) -> Decision:
    """Cut the regions of a classifier along its decision boundary.

    With one output the classes are 0 and 1, output > 0; with several, the number of the largest output.

    >>> from analysis.linear_regions.partition import partition
    >>> difference = [([[1], [-1]], [0])]
    >>> square = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    >>> found = decision(partition(difference, square))
    >>> round(found.length, 6), found.class_areas.tolist()
    (2.828427, [2.0, 2.0])
    """
    graph = regions.graph
    outputs = [graph.value(regions.vertices[block]) for block in graph.blocks(len(regions.vertices))]
    known = Known.of(graph, regions.vertices, np.concatenate(outputs))
    last = classifier(Graph((Node("outputs", known, (-1,)),), 2, known.rows.shape[1]))
    cells, region, *_ = cut_stage(
        last, 1, len(regions.parents), regions.cells, Lines(regions.line_stage, regions.line_unit)
    )
    at_centre = np.einsum("ni,nio->no", np.insert(cells.centres, 2, 1.0, axis=1), regions.affine_maps[region])
    classes = chosen(last.nodes[1].operation, at_centre)[:, 0].astype(np.int64)
    left, right = cells.edge_cells.T  # a boundary may also run along an older wall
    edges = np.nonzero((left >= 0) & (right >= 0) & (classes[left] != classes[right]))[0]
    return Decision(cells, region, classes, edges)


def classifier(graph: Graph) -> Graph:
    """The network with its class as the last stage."""
    last = len(graph.nodes) - 1
    outputs = graph.size_of(last)
    operation = RELU if outputs == 1 else Maximum(np.arange(outputs)[None])
    return replace(graph, nodes=(*graph.nodes, Node("class", operation, (last,))))


@dataclass(frozen=True, eq=False)
class Known(Operation):
    """The network as one operation that remembers its outputs at some points: a tournament asks for them often.

    keys [n]: the points as complex numbers, sorted; rows [n, outputs].
    """

    graph: Graph
    keys: Array
    rows: Array

    @staticmethod
    def of(graph: Graph, points: Array, rows: Array) -> Known:
        keys = points[:, 0] + 1j * points[:, 1]
        order = np.argsort(keys)
        return Known(graph, keys[order], rows[order])

    def value(self, x: Array) -> Array:
        keys = x[:, 0] + 1j * x[:, 1]
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        result, new = self.rows[at], self.keys[at] != keys
        for block in self.graph.blocks(int(np.count_nonzero(new))):
            rows = np.nonzero(new)[0][block]
            result[rows] = self.graph.value(x[rows])
        return result

    def size(self, x: Array, size: Array) -> Array:
        return self.graph.sized(x[: self.graph.rows], len(self.graph.nodes) - 1)[1]


def distances(points: Array, segments: Array) -> Array:
    """From each point [p, 2] to the nearest of some segments [s, 2, 2]; inf where there is none, [p].

    >>> distances(np.array([[0.0, 1.0], [3.0, 0.0]]), np.array([[[-1.0, 0.0], [1.0, 0.0]]])).tolist()
    [1.0, 2.0]
    """
    nearest = np.full(len(points), np.inf)
    step = max(1, CHUNK // max(len(points), 1))
    for start in range(0, len(segments), step):
        a, b = segments[start : start + step].swapaxes(0, 1)
        run = b - a
        offset = points[:, None] - a  # [p, s, 2]
        along = (offset * run).sum(axis=2) / np.maximum((run * run).sum(axis=1), np.finfo(float).tiny)
        gap = np.linalg.norm(offset - np.clip(along, 0, 1)[..., None] * run, axis=2)
        nearest = np.minimum(nearest, gap.min(axis=1, initial=np.inf))
    return nearest


def walls(regions: Regions) -> Array:
    """The inner edges of a partition as segments, [s, 2, 2]."""
    return regions.cells.points[regions.cells.ends[regions.cells.lines >= 0]]
