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

import numpy as np

from analysis.linear_regions.graph import Bounded, Graph
from analysis.linear_regions.operations import Array, Kink, Maximum
from analysis.linear_regions.partition import Regions
from analysis.linear_regions.plane.cuts import TOLERANCE


@dataclass(frozen=True)
class Certificate:
    """How many decisions were certain, coincident, ambiguous; margin: the least |z| / bound of a certain one."""

    certain: int
    coincident: int
    ambiguous: int
    margin: float
    displacement: float  # the largest bound of a vertex's error, in plane units

    @property
    def certified(self) -> bool:
        return self.coincident == 0 and self.ambiguous == 0

    def __str__(self) -> str:
        if self.certified:
            return f"certified: all {self.certain:,} signs exceed their error bounds, the closest {self.margin:.3g} times"
        return (
            f"not certified: of {self.certain + self.coincident + self.ambiguous:,} decisions {self.coincident:,} were taken as "
            f"exact coincidences and {self.ambiguous:,} are within rounding of the other sign"
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
        for stage, node in enumerate(regions.graph.stages):
            counts, least = checked(regions, labels, off, block, stage, node)
            totals += counts
            margin = min(margin, least)
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

    Along an edge (p, q) on line v, line w through p has slope |z_w(q)| / |p - q|, so a residue r_w at p moves the
    meeting point by r_w |p - q| / |z_w(q)|; both lines of a vertex are moved along in turn.
    """
    edge, p, q, w = crossing_lines(regions, labels)
    residue, slope = np.zeros(len(p)), np.zeros(len(p))
    size, off = lookup(regions, labels, np.concatenate([p, q]), np.tile(w, 2))
    residue, height = size[: len(p)] + off[: len(p)], size[len(p) :] - off[len(p) :]
    with np.errstate(divide="ignore"):
        slope = np.maximum(height, 0) / regions.cells.edge_lengths[edge]
        shift = np.where(residue > 0, residue / slope, 0)
    corner = np.abs(regions.vertices).max(axis=1) * 4 * np.finfo(float).eps
    along = p * labels.units + edge_unit(regions, labels.first)[edge]
    order = np.lexsort((shift, along))
    best = order[np.append(True, along[order[1:]] != along[order[:-1]])] if len(order) else order
    return corner + np.bincount(p[best], weights=shift[best], minlength=len(regions.vertices))


def crossing_lines(regions: Regions, labels: Labels) -> tuple[Array, Array, Array, Array]:
    """For every edge end p (other end q), every unit w that bends at p but not along the edge."""
    ends = regions.cells.ends
    edge = np.tile(np.arange(len(ends)), 2)
    p, q = np.concatenate([ends[:, 0], ends[:, 1]]), np.concatenate([ends[:, 1], ends[:, 0]])
    low = np.searchsorted(labels.keys, p * labels.units)
    count = np.searchsorted(labels.keys, (p + 1) * labels.units) - low
    owner = np.repeat(np.arange(len(p)), count)
    w = labels.keys[low[owner] + np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)] % labels.units
    other = (w != edge_unit(regions, labels.first)[edge[owner]]) & (w < labels.first[-1])
    owner, w = owner[other], w[other]
    return edge[owner], p[owner], q[owner], w


def lookup(regions: Regions, labels: Labels, vertices: Array, units: Array) -> tuple[Array, Array]:
    """|z| of units at vertices, pair by pair, and the bounds of their rounding errors."""
    size, off = np.zeros(len(vertices)), np.zeros(len(vertices))
    order = np.argsort(vertices, kind="stable")
    for block in regions.graph.blocks(len(regions.vertices)):
        points = regions.vertices[block]
        start, stop = np.searchsorted(vertices[order], [block.start, block.start + len(points)])
        pairs = order[start:stop]
        stage = np.searchsorted(labels.first, units[pairs], side="right") - 1
        for s, node in enumerate(regions.graph.stages):
            mine = pairs[stage == s]
            if len(mine):
                measured = deciding(regions.graph, node, points, np.zeros(len(points)))
                row, column = vertices[mine] - block.start, units[mine] - labels.first[s]
                size[mine], off[mine] = measured.value[row, column], measured.at(row, column)
    return size, off


def deciding(graph: Graph, node: int, points: Array, error: Array) -> Bounded:
    """How far every unit of a stage is from bending, [b, units], with error bounds: |z - threshold|, or by how much a
    window's winner leads."""
    operation, source = graph.nodes[node].operation, graph.nodes[node].inputs[0]
    z = graph.bounded(points, error, source)
    if isinstance(operation, Kink):
        distance = np.abs(z.value - operation.thresholds[0])
        for threshold in operation.thresholds[1:]:
            distance = np.minimum(distance, np.abs(z.value - threshold))
        return Bounded(distance, z.reach, z.rows, z.rest)
    assert isinstance(operation, Maximum)
    best = np.sort(operation.candidates(z.value), axis=2)[..., -2:]
    rows, rest = (2 * np.where(operation.index >= 0, part[operation.index], 0).max(axis=1) for part in (z.rows, z.rest))
    return Bounded(best[..., 1] - best[..., 0] if best.shape[2] > 1 else np.full(best.shape[:2], np.inf), z.reach, rows, rest)


def checked(
    regions: Regions, labels: Labels, off: Array, block: slice, stage: int, node: int
) -> tuple[Array, float]:
    """Certain, coincident and ambiguous decisions of one stage at a block of vertices, and the least margin."""
    points, error = regions.vertices[block], off[block]
    z = deciding(regions.graph, node, points, np.where(np.isfinite(error), error, 0))
    wild = ~np.isfinite(error)
    reach = np.max(z.reach)
    near = z.value <= 16 * (reach * z.rows + z.rest)
    near[wild] = True
    row, column = np.nonzero(near)
    open_ = ~labels.explain(block.start + row, labels.first[stage] + column)
    row, column = row[open_], column[open_]
    explained = len(open_) - len(row)
    bound = np.where(wild[row], np.inf, z.at(row, column))
    size = z.value[row, column]
    doubtful = size <= bound
    exact = size[doubtful] <= TOLERANCE * tolerated(regions.graph, node, points)[column[doubtful]]
    counts = np.array([z.value.size - explained - doubtful.sum(), exact.sum(), (~exact).sum()])
    with np.errstate(divide="ignore"):
        least = (size / bound)[~doubtful].min(initial=np.inf)
    return counts, least


def tolerated(graph: Graph, node: int, points: Array) -> Array:
    """The rounding scale of a stage's units, as the subdivision saw it."""
    operation, source = graph.nodes[node].operation, graph.nodes[node].inputs[0]
    scale = graph.sized(points, source)[1]
    return scale if isinstance(operation, Kink) else operation.size(points, scale)
