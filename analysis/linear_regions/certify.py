r"""Is the count right? Every sign that it rests on, against a rigorous bound of its rounding error.

A subdivision is the true one if at every vertex every unit but those whose lines meet there has the sign it was given:
signs at the corners fix a convex cell's pattern layer by layer, edges separate different patterns, and a pattern's
region is convex, so it appears once. For unit u at the computed vertex p the true value lies within

    |z_u(p) - z_u(true p)| <= forward rounding + Lipschitz bound * |p - true p|,

both from norms of the network's layers. How far p may be from the true meeting point of its two lines follows from what
z is left there, divided by its slope along the other line. Nothing is assumed of how the vertices were found.

A decision is

    certain        |z| exceeds the bound;
    coincidence    |z| is below the tolerance and was taken as exactly zero: lines that meet in one point or coincide,
                   as they do by construction in degenerate networks;
    ambiguous      neither: rounding alone could explain the sign.

The count is certified where every decision is certain.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np

from analysis.linear_regions.graph import Bounded, Graph
from analysis.linear_regions.operations import UNIT, Array, Kink, Maximum, Operation
from analysis.linear_regions.partition import Regions
from analysis.linear_regions.plane.cells import within
from analysis.linear_regions.plane.cuts import TOLERANCE

NEAR = 1e5  # margins beyond this are not told apart


@dataclass(frozen=True)
class Certificate:
    """How many decisions were certain, coincident, ambiguous; margin: the least |z| / bound of a certain one."""

    certain: int
    coincident: int
    ambiguous: int
    margin: float
    displacement: float  # the largest bound of a vertex's error, in plane units

    @property
    def decisions(self) -> int:
        return self.certain + self.coincident + self.ambiguous

    @property
    def certified(self) -> bool:
        return self.coincident == 0 and self.ambiguous == 0

    def __str__(self) -> str:
        if self.certified:
            return f"certified: all {self.certain:,} signs exceed their error bounds, {self.margin:,.0f} times or more"
        if self.ambiguous == 0:
            return (
                f"certified up to coincidences: {self.coincident:,} of {self.decisions:,} decisions are taken as exact "
                f"zeros, all others exceed their error bounds"
            )
        return (
            f"not certified: rounding could turn {self.ambiguous:,} of {self.decisions:,} decisions, and "
            f"{self.coincident:,} are taken as exact zeros"
        )


def certify(regions: Regions) -> Certificate:
    """Check every sign at every vertex of a partition.

    >>> from analysis.linear_regions.partition import partition
    >>> square = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    >>> corner = lambda bias: [([[1, 0], [0, 1]], bias), ([[1], [1]], [0])]
    >>> certify(partition(corner([0.1, 0.2]), square)).certified
    True
    """
    labels = Labels.of(regions)
    off = displacement(regions, labels)
    totals = np.zeros(3, np.int64)
    margin = np.inf
    for block in regions.graph.blocks(len(regions.vertices)):
        counts, least = checked(regions, labels, off, block)
        totals, margin = totals + counts, min(margin, least)
    totals[1] += labels.surplus
    largest = float(off[np.isfinite(off)].max(initial=0))
    return Certificate(int(totals[0]), int(totals[1]), int(totals[2]), float(margin), largest)


@dataclass(frozen=True, eq=False)
class Labels:
    """The units that bend at each vertex, as sorted keys vertex * units + unit (units numbered across stages).

    first [stages + 1] is each stage's first unit; surplus counts lines beyond the two that determine a vertex.
    """

    units: int
    first: Array
    keys: Array
    surplus: int

    @staticmethod
    def of(regions: Regions) -> Labels:
        sizes = [regions.graph.size_of(node) for node in regions.graph.stages]
        first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        units = int(first[-1]) + int(-regions.cells.lines.min())
        keys = np.unique(regions.cells.ends.ravel() * units + np.repeat(edge_unit(regions, first), 2))
        per_vertex = np.bincount(keys // units, minlength=len(regions.vertices))
        return Labels(units, first, keys, int(np.maximum(per_vertex - 2, 0).sum()))

    def explain(self, vertices: Array, units: Array) -> Array:
        """Whether that unit bends at that vertex."""
        key = vertices * self.units + units
        at = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        return self.keys[at] == key


def edge_unit(regions: Regions, first: Array) -> Array:
    """The unit, across stages, that bends at each edge; the domain's sides come after all units."""
    lines = regions.cells.lines
    return np.where(lines < 0, first[-1] - 1 - lines, first[regions.edge_stages] + regions.edge_units)


