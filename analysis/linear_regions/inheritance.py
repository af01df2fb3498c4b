"""What one stage of a network leaves to the next, where affine layers alone lie between two kinks.

On the cells that the first kink leaves, z' = affine(kink(z)) is affine. At the vertices from before, kink and affine
layers are applied to the z kept there, one layer instead of all; at the vertices that the first kink made, z' is a
combination of its neighbours' (`plane.descent`), no layer at all:

    z' = weights @ [z' at the vertices before; bends],    bends[unit, threshold] = (slope after - before) * d affine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.linear_regions.graph import Graph
from analysis.linear_regions.operations import Array, Kink
from analysis.linear_regions.plane.values import Values, fits, inherited

DEAR = 16  # products of a dense layer that take as long as one term of a combination


@dataclass(frozen=True, eq=False)
class Heir:
    """The next stage as a function of this one: `graph` from z to z'; `bends` [lines, values of z']; `terms` up to
    which a combination is cheaper than a forward pass.
    """

    graph: Graph
    kink: Kink
    bends: Array
    terms: float


@dataclass(frozen=True, eq=False)
class Legacy:
    """A stage's heir; its z - threshold, as kept at the vertices before it, with room for the bends [v + lines, lines],
    and their rounding scale [lines]; the descent of the vertices after it.
    """

    heir: Heir
    table: Array
    size: Array
    weights: Any


def heir_of(graph: Graph, node: int) -> Heir | None:
    """None where the next stage is no kink, or needs more than this one, or there is none."""
    following = next((i for i in graph.stages if i > node), node)
    kink, source = graph.nodes[node].operation, graph.nodes[following].inputs[0]
    if following == node or not isinstance(kink, Kink) or not isinstance(graph.nodes[following].operation, Kink):
        return None
    whole, after = graph.between(graph.nodes[node].inputs[0], source), graph.between(node, source)
    units, values = graph.size_of(node), graph.size_of(source)
    if whole is None or after is None or not fits(units, values, wanted=True):
        return None
    products = sum(graph.size_of(i) * getattr(graph.nodes[i].operation, "terms", 1) for i in graph.needed(source))
    _, slopes = after.tangents(np.zeros((1, units)), np.eye(units)[:, None])  # [units, 1, values]
    bends = np.concatenate([jump * slopes[:, 0] for jump in np.diff(kink.slopes)])
    return Heir(whole, kink, bends, products / values / DEAR)


def claimed(legacy: Legacy, kink: Kink, wanted: bool) -> Values:
    """The lines of the next stage at all vertices. Their table takes the place of the old one's where it can."""
    heir, lines, thresholds = legacy.heir, len(legacy.heir.bends), len(legacy.heir.kink.thresholds)
    known, old = legacy.table, len(legacy.table) - lines
    shape = len(known), len(kink.thresholds) * heir.bends.shape[1]
    table = known.ravel()[: np.prod(shape)].reshape(shape) if shape[1] <= lines else np.empty(shape)
    scale = np.zeros(shape[1])
    for start in range(0, old, heir.graph.rows):
        block = slice(start, min(start + heir.graph.rows, old))
        z = known[block, : lines // thresholds] + heir.kink.thresholds[0]
        z, size = heir.graph.sized(z, len(heir.graph.nodes) - 1, legacy.size[: z.shape[1]])
        table[block] = np.concatenate([z - threshold for threshold in kink.thresholds], axis=1)
        scale = np.maximum(scale, np.concatenate([size + abs(threshold) for threshold in kink.thresholds]))
    table[old:] = np.tile(heir.bends, len(kink.thresholds))
    return inherited(legacy.weights, table, scale, wanted)
