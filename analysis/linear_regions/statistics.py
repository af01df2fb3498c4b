"""Numbers about a partition: how many regions, how large, how strongly the network bends between them, what it is not.

A region of one activation pattern need not be a piece of the function: where nothing downstream listens, a unit
switches without a kink. The kink strength of an edge is the Frobenius norm of the change of the output's gradient
across it (per unit of plane length); regions joined across edges of none are the true affine pieces.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from analysis.linear_regions.graph import Graph
from analysis.linear_regions.operations import Array
from analysis.linear_regions.partition import Regions
from analysis.linear_regions.stages import all_choices

FLAT = 1e-9  # kinks below this share of the largest gradient are none


def gradient_norms(regions: Regions) -> Array:
    """The Frobenius norm of the output's gradient by the plane's coordinates in every region, [f]."""
    return np.sqrt(np.square(regions.affine_maps[:, :2]).sum(axis=(1, 2)))


def kinks(regions: Regions) -> Array:
    """The kink strength of every edge, 0 on the domain's border, [e]."""
    left, right = regions.cells.edge_cells.T
    jump = regions.affine_maps[left, :2] - regions.affine_maps[right, :2]
    return np.where((left >= 0) & (right >= 0), np.sqrt(np.square(jump).sum(axis=(1, 2))), 0.0)


def pieces(regions: Regions) -> Array:
    """The true affine piece that each region belongs to, numbered from 0, [f]."""
    left, right = regions.cells.edge_cells.T
    inner = (left >= 0) & (right >= 0)
    flat = inner & (kinks(regions) <= FLAT * gradient_norms(regions).max())
    links = coo_array((np.ones(flat.sum()), (left[flat], right[flat])), shape=(regions.count, regions.count))
    return connected_components(links, directed=False)[1]


@dataclass(frozen=True)
class Statistics:
    """A partition in numbers. Lengths and areas are in units of the plane; means of gradients are over the area."""

    regions: int
    affine_pieces: int
    vertices: int
    edges: int
    regions_after_stage: dict[str, int]
    edge_length_by_stage: dict[str, float]
    mean_sides: float
    smallest_area: float
    largest_area: float
    mean_gradient_norm: float
    dirichlet_energy: float
    total_kink: float

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON holds them."""
        return asdict(self)


def statistics(regions: Regions) -> Statistics:
    """All of it at once.

    >>> from analysis.linear_regions.partition import partition
    >>> valley = [([[1.0, -1.0], [0.0, 0.0]], [0.0, 0.0]), ([[1.0], [1.0]], [0.0])]  # |x|
    >>> found = statistics(partition(valley, [(-1, -1), (1, -1), (1, 1), (-1, 1)]))
    >>> found.regions, found.mean_gradient_norm, found.total_kink  # the slope jumps by 2 along a line of length 2
    (2, 1.0, 4.0)
    """
    cells, norms, names = regions.cells, gradient_norms(regions), regions.stage_names
    length = np.bincount(regions.edge_stages + 1, weights=cells.edge_lengths, minlength=len(names) + 1)[1:]
    return Statistics(
        regions=regions.count,
        affine_pieces=int(pieces(regions).max()) + 1,
        vertices=len(cells.points),
        edges=len(cells.ends),
        regions_after_stage={name: len(parent) for name, parent in zip(names, regions.parents, strict=True)},
        edge_length_by_stage=dict(zip(names, length.tolist(), strict=True)),
        mean_sides=float(cells.lengths.mean()),
        smallest_area=float(cells.areas.min()),
        largest_area=float(cells.areas.max()),
        mean_gradient_norm=float(norms @ cells.areas / cells.areas.sum()),
        dirichlet_energy=float(np.square(norms) @ cells.areas),
        total_kink=float(kinks(regions) @ cells.edge_lengths),
    )


@dataclass(frozen=True)
class Invariants:
    """What must hold of every partition: V - E + F = 1; the areas sum to the domain's; no pattern appears twice; the
    affine map of a region is the network at a random point inside; the maps of two regions agree along their edge.
    """

    euler: int
    area_error: float  # relative
    distinct_patterns: bool
    map_error: float  # relative to the largest output
    seam_error: float  # the same

    @property
    def ok(self) -> bool:
        return (
            self.euler == 1
            and self.area_error < 1e-12
            and self.distinct_patterns
            and max(self.map_error, self.seam_error) < 1e-10
        )


def invariants(regions: Regions, seed: int = 0) -> Invariants:
    """Check a partition without knowing how it was made."""
    cells = regions.cells
    domain = cells.points[: -cells.lines.min()]
    after = np.roll(domain, -1, axis=0)
    area = 0.5 * float((domain[:, 0] * after[:, 1] - domain[:, 1] * after[:, 0]).sum())
    share = np.random.default_rng(seed).exponential(size=len(cells.corners))
    share /= np.add.reduceat(share, cells.offsets[:-1])[cells.cell_of_side]
    inside = np.add.reduceat(share[:, None] * cells.points[cells.corners], cells.offsets[:-1])
    values = np.concatenate([regions.graph.value(inside[block]) for block in regions.graph.blocks(len(inside))])
    scale = max(float(np.abs(values).max()), np.finfo(float).tiny)
    keys = pattern_keys(regions.graph, cells.centres)
    return Invariants(
        cells.euler,
        abs(float(cells.areas.sum()) / area - 1),
        len(np.unique(keys)) == cells.count,
        float(np.abs(mapped(regions, np.arange(cells.count), inside) - values).max()) / scale,
        seam_error(regions) / scale,
    )


def mapped(regions: Regions, cell: Array, points: Array) -> Array:
    """Each point through its cell's affine map, [n, outputs]."""
    maps = regions.affine_maps[cell]
    return np.einsum("ni,nio->no", np.concatenate([points, np.ones((len(points), 1))], axis=1), maps)


def seam_error(regions: Regions) -> float:
    """The largest disagreement of two neighbours' affine maps at the ends of their common edge."""
    left, right = regions.cells.edge_cells.T
    inner = (left >= 0) & (right >= 0)
    gaps = (
        np.abs(mapped(regions, left[inner], points) - mapped(regions, right[inner], points)).max(initial=0)
        for points in regions.cells.points[regions.cells.ends[inner]].swapaxes(0, 1)
    )
    return float(max(gaps))


def pattern_keys(graph: Graph, points: Array) -> Array:
    """A 64-bit hash of all stages' decisions at each point."""
    draw = np.random.default_rng(0)
    weights = [draw.integers(1 << 63, size=(graph.size_of(node), 128), dtype=np.uint64) for node in graph.stages]
    keys = np.zeros(len(points), np.uint64)
    for block in graph.blocks(len(points)):
        for decided, table in zip(all_choices(graph, points[block]), weights, strict=True):
            if decided.max(initial=0) <= 1:
                keys[block] += decided.astype(np.uint64) @ table[:, 1]
            else:
                keys[block] += table[np.arange(table.shape[0]), decided.astype(np.int64)].sum(axis=1, dtype=np.uint64)
    return keys


def seen_by_grid(regions: Regions, side: int) -> int:
    """How many regions a grid of side * side points over the domain's bounding box sees, as colouring pixels does."""
    low, high = regions.vertices.min(axis=0), regions.vertices.max(axis=0)
    axes = (low[i] + (high[i] - low[i]) * (np.arange(side) + 0.5) / side for i in (0, 1))
    return len(np.unique(pattern_keys(regions.graph, np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2))))