def displacement(regions: Regions, labels: Labels) -> Array:
    """A bound of each vertex's distance from where its two lines truly meet, [v]; inf where they hardly cross.

    Along an edge (p, q), what ties at p in unit w has come apart by some height at q, in proportion to the distance. So
    a residue r_w at p moves the meeting point by r_w |p - q| / height; both lines of a vertex are moved along in turn.
    """
    edge, p, q, w = crossing_lines(regions, labels)
    rows, bound = rivals(regions, labels, np.concatenate([p, q]), np.tile(w, 2))
    tied, residue = ties(regions, labels, w, rows[: len(p)], bound[: len(p)])
    height = spread(rows[len(p) :], tied) - 2 * bound[len(p) :]
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = np.where(height > 0, residue * regions.cells.edge_lengths[edge] / height, np.inf)
    along = edge_unit(regions, labels.first)[edge]
    shift[(w == along) & (tied.sum(axis=1) < 3)] = np.nan  # two candidates tie all along their own line
    order = np.lexsort((shift, w, along, p))  # nan last
    key = np.stack([p, along, w])[:, order]
    best = order[np.append(True, (key[:, 1:] != key[:, :-1]).any(axis=0))[: len(order)]]
    total = np.bincount(
        p[best], weights=2 * np.nan_to_num(shift[best], nan=0, posinf=np.inf), minlength=len(regions.vertices)
    )
    return total + np.abs(regions.vertices).max(axis=1) * 8 * UNIT


def crossing_lines(regions: Regions, labels: Labels) -> tuple[Array, Array, Array, Array]:
    """Edge, its end p, its other end q and w, for every edge end and every unit w of the network that bends at p."""
    ends = regions.cells.ends
    edge = np.tile(np.arange(len(ends)), 2)
    p, q = np.concatenate([ends[:, 0], ends[:, 1]]), np.concatenate([ends[:, 1], ends[:, 0]])
    low = np.searchsorted(labels.keys, p * labels.units)
    count = np.searchsorted(labels.keys, (p + 1) * labels.units) - low
    owner = np.repeat(np.arange(len(p)), count)
    w = labels.keys[low[owner] + within(count)] % labels.units
    inner = w < labels.first[-1]
    owner, w = owner[inner], w[inner]
    return edge[owner], p[owner], q[owner], w


def ties(regions: Regions, labels: Labels, w: Array, rows: Array, bound: Array) -> tuple[Array, Array]:
    """Which candidates of unit w tie, [n, candidates], and how far apart rounding may hold them, [n]."""
    stage = np.searchsorted(labels.first, w, side="right") - 1
    kinked = np.array([isinstance(regions.graph.nodes[node].operation, Kink) for node in regions.graph.stages])[stage]
    leader = np.where(kinked, rows[:, 0], np.nanmax(rows, axis=1))
    tied = np.abs(rows - leader[:, None]) <= 32 * bound[:, None]
    return tied, spread(rows, tied) + 2 * bound


def spread(rows: Array, tied: Array) -> Array:
    """How far apart the tied candidates are, [n]."""
    return np.where(tied, rows, -np.inf).max(axis=1) - np.where(tied, rows, np.inf).min(axis=1)


