"""Cut all cells of a subdivision by all lines of a layer at once.

1. signs at the vertices, cut points on the edges (`cuts`), chords and their crossings in every cell (`chords`,
   `crossings`);
2. half-edges: the pieces of the old boundary, and every piece of a chord once in each direction. Which one comes next
   around a new cell needs no angle: turn left at every node, and the ranks say which way left is;
3. the cycles of "next" are the new cells (`walk`).

No loop runs over cells or lines. Cells are taken in blocks, so that memory stays bounded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis.linear_regions.plane.cells import Array, Cells, starts, within
from analysis.linear_regions.plane.chords import (
    Boundary,
    Chords,
    InconsistentSignsError,
    boundary,
    chords,
    crossings,
    distinct,
    grazing,
)
from analysis.linear_regions.plane.crossings import Nodes, cross, nodes
from analysis.linear_regions.plane.cuts import TOLERANCE, Cuts, Signs, cut, signs
from analysis.linear_regions.plane.descent import Descent
from analysis.linear_regions.plane.values import Values
from analysis.linear_regions.plane.walk import cycles

CUTS_AT_ONCE = 1 << 18  # cut points in a block of cells


@dataclass(frozen=True, eq=False)
class Pieces:
    """The cells that replace a block of cut cells: sides per cell, vertices, edges, parents; new vertices, edges; how
    the new vertices descend from the old ones, if that is asked for.
    """

    lengths: Array
    corners: Array
    sides: Array
    parent: Array
    points: Array
    ends: Array
    lines: Array
    descent: Any


@dataclass(frozen=True, eq=False)
class Subdivision:
    """The new cells; for each, the old cell it lies in; the signs at the old vertices; the new vertices' descent
    (`descent`), None where it was not asked for or takes too many terms.
    """

    cells: Cells
    parent: Array
    signs: Signs
    weights: Any


def subdivide(
    cells: Cells, field: Values, first_line: int = 0, tolerance: float = TOLERANCE, terms: float = 0
) -> Subdivision:
    """Cut `cells` by the zero sets of functions that are affine on every cell, `field` being their values.

    New edges are named `first_line` + line. The new vertices' descent is found if it takes up to `terms` terms each.

    >>> square = Cells.polygon(np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]))
    >>> from analysis.linear_regions.plane.values import evaluated
    >>> cross = evaluated(square.points, lambda points: (points, np.ones(2)), 2)  # the lines x = 0 and y = 0
    >>> subdivide(square, cross).cells.areas.tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    s = signs(field, tolerance)
    found = cut(cells, s, tolerance)
    untouched = grazing(cells, s)
    active = cut_cells(cells, found, untouched)
    descent = Descent.of(cells, found, s, terms)
    if not len(active):
        return Subdivision(cells, np.arange(cells.count), s, None if descent is None else descent.weights([]))
    a, b = cells.points[cells.ends[found.where, 0]], cells.points[cells.ends[found.where, 1]]
    points = np.concatenate([cells.points, a + found.at[:, None] * (b - a)])
    ends, old_lines = split_edges(cells, found)
    blocks: list[Pieces] = []
    vertices, edges = len(points), len(ends)
    for block in in_blocks(cells, found, active):
        blocks.append(arrange(cells, points, found, s, untouched, block, vertices, edges, descent))
        vertices, edges = vertices + len(blocks[-1].points), edges + len(blocks[-1].ends)
    points = np.concatenate([points, *(piece.points for piece in blocks)])
    ends = np.concatenate([ends, *(piece.ends for piece in blocks)])
    old_lines = np.concatenate([old_lines, *(piece.lines + first_line for piece in blocks)])
    new, parent = assemble(cells, found, active, blocks, points, ends, old_lines)
    new, seen = tidy(new)
    weights = None if descent is None else descent.weights([piece.descent for piece in blocks])
    return Subdivision(new, parent, s, weights if weights is None or seen.all() else weights[seen])


