"""The lines inside a cell: every line that cuts a convex cell does so along one chord, and two chords cross exactly
when their ends alternate along the cell's boundary. So which lines cross, and how many cells result,

    cells after = cells before + chords + crossings,

is combinatorial; coordinates are needed only for where the crossings lie and in which order along a chord.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.linear_regions.plane.cells import Array, Cells, starts, within
from analysis.linear_regions.plane.cuts import Cuts, Signs

PAIRS = 1 << 21  # pairs of chords looked at together


class InconsistentSignsError(ArithmeticError):
    """Rounding made the signs of some line impossible for a convex cell; another tolerance decides otherwise."""


@dataclass(frozen=True, eq=False)
class Boundary:
    """The walks around some cells with the cut points strung in between the corners.

    Per position: vertex, cell, line (-1 at a corner), cut (index of the cut point, -1 at a corner), piece (the part of
    the old edge that leads to the next position, -1 where the two coincide). `next` is the following position.
    """

    vertex: Array
    cell: Array
    line: Array
    cut: Array
    piece: Array
    next: Array


def boundary(cells: Cells, cuts: Cuts, side: Array, untouched: Array) -> Boundary:
    """Walks of the cells that own these sides; `untouched` holds the keys cell * n + line of lines that only graze."""
    e = cells.sides[side]
    forward = cells.corners[side] == cells.ends[e, 0]
    count = cuts.first[e + 1] - cuts.first[e]
    owner = np.repeat(np.arange(len(side)), count)
    place = within(count)
    cut = cuts.first[e][owner] + np.where(forward[owner], place, count[owner] - 1 - place)
    if len(untouched):
        keep = ~np.isin(cells.cell_of_side[side[owner]] * cuts.lines + cuts.line[cut], untouched)
        owner, cut = owner[keep], cut[keep]
        count = np.bincount(owner, minlength=len(side))
    at_corner = np.cumsum(count + 1) - (count + 1)
    at_cut = at_corner[owner] + 1 + within(count)
    size = len(side) + len(cut)
    position_cut = np.full(size, -1)
    position_cut[at_cut] = cut
    vertex = np.empty(size, np.int64)
    vertex[at_corner], vertex[at_cut] = cells.corners[side], cuts.vertex[cut]
    line = np.full(size, -1)
    line[at_cut] = cuts.line[cut]
    rank = np.empty(size, np.int64)
    rank[at_corner], rank[at_cut] = np.where(forward, 0, cuts.inner[e] + 1), cuts.rank[cut]
    whose = np.repeat(np.arange(len(side)), count + 1)
    base = np.arange(len(cells.ends)) + np.cumsum(cuts.inner) - cuts.inner
    following = np.arange(1, size + 1)
    cell = cells.cell_of_side[side][whose]
    last = np.append(whose[1:] != whose[:-1], True)
    rank_after = np.append(rank[1:], 0)
    rank_after[last] = np.where(forward, cuts.inner[e] + 1, 0)
    piece = base[e][whose] + np.where(forward[whose], rank, rank - 1)
    piece[rank_after == rank] = -1
    ends = np.append(cell[1:] != cell[:-1], True)
    following[ends] = np.nonzero(np.append(True, cell[1:] != cell[:-1]))[0]
    return Boundary(vertex, cell, line, position_cut, piece, following)


def grazing(cells: Cells, s: Signs) -> Array:
    """Keys cell * n + line of the lines that pass through a corner of a cell and leave no corner strictly positive.

    Such a line touches the cell from outside; only its sign convention (zero is positive) makes it look like a cut.
    """
    vertices, lines = s.zeros
    if not len(vertices):
        return np.empty(0, np.int64)
    n = len(s.size)
    order = np.argsort(cells.corners, kind="stable")
    degree = np.bincount(cells.corners, minlength=len(cells.points))
    first = np.cumsum(degree) - degree
    touching = order[np.repeat(first[vertices], degree[vertices]) + within(degree[vertices])]
    key = np.unique(cells.cell_of_side[touching] * n + np.repeat(lines, degree[vertices]))
    cell, line = key // n, np.repeat(key % n, cells.lengths[key // n])
    corner = cells.corners[np.repeat(cells.offsets[cell], cells.lengths[cell]) + within(cells.lengths[cell])]
    strict = s.positive(corner, line) & ~np.isin(corner * n + line, vertices * n + lines)
    touched = np.logical_or.reduceat(strict, np.cumsum(cells.lengths[cell]) - cells.lengths[cell])
    return key[~touched]


@dataclass(frozen=True, eq=False)
class Chords:
    """One chord per (cell, line): its line, its cell, and the boundary positions where it starts and ends (a < b).

    Chord c stands for the lines bundled[bundle[c]:bundle[c + 1]], which coincide in this cell; `line` is the first.
    """

    line: Array
    cell: Array
    a: Array
    b: Array
    bundle: Array
    bundled: Array


def chords(walk: Boundary, lines: int) -> Chords:
    """Pair the cut points of every (cell, line)."""
    position = np.nonzero(walk.line >= 0)[0]
    key = walk.cell[position] * lines + walk.line[position]
    order = np.argsort(key, kind="stable")
    key, position = key[order], position[order]
    paired = len(key) % 2 == 0 and (key[::2] == key[1::2]).all() and (key[1:-1:2] != key[2::2]).all()
    if not paired:
        raise InconsistentSignsError("a line meets the boundary of a convex cell in other than two points")
    a, b = position[::2], position[1::2]
    line = walk.line[a]
    return Chords(line, walk.cell[a], a, b, np.arange(len(line) + 1), line)


def distinct(chord: Chords, walk: Boundary) -> Chords:
    """Chords of one cell that coincide, kept once, as the line of least index; those that only touch a corner, not."""
    va, vb = walk.vertex[chord.a], walk.vertex[chord.b]
    low, high = np.minimum(va, vb), np.maximum(va, vb)
    order = np.lexsort((high, low, chord.cell))  # stable: chords are sorted by line within a cell
    i, j = order[:-1], order[1:]
    twin = np.zeros(len(va), bool)
    twin[1:] = (chord.cell[i] == chord.cell[j]) & (low[i] == low[j]) & (high[i] == high[j])  # in sorted order
    first = np.empty(len(va), np.int64)
    first[order] = order[np.maximum.accumulate(np.where(twin, 0, np.arange(len(va))))]
    inside = va != vb
    keep = inside & (first == np.arange(len(va)))
    number = (np.cumsum(keep) - 1)[first[inside]]
    bundle = starts(np.bincount(number, minlength=np.count_nonzero(keep)))
    bundled = chord.line[inside][np.argsort(number, kind="stable")]
    return Chords(chord.line[keep], chord.cell[keep], chord.a[keep], chord.b[keep], bundle, bundled)


def crossings(chord: Chords) -> tuple[Array, Array]:
    """Pairs (c, d) of chords of one cell with a_c < a_d < b_c < b_d."""
    count = len(chord.a)
    last = np.searchsorted(chord.cell, chord.cell, side="right")
    partners = last - np.arange(count) - 1
    total = np.cumsum(partners)
    first, second = [], []
    start = 0
    while start < count:
        done = total[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(total, done + PAIRS, side="right")))
        some = partners[start:stop]
        c = np.repeat(np.arange(start, stop), some)
        d = c + 1 + within(some)
        c, d = np.where(chord.a[d] < chord.a[c], d, c), np.where(chord.a[d] < chord.a[c], c, d)
        cross = (chord.a[d] < chord.b[c]) & (chord.b[c] < chord.b[d])
        first.append(c[cross])
        second.append(d[cross])
        start = stop
    if not first:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate(first), np.concatenate(second)
