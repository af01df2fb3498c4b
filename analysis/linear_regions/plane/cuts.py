"""Where lines meet the edges of a subdivision.

A line is the zero set of a function that is affine on every cell, known only by its values at the vertices. Its sign is
taken once per vertex, so that two cells never disagree; an edge whose ends differ in sign is cut at

    t = z_a / (z_a - z_b),     0 <= t <= 1 from end a to end b.

Values within `tolerance * size` of zero are zero, where `size` is the magnitude of the terms that a value was summed
from; the same tolerance, carried to t, decides which cut points coincide. Coincidences are then ordered as if line u
had been moved by eps_u with 0 < eps_0 << eps_1 << .. (simulation of simplicity): zero counts as positive, and of two
lines through one point of an edge the one with the larger index moves further.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.linear_regions.plane.cells import Array, Cells, by_share, starts
from analysis.linear_regions.plane.values import BLOCK, Values

TOLERANCE = 1e-13


@dataclass(frozen=True, eq=False)
class Signs:
    """words [v, w] holds one bit per line, set where its value is not negative; zeros are the pairs (vertex, line)
    taken as exact; size [n] the rounding scale of a line; `values(vertices, lines)` its value at a vertex; table
    [v + n, n]: all of them, if they were kept, with room for n rows more.
    """

    words: Array
    zeros: tuple[Array, Array]
    size: Array
    values: Callable[[Array, Array], Array]
    table: Array | None

    def positive(self, vertices: Array, lines: Array) -> Array:
        """Whether line u counts as positive at vertex v, pair by pair."""
        bit = self.words[vertices, lines >> 6] >> (lines & 63).astype(np.uint64)
        return (bit & np.uint64(1)).astype(bool)


def signs(field: Values, tolerance: float) -> Signs:
    """Look at every line at every vertex, some vertices at a time."""
    words = np.empty((field.count, -(-field.lines // 64)), np.uint64)
    table = np.empty((field.count + field.lines, field.lines)) if field.keep else None
    zero_vertices, zero_lines, size = [], [], np.zeros(field.lines)
    for start in range(0, field.count, field.step):
        block = slice(start, min(start + field.step, field.count))
        z, scale = field.rows(block)
        positive = z >= -tolerance * scale
        zero = positive != (z > tolerance * scale)
        if zero.any():
            z[zero] = 0
            v, u = np.nonzero(zero)
            zero_vertices.append(v + start)
            zero_lines.append(u)
        words[block] = packed(positive)
        size = np.maximum(size, scale)
        if table is not None:
            table[block] = z
    none = [np.empty(0, np.int64)]
    zeros = np.concatenate(zero_vertices or none), np.concatenate(zero_lines or none)

    def values(vertices: Array, lines: Array) -> Array:
        if table is not None:
            return table[vertices, lines]
        z = field.pairs(vertices, lines)
        if len(zeros[0]):
            z[np.isin(vertices * field.lines + lines, zeros[0] * field.lines + zeros[1])] = 0
        return z

    return Signs(words, zeros, size, values, table)


def packed(bits: Array) -> Array:
    """Rows of booleans as 64-bit words, lowest bit first: [v, n] -> [v, ceil(n / 64)]."""
    rows, n = bits.shape
    octets = np.zeros((rows, -(-n // 64) * 8), np.uint8)
    small = np.packbits(bits, axis=1, bitorder="little")
    octets[:, : small.shape[1]] = small
    return octets.view(np.uint64)


@dataclass(frozen=True, eq=False)
class Cuts:
    """Cut points, sorted along every edge from its end a to its end b.

    Per cut point: edge, line, slack (by how much t may be off), depth (the line's |value| at the two ends), vertex,
    rank (how many distinct inner vertices of the edge lie at or before it; 0 at end a, inner + 1 at end b). Per edge:
    first [e + 1] cut point, inner [e] number of new vertices.
    Per new vertex: where [m] its edge, at [m] its t, numbered from the old vertex count on, edge by edge.
    """

    edge: Array
    line: Array
    slack: Array
    depth: Array
    vertex: Array
    rank: Array
    first: Array
    inner: Array
    where: Array
    at: Array
    lines: int  # of the layer, whether they cut anything or not


def cut(cells: Cells, s: Signs, tolerance: float = TOLERANCE) -> Cuts:
    """All points where a line crosses an edge."""
    edge, line = changes(s.words, cells.ends)
    a, b = cells.ends[edge].T
    za, zb = s.values(a, line), s.values(b, line)
    t = za / (za - zb)
    slack = tolerance * s.size[line] / np.abs(za - zb)
    order = by_share(edge, t, len(cells.ends))
    edge, line, t, slack, rising = edge[order], line[order], t[order], slack[order], (zb > za)[order]
    depth = np.abs(np.stack([za, zb], axis=1))[order]
    tied = np.zeros(len(edge), bool)
    tied[1:] = (edge[1:] == edge[:-1]) & (t[1:] - t[:-1] <= slack[1:] + slack[:-1])
    group = np.cumsum(~tied) - 1
    if tied.any():
        moved = np.where(rising, -1, 1) * (line + 1)
        order = np.lexsort((moved, group))
        line, slack, depth = line[order], slack[order], depth[order]
    return numbered(cells, len(s.size), edge, line, t, slack, depth, group, tied)


def changes(words: Array, ends: Array) -> tuple[Array, Array]:
    """Pairs (edge, line) where a line's sign differs between the two ends, sorted by edge then line."""
    edges, columns = [], []
    step = max(1, BLOCK // words.shape[1])
    for start in range(0, len(ends), step):
        block = ends[start : start + step]
        differ = words[block[:, 0]] ^ words[block[:, 1]]
        row, word = np.nonzero(differ)
        bits = np.unpackbits(differ[row, word].view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
        hit, bit = np.nonzero(bits)
        edges.append(row[hit] + start)
        columns.append(word[hit] * 64 + bit)
    return np.concatenate(edges), np.concatenate(columns)


def numbered(
    cells: Cells, lines: int, edge: Array, line: Array, t: Array, slack: Array, depth: Array, group: Array, tied: Array
) -> Cuts:
    """Give every group of coinciding cut points its vertex: an end of the edge, or a new one."""
    head = np.nonzero(~tied)[0]
    tail = np.append(head[1:], len(edge)) - 1 if len(edge) else head
    where = edge[head]
    at_a, at_b = t[head] == 0, t[tail] == 1
    new = ~at_a & ~at_b
    inner = np.bincount(where[new], minlength=len(cells.ends))
    before = starts(inner)
    number = np.cumsum(new)
    vertex = np.where(at_a, cells.ends[where, 0], np.where(at_b, cells.ends[where, 1], len(cells.points) + number - 1))
    rank = np.where(at_b, inner[where] + 1, number - before[where])
    first = starts(np.bincount(edge, minlength=len(cells.ends)))
    return Cuts(edge, line, slack, depth, vertex[group], rank[group], first, inner, where[new], t[head[new]], lines)
