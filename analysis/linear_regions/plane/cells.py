"""A subdivision of a convex polygon into convex cells: vertices, edges, and every cell as a counter-clockwise walk.

The walks are stored one after the other (compressed rows): cell f owns the sides `offsets[f]:offsets[f + 1]`, side s
starts at vertex `corners[s]`, runs along edge `sides[s]` and ends where the next side of the cell starts. Two cells
that touch along an edge name the same edge, so whatever is known of an edge is known once. The domain's own corners are
the first vertices, always.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Cells:
    """Shapes: points [v, 2]; ends [e, 2] vertices of an edge; lines [e] the line it lies on (-1 - k: side k of the
    domain); offsets [f + 1]; corners [s] and sides [s] as above.
    """

    points: Array
    ends: Array
    lines: Array
    offsets: Array
    corners: Array
    sides: Array

    @staticmethod
    def polygon(corners: Array) -> Cells:
        """The domain itself: one cell.

        >>> Cells.polygon(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])).areas.tolist()
        [0.5]
        """
        m = len(corners)
        start = np.arange(m)
        ends = np.stack([start, (start + 1) % m], axis=1)
        return Cells(np.array(corners, float), ends, -1 - start, np.array([0, m]), start, start.copy())

    @property
    def count(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def lengths(self) -> Array:
        """Sides per cell, [f]."""
        return np.diff(self.offsets)

    @cached_property
    def cell_of_side(self) -> Array:
        return np.repeat(np.arange(self.count), self.lengths)  # [s]

    @cached_property
    def next_side(self) -> Array:
        """The side that follows each side on its cell's walk, [s]."""
        following = np.arange(1, len(self.corners) + 1)
        following[self.offsets[1:] - 1] = self.offsets[:-1]
        return following

    @cached_property
    def areas(self) -> Array:
        """Signed area of every cell (shoelace, about the cell's first corner: small cells keep their digits), [f]."""
        base = np.repeat(self.points[self.corners[self.offsets[:-1]]], self.lengths, axis=0)
        p = self.points[self.corners] - base
        q = p[self.next_side]
        return 0.5 * np.add.reduceat(p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0], self.offsets[:-1])

    @cached_property
    def centres(self) -> Array:
        """Mean of the corners: a point strictly inside, since cells are convex, [f, 2]."""
        return np.add.reduceat(self.points[self.corners], self.offsets[:-1], axis=0) / self.lengths[:, None]

    @cached_property
    def edge_cells(self) -> Array:
        """The cells on the left and on the right of every edge, -1 where the domain ends, [e, 2]."""
        forward = self.corners == self.ends[self.sides, 0]
        result = np.full((len(self.ends), 2), -1)
        result[self.sides, np.where(forward, 0, 1)] = self.cell_of_side
        return result

    @cached_property
    def edge_lengths(self) -> Array:
        return np.linalg.norm(self.points[self.ends[:, 1]] - self.points[self.ends[:, 0]], axis=1)  # [e]

    @property
    def euler(self) -> int:
        """V - E + F, which is 1 for every subdivision of a disc (the outside not counted)."""
        return len(self.points) - len(self.ends) + self.count


def within(counts: Array) -> Array:
    """0, 1, .. counts[0] - 1, 0, 1, .. counts[1] - 1, ..

    >>> within(np.array([2, 0, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)


def starts(counts: Array) -> Array:
    """Where each run begins when runs of these lengths are laid end to end, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(counts)])


def by_share(group: Array, share: Array, groups: int) -> Array:
    """The order by group, then by share in [0, 1], then as given: a sort of whole numbers, whose upper digits are the
    group and whose lower ones the share, unless these digits do not tell some neighbours apart.

    >>> by_share(np.array([1, 0, 1]), np.array([0.7, 0.5, 0.2]), 2).tolist()
    [1, 2, 0]
    """
    digits = min(52, 62 - groups.bit_length())
    order = np.argsort((group << digits) + (share * (2.0**digits - 1)).astype(np.int64))
    group_of, sorted_share = group[order], share[order]
    rising = (sorted_share[1:] > sorted_share[:-1]) | (group_of[1:] != group_of[:-1])
    return order if rising.all() else np.lexsort((share, group))
