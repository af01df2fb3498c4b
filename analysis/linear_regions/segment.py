"""One dimension: a network along a straight line in input space, exactly.

    x(t) = a + t (b - a),     0 <= t <= 1

The pieces are found as in the plane, with points in place of edges. On a piece the network is affine and its gradient
constant, so what others sample is a finite sum here, above all integrated gradients (Sundararajan et al. 2017):

    IG_i = (b_i - a_i) integral over t of df/dx_i  =  sum over pieces of (b_i - a_i) (t_k+1 - t_k) df/dx_i.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from analysis.linear_regions.boundary import classifier
from analysis.linear_regions.graph import Graph, restricted
from analysis.linear_regions.layers import from_layers, from_network
from analysis.linear_regions.operations import RELU, Array, Kink, Maximum
from analysis.linear_regions.plane.cuts import TOLERANCE
from analysis.linear_regions.plane.values import Measure
from analysis.linear_regions.stages import choices, levels


@dataclass(frozen=True, eq=False)
class Segment:
    """A network on a segment.

    Fields: network and its restriction `line` to the segment; start and end, flat [inputs]; knots [k + 2] in t, 0 and 1
    included; stage [k + 2] and unit [k + 2] that bend there (-1 at both ends).
    """

    network: Graph
    line: Graph
    start: Array
    end: Array
    knots: Array
    stage: Array
    unit: Array

    @property
    def count(self) -> int:
        """Pieces."""
        return len(self.knots) - 1

    @cached_property
    def values(self) -> Array:
        """The outputs at the knots, [k + 2, outputs]."""
        return self.line.value(self.knots[:, None])

    @cached_property
    def slopes(self) -> Array:
        """d output / dt on every piece, [k + 1, outputs]."""
        return self.line.tangents(self.middles, np.ones((1, self.count, 1)))[1][0]

    @property
    def middles(self) -> Array:
        return ((self.knots[1:] + self.knots[:-1]) / 2)[:, None]  # [k + 1, 1]

    @property
    def kinks(self) -> Array:
        """By how much the slope changes at every inner knot, [k, outputs]."""
        return np.diff(self.slopes, axis=0)

    def gradients(self, output: int) -> Array:
        """d output / d input on every piece, [k + 1, inputs]."""
        x = self.start + self.middles * (self.end - self.start)
        outputs = self.network.size_of(len(self.network.nodes) - 1)
        one = np.broadcast_to(np.eye(outputs)[output], (len(x), outputs))
        blocks = self.network.blocks(len(x))
        return np.concatenate([self.network.gradient(x[block], one[block]) for block in blocks])

    def integrated_gradients(self, output: int) -> Array:
        """The exact attribution of f(end) - f(start) to the inputs, [inputs]; it sums to that difference."""
        return np.diff(self.knots) @ self.gradients(output) * (self.end - self.start)

    def sampled_gradients(self, output: int, samples: int) -> Array:
        """The same by the midpoint rule, as it is usually computed; exact only in the limit."""
        piece = np.searchsorted(self.knots, (np.arange(samples) + 0.5) / samples) - 1
        return self.gradients(output)[piece].mean(axis=0) * (self.end - self.start)

    def classes(self) -> list[tuple[float, float, int]]:
        """Maximal intervals (from, to, class) of the predicted class."""
        graph = classifier(self.line)
        node = len(graph.nodes) - 1
        knots, _, _ = refined(graph, node, 0, self.knots, self.stage, self.unit)
        found = choices(graph, node, ((knots[1:] + knots[:-1]) / 2)[:, None])[:, 0]
        change = np.append(True, found[1:] != found[:-1])
        starts = knots[:-1][change]
        return [
            (float(a), float(b), int(c))
            for a, b, c in zip(starts, np.append(starts[1:], 1.0), found[change], strict=True)
        ]


def segment(
    network: Any, start: Any, end: Any, params: Any = None, *, state: Any = None, activation: Kink = RELU
) -> Segment:
    """All knots of a network between two inputs.

    Args:
        network: layers, a graph or a network of `jaxcnn.networks`, as for `partition`; the last needs `params`.
        start, end: two inputs [*example], of which at least one number differs.

    >>> tent = [([[1.0, -1.0]], [0.0, 0.0]), ([[2.0], [2.0]], [-1.0])]  # 2 |x| - 1
    >>> pieces = segment(tent, [-1.0], [1.0])
    >>> pieces.knots.tolist(), pieces.slopes.ravel().tolist()
    ([0.0, 0.5, 1.0], [-4.0, 4.0])
    """
    a, b = np.asarray(start, float), np.asarray(end, float)
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()) or (a == b).all():
        raise ValueError(
            f"segment: start and end must be two different finite inputs, got shapes {a.shape} and {b.shape}"
            f"{' and equal values' if a.shape == b.shape and (a == b).all() else ''}; choose another end"
        )
    if isinstance(network, Graph):
        graph = network
    else:
        graph = (
            from_network(network, params, a.shape, state)
            if hasattr(network, "run")
            else from_layers(network, activation)
        )
    if graph.inputs != a.size:
        raise ValueError(
            f"segment: the network has {graph.inputs} inputs but start has {a.size}; give it an input of the network"
        )
    line = restricted(graph, (b - a).reshape(1, -1), a.ravel())
    knots, stage, unit = np.array([0.0, 1.0]), np.array([-1, -1]), np.array([-1, -1])
    for number, node in enumerate(line.stages):
        knots, stage, unit = refined(line, node, number, knots, stage, unit)
    return Segment(graph, line, a.ravel(), b.ravel(), knots, stage, unit)


def refined(
    graph: Graph, node: int, number: int, knots: Array, stage: Array, unit: Array
) -> tuple[Array, Array, Array]:
    """The knots with those of one stage added."""
    old = knots
    for level in levels(graph, node):
        t, which = zeros(level.measure, knots)
        order = np.argsort(np.concatenate([knots, t]), kind="stable")
        knots = np.concatenate([knots, t])[order]
        stage = np.concatenate([stage, np.full(len(t), number)])[order]
        unit = np.concatenate([unit, level.units[which]])[order]
    if isinstance(graph.nodes[node].operation, Maximum):
        winners = choices(graph, node, ((knots[1:] + knots[:-1]) / 2)[:, None])
        keep = np.isin(knots, old)
        keep[1:-1] |= (winners[1:] != winners[:-1]).any(axis=1)
        knots, stage, unit = knots[keep], stage[keep], unit[keep]
    return knots, stage, unit


def zeros(measure: Measure, knots: Array) -> tuple[Array, Array]:
    """Where, strictly between two knots, a line is zero: t and the line; coinciding zeros once, as the first line."""
    z, size = measure(knots[:, None])
    z[np.abs(z) <= TOLERANCE * size] = 0
    piece, line = np.nonzero(z[:-1] * z[1:] < 0)
    before, after = z[piece, line], z[piece + 1, line]
    width = knots[piece + 1] - knots[piece]
    t = knots[piece] + width * (before / (before - after))
    slack = np.maximum(TOLERANCE * size[line] / np.abs(before - after) * width, TOLERANCE * np.abs(t))
    order = np.lexsort((line, t))
    t, slack, line = t[order], slack[order], line[order]
    new = np.append(True, t[1:] - t[:-1] > slack[1:] + slack[:-1])[: len(t)]
    return t[new], line[new]
