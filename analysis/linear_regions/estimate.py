"""Before the work: how many regions to expect, how long that takes, how much memory; and counting in tiles.

The estimate looks along a few random chords of the domain, where knots are found exactly and at once. If lines ran in
all directions alike, k knots per unit of length meant k^2 pi / 4 crossings per unit of area, and

    regions = 1 + (knots on the border) / 2 + crossings.

It is within a factor of two on trained and on random networks, and too high where lines meet in one point (a network
without biases, seen around the origin). The seconds rest on a forward pass of every stage, timed on a few points, and
are within a factor of three: 0.6 to 2.9 times those measured on dense networks of 10^4 to 10^6 regions, a third of them
on seed 2's network, whose max pools cut more cells than they leave. Beyond a budget, `count` cuts the domain into slabs
and holds one at a time. A region that a cut between slabs passes through is counted on both sides; every such region
has one edge on the cut, so

    regions = sum over slabs - edges on the cuts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from analysis.linear_regions.domain import Plane, polygon
from analysis.linear_regions.graph import Graph
from analysis.linear_regions.inheritance import heir_of
from analysis.linear_regions.operations import RELU, Array, Kink
from analysis.linear_regions.partition import partition, prepared
from analysis.linear_regions.plane.values import fits
from analysis.linear_regions.segment import segment
from analysis.linear_regions.stages import levels

CHORDS = 16
SECONDS = 2e-6  # per region, beside the forward passes at its corners: see benchmarks/regions.py
BYTES = 1000  # per region, at the peak, beside the values that are kept at its corners


@dataclass(frozen=True)
class Estimate:
    """Expected regions, seconds on one core and bytes at the peak."""

    regions: float
    seconds: float
    bytes: float


def estimate(
    network: Any, *given: Any, plane: Plane | None = None, state: Any = None, activation: Kink = RELU, seed: int = 0
) -> Estimate:
    """Look along random chords; the arguments are those of `partition`.

    >>> one = [([[1.0], [0.0]], [0.0]), ([[1.0]], [0.0])]
    >>> 1 <= estimate(one, [(-1, -1), (1, -1), (1, 1), (-1, 1)]).regions <= 4
    True
    """
    graph, domain = prepared(network, given, plane, state, activation)
    sides = np.roll(domain, -1, axis=0) - domain
    border = sum(knots(graph, a, a + side).sum() for a, side in zip(domain, sides, strict=True))
    after = domain + sides
    area = 0.5 * (domain[:, 0] * after[:, 1] - domain[:, 1] * after[:, 0]).sum()
    draw = np.random.default_rng(seed)
    length, found = 0.0, np.zeros(len(graph.stages))
    for _ in range(CHORDS):
        a, b = (domain[s] + draw.random() * sides[s] for s in draw.choice(len(domain), 2, replace=False))
        length, found = length + float(np.linalg.norm(b - a)), found + knots(graph, a, b)
    crossings = area * np.pi / 4 * (found.sum() / length) ** 2
    regions = float(1 + border / 2 + crossings)
    shares = np.append(0.0, (np.cumsum(found) / max(found.sum(), 1)) ** 2)  # of the regions, before and after stages
    memory = regions * BYTES + 8 * kept(graph, regions, shares)
    return Estimate(regions, float(seconds(graph, regions, shares, domain)), float(memory))


def knots(graph: Graph, a: Array, b: Array) -> Array:
    """How many knots each stage makes between two points, [stages]."""
    return np.bincount(segment(graph, a, b).stage[1:-1], minlength=len(graph.stages))


def seconds(graph: Graph, regions: float, shares: Array, domain: Array) -> float:
    """What cutting takes: a forward pass for every level of a stage, at the corners of about half the regions that it
    makes and of all that were there; if it is inherited, one layer at the corners from before the last stage.
    """
    points = domain.mean(axis=0) + np.linspace(0, 1, graph.rows)[:, None] * (domain[0] - domain.mean(axis=0))
    total, heir = regions * SECONDS, None
    for k, node in enumerate(graph.stages):
        if heir is None:
            work = sum(pace(level.measure, points[: level.rows]) for level in levels(graph, node))
            total += regions * (shares[k] + shares[k + 1]) / 2 * work
        else:
            layer = partial(heir.graph.sized, until=len(heir.graph.nodes) - 1)
            work = pace(layer, graph.value(points, graph.sources[k - 1]))
            total += regions * (shares[k - 1] + shares[k]) / 2 * work
        heir = heir_of(graph, node)
    return total


def pace(run: Callable[[Array], object], rows: Array) -> float:
    """Seconds that a row takes of a forward pass, the better of two measured here and now."""
    took = []
    for _ in range(2):
        start = time.perf_counter()
        run(rows)
        took.append(time.perf_counter() - start)
    return min(took) / len(rows)


def kept(graph: Graph, regions: float, shares: Array) -> float:
    """The most values kept at a time: those of one stage at the corners from before it, and of the stage before, from
    which they are inherited.
    """
    tables = [0.0]
    for share, node in zip(shares, graph.stages, strict=False):
        vertices, lines = regions * share, max(len(level.units) for level in levels(graph, node))
        tables.append(vertices * lines if fits(vertices, lines, heir_of(graph, node) is not None) else 0.0)
    return max(map(sum, pairwise(tables)), default=0.0)


def count(
    network: Any, *given: Any, tiles: int, plane: Plane | None = None, state: Any = None, activation: Kink = RELU
) -> int:
    """The number of regions, found in `tiles` slabs one after the other.

    >>> grid = [(np.eye(2), np.zeros(2)), (np.ones((2, 1)), np.zeros(1))]
    >>> count(grid, [(-1, -1), (1, -1), (1, 1), (-1, 1)], tiles=3)
    4
    """
    *params, domain = given
    if tiles < 1:
        raise ValueError(f"count: tiles must be at least 1, got {tiles}")
    total = 0
    for slab, seam in slabs(polygon(domain), tiles):
        found = partition(network, *params, slab, plane=plane, state=state, activation=activation)
        total += found.count - int((found.cells.lines == -1 - seam).sum() if seam is not None else 0)
    return total


def slabs(domain: Array, tiles: int) -> list[tuple[Array, int | None]]:
    """A convex polygon cut by vertical lines, left to right; with each slab, which of its sides is its left cut."""
    edges = np.linspace(domain[:, 0].min(), domain[:, 0].max(), tiles + 1)
    rest, found, seam = domain, [], None
    for cut in edges[1:-1]:
        left, rest = half(rest, cut, 1), half(rest, cut, -1)
        found.append((left, seam_of(left, seam)))
        seam = cut
    return [*found, (rest, seam_of(rest, seam))]


def seam_of(slab: Array, cut: float | None) -> int | None:
    if cut is None:
        return None
    on = slab[:, 0] == cut
    return int(np.nonzero(on & np.roll(on, -1))[0][0])


def half(corners: Array, cut: float, sign: int) -> Array:
    """The part of a convex polygon with sign (cut - x) >= 0."""
    side = sign * (cut - corners[:, 0])
    part = []
    for p, q, a, b in zip(corners, np.roll(corners, -1, axis=0), side, np.roll(side, -1), strict=True):
        if a >= 0:
            part.append(p)
        if a * b < 0:
            part.append(np.array([cut, p[1] + a / (a - b) * (q[1] - p[1])]))
    return np.array(part)
