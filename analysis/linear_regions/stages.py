"""The lines that a stage of a network draws: functions, affine on every cell so far, at whose zeros it bends.

A kink draws one line per unit and threshold, z - threshold. A maximum over candidates is decided as a tournament: first
z_a - z_b and z_c - z_d are zero somewhere, then the difference of the two winners, and so on; afterwards cells in which
every window has the same winner are one again (`partition` joins them).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from analysis.linear_regions.graph import Graph
from analysis.linear_regions.operations import Array, Kink, Maximum
from analysis.linear_regions.plane.values import Measure, Values, evaluated

FLOOR, NOBODY = -1, -2  # candidates beside the columns: the constant 0, and minus infinity
Slot = frozenset[int]


@dataclass(frozen=True, eq=False)
class Level:
    """Lines to be drawn at once: their values and rounding sizes at points, the unit [n] that each belongs to, and how
    many points to measure at a time.
    """

    measure: Measure
    units: Array
    rows: int

    def at(self, points: Array, wanted: bool = False) -> Values:
        """The values at all vertices, each from a forward pass; `wanted`: by the next stage."""
        return evaluated(points, self.measure, len(self.units), self.rows, wanted)


def levels(graph: Graph, node: int) -> list[Level]:
    """The levels of one stage."""
    operation, source = graph.nodes[node].operation, graph.nodes[node].inputs[0]
    if isinstance(operation, Kink):
        return [kink_level(graph, source, operation)]
    assert isinstance(operation, Maximum)
    return [maximum_level(graph, source, matches) for matches in tournament(operation)]


def kink_level(graph: Graph, source: int, kink: Kink) -> Level:
    size = graph.size_of(source)

    def measure(points: Array) -> tuple[Array, Array]:
        z, scale = graph.sized(points, source)
        z = np.concatenate([z - threshold for threshold in kink.thresholds], axis=1)
        return z, np.concatenate([scale + abs(threshold) for threshold in kink.thresholds])

    return Level(measure, np.tile(np.arange(size), len(kink.thresholds)), graph.rows)


def maximum_level(graph: Graph, source: int, matches: dict[tuple[Slot, Slot], int]) -> Level:
    left, right = (table([pair[side] for pair in matches]) for side in (0, 1))

    def measure(points: Array) -> tuple[Array, Array]:
        z, scale = graph.sized(points, source)
        rows = np.concatenate([z, np.full((len(z), 1), -np.inf), np.zeros((len(z), 1))], axis=1)  # NOBODY, FLOOR
        size = np.concatenate([scale, [0.0, 0.0]])
        return largest(rows, left) - largest(rows, right), np.maximum(size[left].max(axis=1), size[right].max(axis=1))

    return Level(measure, np.array(list(matches.values())), graph.rows)


def largest(rows: Array, columns: Array) -> Array:
    """The largest of some columns, [b, lines] for columns [lines, widest]."""
    best = np.take(rows, columns[:, 0], axis=1)
    for column in columns.T[1:]:
        np.maximum(best, np.take(rows, column, axis=1), out=best)
    return best


@lru_cache(maxsize=64)
def tournament(operation: Maximum) -> list[dict[tuple[Slot, Slot], int]]:
    """Rounds of matches between sets of candidates, each with the output it is fought for; the same match of two
    windows that overlap is fought once.

    >>> [len(matches) for matches in tournament(Maximum(np.array([[0, 1, 2, 3]]), floor=True))]
    [2, 1, 1]
    """
    field = [
        [frozenset([int(c)]) for c in row if c >= 0] + ([frozenset([FLOOR])] if operation.floor else [])
        for row in operation.index
    ]
    rounds = []
    while any(len(slots) > 1 for slots in field):
        matches: dict[tuple[Slot, Slot], int] = {}
        for unit, slots in enumerate(field):
            for a, b in zip(slots[::2], slots[1::2], strict=False):
                if (b, a) not in matches:
                    matches.setdefault((a, b), unit)
        rounds.append(matches)
        field = [[frozenset().union(*slots[k : k + 2]) for k in range(0, len(slots), 2)] for slots in field]
    return rounds


def table(slots: list[Slot]) -> Array:
    """Columns of the candidates of every slot, filled up with NOBODY, [lines, widest]."""
    widest = max(map(len, slots))
    return np.array([sorted(slot) + [NOBODY] * (widest - len(slot)) for slot in slots])


def choices(graph: Graph, node: int, points: Array) -> Array:
    """What a stage decides at points: the piece of each unit's kink or the winner of each window, int8 [n, units]."""
    return chosen(graph.nodes[node].operation, graph.value(points, graph.nodes[node].inputs[0]))


def all_choices(graph: Graph, points: Array) -> list[Array]:
    """The same for all stages, from one pass."""
    return [
        chosen(graph.nodes[node].operation, z)
        for node, z in zip(graph.stages, graph.values(points, graph.sources), strict=True)
    ]


def chosen(operation: Any, z: Array) -> Array:
    return operation.piece(z) if isinstance(operation, Kink) else operation.winner(z)