def split_edges(cells: Cells, found: Cuts) -> tuple[Array, Array]:
    """Ends and lines of the parts of the old edges, edge by edge from end a to end b."""
    number = found.inner + 1
    base = starts(number)
    vertex = len(cells.points) + np.arange(len(found.where))
    rank = within(found.inner) + 1
    ends = np.empty((base[-1], 2), np.int64)
    ends[base[:-1], 0], ends[base[1:] - 1, 1] = cells.ends.T
    ends[base[found.where] + rank, 0] = vertex
    ends[base[found.where] + rank - 1, 1] = vertex
    return ends, np.repeat(cells.lines, number)


def cut_cells(cells: Cells, found: Cuts, untouched: Array) -> Array:
    """The cells that at least one line really cuts."""
    if not len(untouched):
        hit = np.diff(found.first)[cells.sides] > 0
        return np.unique(cells.cell_of_side[hit])
    count = np.diff(found.first)[cells.sides]
    owner = np.repeat(cells.cell_of_side, count)
    point = np.repeat(found.first[:-1][cells.sides], count) + within(count)
    key = owner * found.lines + found.line[point]
    return np.unique(owner[~np.isin(key, untouched)])


def in_blocks(cells: Cells, found: Cuts, active: Array) -> list[Array]:
    """The active cells in runs of bounded work."""
    cuts = np.add.reduceat(np.diff(found.first)[cells.sides], cells.offsets[:-1])[active]
    block = np.cumsum(cuts) // CUTS_AT_ONCE
    return np.split(active, np.nonzero(np.diff(block))[0] + 1)


def arrange(
    cells: Cells,
    points: Array,
    found: Cuts,
    s: Signs,
    untouched: Array,
    block: Array,
    vertices: int,
    edges: int,
    descent: Descent | None,
) -> Pieces:
    """All new cells inside the old cells `block`."""
    lengths = cells.lengths[block]
    side = np.repeat(cells.offsets[block], lengths) + within(lengths)
    walk = boundary(cells, found, side, untouched)
    chord = chords(walk, len(s.size))
    if len(found.at) < len(found.edge):  # some cut points coincide
        chord = distinct(chord, walk)
    left = s.positive(cells.corners[cells.offsets[chord.cell]], chord.line)
    error = np.maximum(
        chord_error(cells, points, found, walk, chord, "a"), chord_error(cells, points, found, walk, chord, "b")
    )
    pairs = crossings(chord)
    node = nodes(points, vertices, walk, chord, error, pairs, left)
    following, origin, edge = link(walk, chord, node, edges)
    offsets, element = cycles(following)
    if len(offsets) - 1 != len(block) + len(chord.a) + len(pairs[0]):
        raise InconsistentSignsError("the cells around some crossing do not close up")
    found_pieces = pieces(walk, chord, node, offsets, element, following, origin, edge)
    return replace(found_pieces, descent=None if descent is None else descent.crossings(walk, chord, node))


def chord_error(cells: Cells, points: Array, found: Cuts, walk: Boundary, chord: Chords, end: str) -> Array:
    """How far a chord may lie beside its line at one end: the slack along the edge there, seen across the chord."""
    point = walk.cut[getattr(chord, end)]
    a, b = cells.ends[found.edge[point]].T
    edge = points[b] - points[a]
    run = points[walk.vertex[chord.b]] - points[walk.vertex[chord.a]]
    return found.slack[point] * np.abs(cross(edge, run)) / np.linalg.norm(run, axis=1)


