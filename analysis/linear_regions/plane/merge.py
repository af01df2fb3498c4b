"""Cells of one group become one cell: the edges between them, and vertices left on a straight line, disappear."""

from __future__ import annotations

import numpy as np

from analysis.linear_regions.plane.cells import Array, Cells
from analysis.linear_regions.plane.walk import cycles


def join(cells: Cells, group: Array) -> tuple[Cells, Array]:
    """Join neighbours of equal `group` [f]; every group must be convex. Returns the cells and one old cell of each.

    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> from analysis.linear_regions.plane.subdivide import subdivide
    >>> from analysis.linear_regions.plane.values import evaluated
    >>> half = evaluated(square, lambda p: (p[:, :1] - 0.5, np.ones(1)), 1)
    >>> whole, _ = join(subdivide(Cells.polygon(square), half).cells, np.zeros(2))
    >>> whole.count, len(whole.points)
    (1, 4)
    """
    left, right = cells.edge_cells.T
    gone = (left >= 0) & (right >= 0)
    gone &= group[left] == group[right]
    if not gone.any():
        return cells, np.arange(cells.count)
    kept = np.nonzero(~gone[cells.sides])[0]
    number = np.full(len(cells.sides), -1)
    number[kept] = np.arange(len(kept))
    offsets, element = cycles(number[beyond(cells, gone, kept)])
    side = kept[element]
    return straightened(cells, gone, offsets, side), cells.cell_of_side[side[offsets[:-1]]]


def beyond(cells: Cells, gone: Array, kept: Array) -> Array:
    """The side that follows each kept side once some edges are gone: cross every edge that is gone, and walk on."""
    twin = np.empty(len(cells.sides), np.int64)
    order = np.argsort(cells.sides, kind="stable")
    paired = np.nonzero(cells.sides[order[1:]] == cells.sides[order[:-1]])[0]
    twin[order[paired]], twin[order[paired + 1]] = order[paired + 1], order[paired]
    following = cells.next_side[kept]
    while True:
        blocked = np.nonzero(gone[cells.sides[following]])[0]
        if not len(blocked):
            return following
        following[blocked] = cells.next_side[twin[following[blocked]]]


def straightened(cells: Cells, gone: Array, offsets: Array, side: Array) -> Cells:
    """Walks without the vertices that no longer bend them, with edges, vertices numbered anew."""
    stay = ~gone
    degree = np.bincount(cells.ends[stay].ravel(), minlength=len(cells.points))
    corner = degree > 2
    corner[: -cells.lines.min()] = True  # the domain's own corners, which always come first
    bend = corner[cells.corners[side]]
    cell = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    side, cell = side[bend], cell[bend]
    lengths = np.bincount(cell, minlength=len(offsets) - 1)
    walk = Cells(
        cells.points, cells.ends, cells.lines, np.concatenate([[0], np.cumsum(lengths)]), cells.corners[side], side
    )
    a, b = walk.corners, walk.corners[walk.next_side]
    key = np.minimum(a, b) * len(cells.points) + np.maximum(a, b)
    _, first, edge = np.unique(key, return_index=True, return_inverse=True)
    used, corners = np.unique(walk.corners, return_inverse=True)
    vertex = np.full(len(cells.points), -1)
    vertex[used] = np.arange(len(used))
    ends = vertex[np.stack([a[first], b[first]], axis=1)]
    return Cells(cells.points[used], ends, cells.lines[cells.sides[side[first]]], walk.offsets, corners, edge)