def rivals(regions: Regions, labels: Labels, vertices: Array, units: Array) -> tuple[Array, Array]:
    """What unit w compares at vertex v, pair by pair, [n, most] filled up with nan, and a bound of the rounding, [n].

    A kink compares its value with its thresholds, a maximum its candidates.
    """
    operations = [regions.graph.nodes[node].operation for node in regions.graph.stages]
    most = max((compared(operation) for operation in operations), default=1)
    rows, off = np.full((len(vertices), most), np.nan), np.zeros(len(vertices))
    order = np.argsort(vertices, kind="stable")
    cuts = np.searchsorted(
        vertices[order], np.arange(0, len(regions.vertices) + regions.graph.rows, regions.graph.rows)
    )
    stage = np.searchsorted(labels.first, units, side="right") - 1
    placed = 16 * UNIT * np.abs(regions.vertices).max()  # coordinates are rounded too
    for block, start, stop in zip(regions.graph.blocks(len(regions.vertices)), cuts[:-1], cuts[1:], strict=False):
        pairs, points = order[start:stop], regions.vertices[block]
        measured = regions.graph.bounded(points, np.full(len(points), placed), regions.graph.sources)
        for s, z in enumerate(measured):
            mine = pairs[stage[pairs] == s]
            row, column = vertices[mine] - block.start, units[mine] - labels.first[s]
            rows[mine, : compared(operations[s])], off[mine] = contest(operations[s], z, row, column)
    return rows, off


def compared(operation: Operation) -> int:
    if isinstance(operation, Kink):
        return 1 + len(operation.thresholds)
    assert isinstance(operation, Maximum)
    return operation.index.shape[1] + operation.floor


def contest(operation: Operation, z: Bounded, row: Array, column: Array) -> tuple[Array, Array]:
    if isinstance(operation, Kink):
        levels = np.broadcast_to(operation.thresholds, (len(row), len(operation.thresholds)))
        return np.concatenate([z.value[row, column, None], levels], axis=1), z.at(row, column)
    assert isinstance(operation, Maximum)
    candidates = operation.index[column]  # [n, candidates]
    present = candidates >= 0
    values = np.where(present, z.value[row[:, None], candidates], np.nan)
    bound = np.where(present, z.at(row[:, None], candidates), 0).max(axis=1, initial=0)
    return np.concatenate([values, np.zeros((len(row), 1))], axis=1) if operation.floor else values, bound


def checked(regions: Regions, labels: Labels, off: Array, block: slice) -> tuple[Array, float]:
    """Certain, coincident and ambiguous decisions at a block of vertices, and the least margin."""
    graph, points, wild = regions.graph, regions.vertices[block], ~np.isfinite(off[block])
    totals, margin = np.zeros(3, np.int64), NEAR
    measured = graph.bounded(points, np.where(wild, 0, off[block]), graph.sources)
    for stage, (node, z) in enumerate(zip(graph.stages, measured, strict=True)):
        z = apart(graph.nodes[node].operation, z)
        near = z.value <= NEAR * (np.max(z.reach) * z.rows + z.rest)
        near[wild] = True
        row, column = np.nonzero(near)
        unexplained = ~labels.explain(block.start + row, labels.first[stage] + column)
        explained = np.count_nonzero(~unexplained)
        row, column = row[unexplained], column[unexplained]
        size, bound = z.value[row, column], np.where(wild[row], np.inf, z.at(row, column))
        doubtful = size <= bound
        exact = np.zeros(0, bool)
        if doubtful.any():
            exact = size[doubtful] <= TOLERANCE * tolerated(graph, node, points)[column[doubtful]]
        totals += np.array([z.value.size - explained - doubtful.sum(), exact.sum(), (~exact).sum()])
        margin = (size[~doubtful] / bound[~doubtful]).min(initial=margin)
    return totals, margin


def apart(operation: Operation, z: Bounded) -> Bounded:
    """How far every unit of a stage is from bending, [b, units], with error bounds: |z - threshold|, or by how much a
    window's winner leads.
    """
    if isinstance(operation, Kink):
        distances = (np.abs(z.value - threshold) for threshold in operation.thresholds)
        return Bounded(reduce(np.minimum, distances), z.reach, z.rows, z.rest)
    assert isinstance(operation, Maximum)
    rows, rest = (2 * np.where(operation.index >= 0, part[operation.index], 0).max(axis=1) for part in (z.rows, z.rest))
    return Bounded(operation.lead(z.value), z.reach, rows, rest)


def tolerated(graph: Graph, node: int, points: Array) -> Array:
    """The rounding scale of a stage's units, as the subdivision saw it."""
    operation, source = graph.nodes[node].operation, graph.nodes[node].inputs[0]
    scale = graph.sized(points, source)[1]
    return scale if isinstance(operation, Kink) else operation.size(points, scale)
