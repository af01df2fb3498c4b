"""How the next layer's values at new vertices follow from those at the old ones.

What is affine on every new cell bends, along an old edge or a chord, only where a line crosses it. From end A to end B,
crossed by lines i whose own functions z_i are known at both ends, at the share s of the way,

    f(s) = (1 - s) f(A) + s f(B) - sum over i of min((1 - s) |z_i(A)|, s |z_i(B)|) bend_i,

where bend_i is by how much the slope of f in z_i grows as z_i becomes positive: each term is a string plucked at the
crossing. So f at every vertex is a combination, with few terms, of f at the old vertices and of the bends:

    f = weights @ [f at the old vertices; bends],        weights [vertices, old vertices + lines], sparse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from analysis.linear_regions.plane.cells import Array, Cells, starts, within
from analysis.linear_regions.plane.chords import Boundary, Chords
from analysis.linear_regions.plane.crossings import Nodes
from analysis.linear_regions.plane.cuts import Cuts, Signs


@dataclass(frozen=True, eq=False)
class Strings:
    """Segments and the lines across them: ends [g, 2] vertices; first [g + 1] crossing of each; per crossing, line and
    depth [i, 2], the |value| of the line's function at both ends.
    """

    ends: Array
    first: Array
    line: Array
    depth: Array

    def entries(self, segment: Array) -> int:
        """How many terms it takes to describe points on these segments."""
        return int((2 + np.diff(self.first)[segment]).sum())

    def weights(self, segment: Array, share: Array, vertices: int, lines: int) -> Any:
        """Points at these shares of these segments, as rows [points, vertices + lines]."""
        count = np.diff(self.first)[segment]
        point = np.arange(len(share))
        owner, crossing = np.repeat(point, count), np.repeat(self.first[segment], count) + within(count)
        s = share[owner]
        pluck = np.minimum((1 - s) * self.depth[crossing, 0], s * self.depth[crossing, 1])
        column = np.concatenate([*self.ends[segment].T, vertices + self.line[crossing]])
        data = np.concatenate([1 - share, share, -pluck])
        row = np.concatenate([point, point, owner])
        return sparse.csr_array((data, (row, column)), shape=(len(share), vertices + lines))


@dataclass(frozen=True, eq=False)
class Descent:
    """The descent of one layer's new vertices.

    old: vertices before; lines: of the layer; terms: how many of them a crossing may take on average; cuts: the cut
    points' rows; value(vertices, lines): what a line's function is at an old vertex or a cut point.
    """

    old: int
    lines: int
    terms: float
    cuts: Any
    value: Callable[[Array, Array], Array]

    @staticmethod
    def of(cells: Cells, found: Cuts, s: Signs, terms: float) -> Descent | None:
        """None where the cut points alone take more than `terms` terms each."""
        strings, old = Strings(cells.ends, found.first, found.line, found.depth), len(cells.points)
        if not terms or strings.entries(found.where) > terms * max(1, len(found.where)):
            return None
        cuts = strings.weights(found.where, found.at, old, found.lines)
        return Descent(old, found.lines, terms, cuts, along_edges(cells, found, s))

    def crossings(self, walk: Boundary, chord: Chords, node: Nodes) -> Any:
        """The rows of the new vertices inside some cells, by old vertices, cut points and lines; None if too dear."""
        if (2 + node.count[node.on]).sum() > self.terms * len(node.on):
            return None
        known = self.old + self.cuts.shape[0]
        return on_chords(walk, chord, node, self.value).weights(node.on, node.share, known, self.lines)

    def weights(self, crossings: list[Any]) -> Any:
        """All vertices by old vertices and lines: the old ones, the cut points, the crossings; None if too dear."""
        if any(rows is None for rows in crossings):
            return None
        outer = sparse.vstack([sparse.eye_array(self.old, self.old + self.lines), self.cuts], format="csr")
        bends = sparse.eye_array(self.lines, self.old + self.lines, k=self.old)
        through = sparse.vstack([outer, bends], format="csr")
        return sparse.vstack([outer, *(rows @ through for rows in crossings)], format="csr")


def on_chords(walk: Boundary, chord: Chords, node: Nodes, value: Callable[[Array, Array], Array]) -> Strings:
    """The chords with what crosses them; a chord on which several lines coincide crosses as all of them."""
    ends = np.stack([walk.vertex[chord.a], walk.vertex[chord.b]], axis=1)
    several = np.diff(chord.bundle)[node.other]
    mine = np.repeat(node.chord, several)
    line = chord.bundled[np.repeat(chord.bundle[node.other], several) + within(several)]
    depth = np.abs(np.stack([value(ends[mine, end], line) for end in (0, 1)], axis=1))
    return Strings(ends, starts(np.bincount(mine, minlength=len(ends))), line, depth)


def along_edges(cells: Cells, found: Cuts, s: Signs) -> Callable[[Array, Array], Array]:
    """The value of a line at an old vertex or a cut point, pair by pair."""
    old = np.arange(len(cells.points))
    a, b = (np.concatenate([old, cells.ends[found.where, end]]) for end in (0, 1))
    t = np.concatenate([np.zeros(len(old)), found.at])

    def value(vertex: Array, line: Array) -> Array:
        return (1 - t[vertex]) * s.values(a[vertex], line) + t[vertex] * s.values(b[vertex], line)

    return value