def link(walk: Boundary, chord: Chords, node: Nodes, edges: int) -> tuple[Array, Array, Array]:
    """Half-edges: which follows which around a cell, the vertex each starts at, and the edge it runs along.

    In order: one per boundary position; the chord pieces forward (from a to b); the same pieces backward.
    """
    boundary_size = len(walk.vertex)
    first = starts(node.count + 1)
    total = int(first[-1])
    owner, place = np.repeat(np.arange(len(chord.a)), node.count + 1), within(node.count + 1)
    forward, backward = boundary_size + np.arange(total), boundary_size + total + np.arange(total)
    following = np.empty(boundary_size + 2 * total, np.int64)
    origin = np.empty(boundary_size + 2 * total, np.int64)
    turn = np.arange(boundary_size)
    turn[chord.a], turn[chord.b] = forward[first[:-1]], backward[first[1:] - 1]
    following[:boundary_size], origin[:boundary_size] = turn[walk.next], walk.vertex
    crossing = first[node.other] + node.twin  # the piece of the other chord that starts at this node
    ahead = np.where(node.leftward, forward[crossing], backward[crossing - 1])
    back = np.where(node.leftward, backward[crossing - 1], forward[crossing])
    last, initial = place == node.count[owner], place == 0
    following[forward[last]], following[forward[~last]] = chord.b, ahead
    following[backward[initial]], following[backward[~initial]] = chord.a, back
    origin[forward[initial]], origin[forward[~initial]] = walk.vertex[chord.a], node.vertex
    origin[backward[last]], origin[backward[~last]] = walk.vertex[chord.b], node.vertex
    edge = np.concatenate([walk.piece, edges + np.arange(total), edges + np.arange(total)])
    return following, origin, edge


def pieces(
    walk: Boundary,
    chord: Chords,
    node: Nodes,
    offsets: Array,
    element: Array,
    following: Array,
    origin: Array,
    edge: Array,
) -> Pieces:
    """Read the new cells off the cycles; sides without length and cells without area disappear."""
    total = (len(following) - len(walk.vertex)) // 2
    owner = np.repeat(np.arange(len(chord.a)), node.count + 1)
    head = element[offsets[:-1]]
    whose = np.concatenate([walk.cell, chord.cell[owner], chord.cell[owner]])
    lengths, parent = np.diff(offsets), whose[head]
    corners, sides = origin[element], edge[element]
    long = corners != origin[following[element]]
    if not long.all():
        kept = np.add.reduceat(long.astype(np.int64), offsets[:-1])
        real = kept >= 3
        long &= np.repeat(real, lengths)
        corners, sides, lengths, parent = corners[long], sides[long], kept[real], parent[real]
    start = len(walk.vertex)
    ends = np.stack([origin[start : start + total], origin[start + total :]], axis=1)
    return Pieces(lengths, corners, sides, parent, node.points, ends, chord.line[owner], None)


def assemble(
    cells: Cells, found: Cuts, active: Array, blocks: list[Pieces], points: Array, ends: Array, lines: Array
) -> tuple[Cells, Array]:
    """Old cells that no line cuts and the pieces of the others, children in the order of their parents."""
    idle = np.ones(cells.count, bool)
    idle[active] = False
    still = idle[cells.cell_of_side]
    base = starts(found.inner + 1)
    lengths = np.concatenate([cells.lengths[idle]] + [p.lengths for p in blocks])
    corners = np.concatenate([cells.corners[still]] + [p.corners for p in blocks])
    sides = np.concatenate([base[cells.sides[still]]] + [p.sides for p in blocks])
    parent = np.concatenate([np.nonzero(idle)[0]] + [p.parent for p in blocks])
    order = np.argsort(parent, kind="stable")
    at = np.repeat(starts(lengths)[order], lengths[order]) + within(lengths[order])
    result = Cells(points, ends, lines, starts(lengths[order]), corners[at], sides[at])
    return result, parent[order]


def tidy(cells: Cells) -> tuple[Cells, Array]:
    """Drop vertices and edges that no cell uses; edges with the same two ends become one. Also, which vertices stay.

    Both arise only where lines coincide; otherwise nothing changes.
    """
    used = np.zeros(len(cells.ends), bool)
    used[cells.sides] = True
    if used.all():
        return cells, np.ones(len(cells.points), bool)
    a, b = cells.ends.min(axis=1), cells.ends.max(axis=1)
    _, first, which = np.unique(a[used] * len(cells.points) + b[used], return_index=True, return_inverse=True)
    keep = np.nonzero(used)[0][first]
    edge = np.full(len(cells.ends), -1)
    edge[used] = which
    seen = np.zeros(len(cells.points), bool)
    seen[cells.corners] = True
    vertex = np.cumsum(seen) - 1
    ends, lines = vertex[cells.ends[keep]], cells.lines[keep]
    return Cells(cells.points[seen], ends, lines, cells.offsets, vertex[cells.corners], edge[cells.sides]), seen
