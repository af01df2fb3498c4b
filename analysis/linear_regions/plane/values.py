"""The functions whose zero sets are the lines of a layer, at the vertices of a subdivision: where they come from.

`evaluated`: by a forward pass at every vertex. `inherited`: as combinations of what is known at the vertices that were
there before the last layer cut its lines (`descent`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.linear_regions.plane.cells import Array, within

Measure = Callable[[Array], tuple[Array, Array]]  # points [b, 2] -> values [b, n], size of their terms [n]

BLOCK = 1 << 18  # values or words looked at together: stays in cache
KEEP = 1 << 25  # values kept for a whole layer (256 MB); beyond, they are computed again where a cut needs them
BEQUEATH = 1 << 27  # values kept where the next layer inherits them (1 GB)


@dataclass(frozen=True, eq=False)
class Values:
    """Functions, affine on every cell, at its vertices.

    count: vertices; lines: functions; rows(some vertices) -> values [b, lines] and the size [lines] of the terms that
    they were summed from; pairs(vertices, lines): single values; step: vertices to ask for at a time; keep: whether
    all values are to be kept, since looking them up is cheaper than `pairs` or someone else wants them.
    """

    count: int
    lines: int
    rows: Callable[[Any], tuple[Array, Array]]
    pairs: Callable[[Array, Array], Array]
    step: int
    keep: bool


def fits(count: float, lines: int, wanted: bool) -> bool:
    """Whether a table of this shape may be kept; `wanted`: by the next layer."""
    return count * lines <= (BEQUEATH if wanted else KEEP)


def evaluated(points: Array, measure: Measure, lines: int, rows: int = 4096, wanted: bool = False) -> Values:
    """`measure` gives values and sizes at points [b, 2], b at most `rows`; `wanted`: the next layer inherits them."""
    step = max(1, min(rows, BLOCK // lines))

    def pairs(vertices: Array, columns: Array) -> Array:
        result = np.empty(len(vertices))
        order = np.argsort(vertices, kind="stable")
        distinct, first = np.unique(vertices[order], return_index=True)
        first = np.append(first, len(vertices))
        for start in range(0, len(distinct), step):
            some = distinct[start : start + step]
            mine = order[first[start] : first[start + len(some)]]
            z, _ = measure(points[some])
            result[mine] = z[np.searchsorted(some, vertices[mine]), columns[mine]]
        return result

    keep = fits(len(points), lines, wanted)
    return Values(len(points), lines, lambda at: measure(points[at]), pairs, step, keep)


def inherited(weights: Any, table: Array, size: Array, wanted: bool) -> Values:
    """Row v is weights[v] @ table, weights a sparse matrix [v, k], table [k, lines]."""
    count, lines = weights.shape[0], table.shape[1]

    def pairs(vertices: Array, columns: Array) -> Array:
        entries = np.diff(weights.indptr)[vertices]
        entry = np.repeat(weights.indptr[vertices], entries) + within(entries)
        terms = weights.data[entry] * table[weights.indices[entry], np.repeat(columns, entries)]
        return np.add.reduceat(terms, np.cumsum(entries) - entries) if len(vertices) else terms

    step = max(1, BLOCK // lines)
    keep = wanted and fits(count, lines, wanted)
    return Values(count, lines, lambda at: (weights[at] @ table, size), pairs, step, keep)
