"""All linear regions of a network on a convex polygon in a plane of its input space.

    regions = partition(layers, domain)                              dense layers, ReLU between them
    regions = partition(network, params, domain, plane=Plane.through(a, b, c))

Layer by layer, every cell found so far is cut by the lines on which some unit of the layer changes its piece. On a cell
everything before the layer is affine, so those lines are straight, and the plain forward pass at the vertices says
where they run. Source: the layer-at-a-time form of Hanin and Rolnick (2019) and SplineCam (Humayun et al. 2023), with
the bookkeeping of `plane/` in place of their loop over regions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.linear_regions import domain as domains
from analysis.linear_regions.domain import Plane
from analysis.linear_regions.graph import Graph
from analysis.linear_regions.inheritance import Legacy, claimed, heir_of
from analysis.linear_regions.layers import from_layers, from_network
from analysis.linear_regions.operations import RELU, Array, Kink, Maximum
from analysis.linear_regions.plane.cells import Cells
from analysis.linear_regions.plane.chords import InconsistentSignsError
from analysis.linear_regions.plane.cuts import TOLERANCE
from analysis.linear_regions.plane.merge import join
from analysis.linear_regions.plane.subdivide import Subdivision, subdivide
from analysis.linear_regions.plane.values import Values
from analysis.linear_regions.stages import choices, levels

if TYPE_CHECKING:
    from analysis.linear_regions.boundary import Decision
    from analysis.linear_regions.certify import Certificate

TOLERANCES = (1.0, 4.0, 0.25, 16.0)  # of the usual one, tried in turn where rounding makes signs inconsistent


def partition(
    network: Any, *given: Any, plane: Plane | None = None, state: Any = None, activation: Kink = RELU
) -> Regions:
    """The linear regions of a network on a convex domain.

    Args:
        network: a list of (kernel[in, out], bias[out]) pairs, a `Graph`, or a network of `jaxcnn.networks`.
        given: the domain, counter-clockwise corners [m, 2]; for a network of `jaxcnn.networks`, its params first.
        plane: where the domain's coordinates lie in input space; not needed where inputs have two numbers.
        state: running statistics, for a network with batch norm.
        activation: what stands between the layers of a list.

    Raises:
        ValueError: a smooth layer, parameters that are not finite, a domain that is not convex, a plane that is none.

    >>> corner = partition([([[1, 0], [0, 1]], [0, 0]), ([[1], [1]], [0])], [(-1, -1), (1, -1), (1, 1), (-1, 1)])
    >>> corner.count, corner.areas.tolist()
    (4, [1.0, 1.0, 1.0, 1.0])
    """
    graph, corners = prepared(network, given, plane, state, activation)
    cells, parents, lines = Cells.polygon(corners), [], Lines(np.empty(0, np.int64), np.empty(0, np.int64))
    legacy = None
    for stage, node in enumerate(graph.stages):
        cells, parent, lines, legacy = cut_stage(graph, node, stage, cells, lines, legacy)
        parents.append(parent)
    return Regions(graph, plane, cells, tuple(parents), lines.stage, lines.unit)


def prepared(
    network: Any, given: tuple[Any, ...], plane: Plane | None, state: Any, activation: Kink
) -> tuple[Graph, Array]:
    """The network as a function of plane coordinates, and the checked domain."""
    *params, domain = given or (None,)
    if isinstance(network, Graph):
        graph = network
    elif hasattr(network, "run"):
        if not params:
            raise TypeError(
                "partition: a network needs its parameters; call partition(network, params, domain, plane=...)"
            )
        graph = from_network(network, params[0], (2,) if plane is None else plane.origin.shape, state)
    else:
        graph = from_layers(network, activation)
    corners = domains.polygon(domain)
    size = 2 if plane is None else plane.origin.size
    if graph.inputs != size:
        raise ValueError(
            f"partition: the network has {graph.inputs} inputs but "
            f"{'there is no plane' if plane is None else f'the plane lies among {size}'}; "
            f"give plane=Plane(origin, axes) with an origin of {graph.inputs} numbers"
        )
    return (graph if plane is None else graph.on(plane)), corners


@dataclass(frozen=True, eq=False)
class Lines:
    """What every line drawn so far belongs to: the stage, and the unit within it."""

    stage: Array
    unit: Array

    def plus(self, stage: int, units: Array) -> Lines:
        return Lines(np.append(self.stage, np.full(len(units), stage)), np.append(self.unit, units))


def cut_stage(
    graph: Graph, node: int, stage: int, cells: Cells, lines: Lines, legacy: Legacy | None = None
) -> tuple[Cells, Array, Lines, Legacy | None]:
    """Cut all cells by one stage; the parent of each new cell is the old one it lies in. `legacy`: what the stage
    before left to this one; the last result is what this one leaves.
    """
    operation = graph.nodes[node].operation
    if isinstance(operation, Kink):
        return cut_kink(graph, node, operation, stage, cells, lines, legacy)
    assert isinstance(operation, Maximum)
    parent = np.arange(cells.count)
    for level in levels(graph, node):
        cut = cut_level(cells, level.at(cells.points), len(lines.unit))
        cells, parent, lines = cut.cells, parent[cut.parent], lines.plus(stage, level.units)
    cells, one = join(cells, decided_alike(graph, node, cells, parent))
    parent = parent[one]
    if operation.shared > 1:
        cells, lines = relabelled(graph, node, stage, cells, lines)
    return cells, parent, lines, None


def cut_kink(
    graph: Graph, node: int, kink: Kink, stage: int, cells: Cells, lines: Lines, legacy: Legacy | None
) -> tuple[Cells, Array, Lines, Legacy | None]:
    """The same for a kink, whose lines are all drawn at once."""
    [level] = levels(graph, node)
    heir = heir_of(graph, node)
    wanted = heir is not None
    field = level.at(cells.points, wanted) if legacy is None else claimed(legacy, kink, wanted)
    cut = cut_level(cells, field, len(lines.unit), heir.terms if heir is not None and field.keep else 0)
    table, left = cut.signs.table, None
    if heir is not None and table is not None and cut.weights is not None:
        left = Legacy(heir, table, cut.signs.size, cut.weights)
    return cut.cells, cut.parent, lines.plus(stage, level.units), left


def relabelled(graph: Graph, node: int, stage: int, cells: Cells, lines: Lines) -> tuple[Cells, Lines]:
    """Overlapping windows fight some matches together; name each new edge after the first window that changes there."""
    edge = np.nonzero(np.append(lines.stage, -1)[np.maximum(cells.lines, -1)] == stage)[0]
    window = np.empty(len(edge), np.int64)
    for block in graph.blocks(len(edge)):
        left, right = (choices(graph, node, cells.centres[side]) for side in cells.edge_cells[edge[block]].T)
        window[block] = (left != right).argmax(axis=1)
    named = cells.lines.copy()
    named[edge] = len(lines.unit) + window
    return replace(cells, lines=named), lines.plus(stage, np.arange(graph.size_of(node)))


def cut_level(cells: Cells, field: Values, first_line: int, terms: float = 0) -> Subdivision:
    for factor in TOLERANCES:
        try:
            return subdivide(cells, field, first_line, factor * TOLERANCE, terms)
        except InconsistentSignsError as reason:
            problem = reason
    raise problem


def decided_alike(graph: Graph, node: int, cells: Cells, parent: Array) -> Array:
    """A number for each cell, equal where parent and the winners of all windows are equal (a 64-bit hash of these)."""
    weights = np.random.default_rng(0).integers(1 << 63, size=graph.size_of(node), dtype=np.uint64) * 2 + 1
    several = np.nonzero(np.bincount(parent)[parent] > 1)[0]
    key = np.zeros(cells.count, np.uint64)
    for block in graph.blocks(len(several)):
        winners = choices(graph, node, cells.centres[several[block]]).astype(np.uint64) + 1
        key[several[block]] = (winners * (winners + weights)) @ weights
    return np.unique(np.stack([parent.astype(np.uint64), key]), axis=1, return_inverse=True)[1]


@dataclass(frozen=True, eq=False)
class Regions:
    """The linear regions of a network on a polygon.

    Fields: the graph, as a function of plane coordinates; the plane (None: the coordinates are the inputs); the cells;
    parents: per stage, the region before it that each region after it lies in; line_stage, line_unit: what line
    `cells.lines` of an edge stands for (negative: a side of the domain).
    """

    graph: Graph
    plane: Plane | None
    cells: Cells
    parents: tuple[Array, ...]
    line_stage: Array
    line_unit: Array

    @property
    def count(self) -> int:
        """Regions of distinct activation pattern."""
        return self.cells.count

    @property
    def vertices(self) -> Array:
        """Plane coordinates, [v, 2]."""
        return self.cells.points

    @property
    def areas(self) -> Array:
        """In units of the plane's coordinates, [f]."""
        return self.cells.areas

    @property
    def polygons(self) -> list[Array]:
        """The corners of every region, counter-clockwise, each [m, 2]."""
        return np.split(self.cells.points[self.cells.corners], self.cells.offsets[1:-1])

    @property
    def stage_names(self) -> list[str]:
        return [self.graph.nodes[node].name for node in self.graph.stages]

    @cached_property
    def edge_stages(self) -> Array:
        """The stage whose unit bends at each edge, -1 on the domain's border, [e]."""
        return np.where(
            self.cells.lines < 0, -1, self.line_stage[np.maximum(self.cells.lines, 0)] if len(self.line_stage) else -1
        )

    @cached_property
    def edge_units(self) -> Array:
        """That unit's number within its stage, -1 on the domain's border, [e]."""
        return np.where(
            self.cells.lines < 0, -1, self.line_unit[np.maximum(self.cells.lines, 0)] if len(self.line_unit) else -1
        )

    @cached_property
    def birth(self) -> Array:
        """The last stage that cut anything off each region, -1 if none did, [f]."""
        born = np.full(1, -1)
        for stage, parent in enumerate(self.parents):
            cut = np.bincount(parent, minlength=len(born))[parent] > 1
            born = np.where(cut, stage, born[parent])
        return born

    def pattern(self, stage: int) -> Array:
        """What a stage decides in every region, int8 [f, units]: the piece of each kink (ReLU: 0 off, 1 on) or the
        winner in each window."""
        node = self.graph.stages[stage]
        centres = self.cells.centres
        return np.concatenate([choices(self.graph, node, centres[block]) for block in self.graph.blocks(self.count)])

    @cached_property
    def affine_maps(self) -> Array:
        """The network on every region, y = (u, v, 1) @ map, [f, 3, outputs]."""
        maps = []
        for block in self.graph.blocks(self.count, arrays=4):  # values, two derivatives and what makes the next ones
            x = self.cells.centres[block]
            y, (du, dv) = self.graph.tangents(x, np.broadcast_to(np.eye(2)[:, None], (2, *x.shape)))
            maps.append(np.stack([du, dv, y - x[:, :1] * du - x[:, 1:] * dv], axis=1))
        return np.concatenate(maps)

    @cached_property
    def boundary(self) -> Decision:
        """The decision boundary of the network's outputs (`boundary.decision`)."""
        from analysis.linear_regions.boundary import decision

        return decision(self)

    @cached_property
    def certificate(self) -> Certificate:
        """Whether every sign that the count rests on exceeds its rounding error (`certify.certify`)."""
        from analysis.linear_regions.certify import certify

        return certify(self)

    def save(self, path: Path | str) -> None:
        """Write the partition as plain arrays: a compressed npz with the fields of `Cells`, units, parents and maps."""
        cells = self.cells
        named: dict[str, Any] = {f"parents_{stage}": parent for stage, parent in enumerate(self.parents)}
        if self.plane is not None:
            named |= {"origin": self.plane.origin, "axes": self.plane.axes}
        np.savez_compressed(
            path,
            points=cells.points,
            ends=cells.ends,
            offsets=cells.offsets,
            corners=cells.corners,
            sides=cells.sides,
            edge_stages=self.edge_stages,
            edge_units=self.edge_units,
            stage_names=np.array(self.stage_names),
            affine_maps=self.affine_maps,
            **named,
        )
