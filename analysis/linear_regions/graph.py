"""A piecewise-linear network as a graph of operations, and the ways to run it.

A node takes earlier nodes as inputs; input -1 is the network's own. The nodes that bend (kinks and maxima) are its
stages: between two of them everything is affine, so the plain forward pass is all that the geometry needs to know of a
convolution, a pool or a sum of branches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis.linear_regions.affine import dense
from analysis.linear_regions.domain import Plane
from analysis.linear_regions.operations import RELU, Affine, Array, Kink, Maximum, Operation, Sum

BLOCK = 1 << 18  # floats of the widest layer in a block of rows


@dataclass(frozen=True, eq=False)
class Node:
    """An operation in its place: a name for people, and the nodes it takes."""

    name: str
    operation: Operation
    inputs: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Bounded:
    """Rows [b, n] with the bound reach[b] rows[n] + rest[n] of each number's error."""

    value: Array
    reach: Array
    rows: Array
    rest: Array

    def at(self, row: Array, column: Array) -> Array:
        return self.reach[row] * self.rows[column] + self.rest[column]


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in running order, the last of which is the output; `inputs` counts the values of one example."""

    nodes: tuple[Node, ...]
    inputs: int
    width: int  # the widest row at any node, for blocks

    @property
    def stages(self) -> tuple[int, ...]:
        """The nodes that bend, in order."""
        return tuple(i for i, node in enumerate(self.nodes) if isinstance(node.operation, Kink | Maximum))

    @property
    def sources(self) -> tuple[int, ...]:
        """What each of them bends."""
        return tuple(self.nodes[i].inputs[0] for i in self.stages)

    def size_of(self, node: int) -> int:
        """How many values a node has."""
        return self.value(np.zeros((1, self.inputs)), node).shape[1]

    def run(self, start: Any, until: int, rule: Callable[..., Any]) -> Any:
        """Send `start` through the graph; `rule(operation, *inputs)` says what each node makes of its inputs."""
        values = {-1: start}
        for i in self.needed(until):
            node = self.nodes[i]
            values[i] = rule(node.operation, *(values[j] for j in node.inputs))
        return values[until]

    def needed(self, *until: int) -> list[int]:
        """The nodes that some nodes depend on, themselves included, in order."""
        needed = set(until)
        for i in range(max(until, default=-1), -1, -1):
            if i in needed:
                needed.update(self.nodes[i].inputs)
        return sorted(needed - {-1})

    def value(self, x: Array, until: int | None = None) -> Array:
        """The rows of a node (by default the output) for inputs [b, inputs]."""
        return self.run(x, len(self.nodes) - 1 if until is None else until, lambda operation, *xs: operation.value(*xs))

    def values(self, x: Array, nodes: Sequence[int]) -> list[Array]:
        """The rows of several nodes from one pass."""
        rows = {-1: x}
        for i in self.needed(*nodes):
            rows[i] = self.nodes[i].operation.value(*(rows[j] for j in self.nodes[i].inputs))
        return [rows[node] for node in nodes]

    def sized(self, x: Array, until: int, size: Array | float = 0.0) -> tuple[Array, Array]:
        """The same, and how large the terms were that each column was summed from, [size]; `size`: those of x."""

        def rule(operation: Operation, *pairs: tuple[Array, Array]) -> tuple[Array, Array]:
            values = (value for value, _ in pairs)
            return operation.value(*values), operation.size(*(part for pair in pairs for part in pair))

        return self.run((x, np.broadcast_to(size, x.shape[1])), until, rule)

    def tangents(self, x: Array, directions: Array) -> tuple[Array, Array]:
        """The output at x [b, inputs], and its derivatives along directions [k, b, inputs]."""

        def rule(operation: Operation, *pairs: tuple[Array, Array]) -> tuple[Array, Array]:
            return operation.value(*(value for value, _ in pairs)), operation.tangent(
                *(x for pair in pairs for x in pair)
            )

        return self.run((x, directions), len(self.nodes) - 1, rule)

    def gradient(self, x: Array, dy: Array) -> Array:
        """The derivative of sum(dy * output) by the inputs, row by row: [b, outputs] to [b, inputs]."""
        last = len(self.nodes) - 1
        needed = self.needed(last)
        values = dict(zip([-1, *needed], [x, *self.values(x, needed)], strict=True))
        gradients = {last: dy}
        for i in reversed(needed):
            inputs = self.nodes[i].inputs
            parts = self.nodes[i].operation.cotangent(gradients[i], *(values[j] for j in inputs))
            for j, part in zip(inputs, parts, strict=True):
                gradients[j] = gradients[j] + part if j in gradients else part
        return gradients[-1]

    def bounded(self, x: Array, error: Array, nodes: Sequence[int]) -> list[Bounded]:
        """The rows of some nodes, and how far each number in them may be off if the inputs are off by `error` [b]."""
        pairs = {-1: (x, error)}
        for i in self.needed(*nodes):
            operation, inputs = self.nodes[i].operation, [pairs[j] for j in self.nodes[i].inputs]
            off = operation.error(*(part for pair in inputs for part in pair))
            pairs[i] = operation.value(*(value for value, _ in inputs)), off
        return [self.bound(node, pairs) for node in nodes]

    def bound(self, node: int, pairs: dict[int, tuple[Array, Array]]) -> Bounded:
        value, off = pairs[node]
        if isinstance(operation := self.nodes[node].operation, Affine):
            return Bounded(value, *operation.row_error(*pairs[self.nodes[node].inputs[0]]))
        return Bounded(value, off, np.ones(value.shape[1]), np.zeros(value.shape[1]))

    def blocks(self, count: int, arrays: int = 1) -> Iterator[slice]:
        """Slices of `count` rows, each small enough for so many `arrays` to fit the caches."""
        rows = max(1, self.rows // arrays)
        return (slice(start, start + rows) for start in range(0, count, rows))

    @property
    def rows(self) -> int:
        """How many examples to run at a time."""
        return max(1, BLOCK // self.width)

    def between(self, start: int, end: int) -> Graph | None:
        """Node `end` as a function of node `start`; None where it needs other nodes before, or is no later one."""
        part = [i for i in self.needed(end) if i > start]
        if not part or any(j < start for i in part for j in self.nodes[i].inputs):
            return None
        place = {start: -1} | {i: k for k, i in enumerate(part)}
        nodes = (replace(self.nodes[i], inputs=tuple(place[j] for j in self.nodes[i].inputs)) for i in part)
        return replace(self, nodes=tuple(nodes), inputs=self.size_of(start))

    def on(self, plane: Plane) -> Graph:
        """The network as a function of plane coordinates: everything before the first kink becomes one affine map."""
        return restricted(self, plane.axes.reshape(2, -1), plane.origin.ravel())


def restricted(graph: Graph, axes: Array, origin: Array) -> Graph:
    """The network on x = origin + u @ axes, as a function of u: a new first node, and every node that is affine in u
    written as one map of u.
    """
    terms = np.linalg.norm(axes, axis=0) + np.abs(origin)
    nodes = [Node("input", dense(axes, origin, terms), (-1,))]
    affine = {0: (origin[None], axes, terms)}  # value at u = 0, slopes, size
    for node in graph.nodes:
        inputs = tuple(j + 1 for j in node.inputs)
        if isinstance(node.operation, Affine | Sum) and all(j in affine for j in inputs):
            at, along, sizes = zip(*(affine[j] for j in inputs), strict=True)
            constant = node.operation.value(*at)
            slope = node.operation.tangent(*paired(at, along))
            size = node.operation.size(*paired([np.abs(a) + s for a, s in zip(at, sizes, strict=True)], sizes))
            affine[len(nodes)] = constant, slope, size
            nodes.append(Node(node.name, dense(slope, constant[0], size), (-1,)))
        else:
            nodes.append(replace(node, inputs=inputs))
    return replace(graph, nodes=tuple(nodes), inputs=len(axes))


def paired(first: Any, second: Any) -> list[Array]:
    """first[0], second[0], first[1], second[1], .."""
    return [part for pair in zip(first, second, strict=True) for part in pair]


def fused(graph: Graph) -> Graph:
    """The same function with every max pool before the activation that it commutes with.

    A maximum of ReLUs, and a ReLU of a maximum, is one maximum in which 0 competes; any other rising kink is moved
    behind the maximum. Both cut fewer lines, and windows in which everything is switched off stop being ties.
    """
    nodes: list[Node] = []
    place = {-1: -1}
    consumers = Counter(j for node in graph.nodes for j in node.inputs)
    for i, node in enumerate(graph.nodes):
        node = replace(node, inputs=tuple(place[j] for j in node.inputs))
        before = nodes[-1] if nodes and node.inputs == (len(nodes) - 1,) and consumers[i - 1] == 1 else None
        nodes[-1 if before else len(nodes) :] = pair(before, node) if before else [node]
        place[i] = len(nodes) - 1
    return replace(graph, nodes=tuple(nodes))


def pair(before: Node, node: Node) -> list[Node]:
    """Two nodes in a row, as `fused` wants them."""
    name = f"{before.name}+{node.name}"
    match before.operation, node.operation:
        case (Kink() as kink, Maximum() as maximum) | (Maximum() as maximum, Kink() as kink) if kink == RELU:
            return [Node(name, replace(maximum, floor=True), before.inputs)]
        case Kink() as kink, Maximum() as maximum if kink.monotone:
            return [Node(node.name, maximum, before.inputs), Node(before.name, kink, node.inputs)]
    return [before, node]
