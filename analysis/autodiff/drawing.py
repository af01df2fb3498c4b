"""A computation graph as a picture: nodes coloured by value, edges labelled with local derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm

from analysis.autodiff.graph import Graph
from analysis.autodiff.tape import Tape, locals_of


def draw(
    graph: Graph,
    ax: Axes,
    *,
    tape: Tape | None = None,
    positions: Mapping[str, tuple[float, float]] | None = None,
    labels: Mapping[str, str] | None = None,
    derivatives: bool = True,
    size: int = 900,
) -> Axes:
    """Draw a graph from left to right.

    Args:
        graph: of numbers; nodes that hold arrays are drawn grey.
        ax: where to draw.
        tape: if given, t of every node is written under its name.
        positions: place of every node; None puts it by its distance from the leaves.
        labels: what to write for a node instead of its name.
        derivatives: label the edges with d child / d parent.
        size: of a node, in square points.
    """
    network = nx.DiGraph()
    network.add_nodes_from(graph.nodes)
    network.add_edges_from((parent, node.name) for node in graph.nodes.values() for parent in node.parents)
    places = dict(positions or layers(graph))
    values = [number(node.value) for node in graph.nodes.values()]
    limit = max((abs(v) for v in values if v is not None), default=1.0) or 1.0
    drawn = nx.draw_networkx_nodes(
        network,
        places,
        ax=ax,
        node_size=size,
        node_color=[0.0 if value is None else value for value in values],
        cmap="RdBu_r",
        vmin=-1.6 * limit,
        vmax=1.6 * limit,
        edgecolors=["tab:gray" if graph[name].is_leaf else "black" for name in graph.nodes],
    )
    drawn.set_norm(TwoSlopeNorm(0, -1.6 * limit, 1.6 * limit))
    nx.draw_networkx_edges(network, places, ax=ax, node_size=size, arrowsize=9, edge_color="tab:gray")
    nx.draw_networkx_labels(network, places, captions(graph, tape, labels or {}), ax=ax, font_size=8)
    if derivatives:
        nx.draw_networkx_edge_labels(network, places, edges(graph), ax=ax, font_size=7, label_pos=0.6, rotate=False)
    ax.margins(0.1)
    ax.set_axis_off()
    return ax


def captions(graph: Graph, tape: Tape | None, labels: Mapping[str, str]) -> dict[str, str]:
    """A node's name and, with a tape, its t."""
    scheduled = {step.node: step.t for step in tape.steps} if tape else {}
    return {
        name: labels.get(name, name) + (f"\nt={float(scheduled[name]):.3g}" if name in scheduled else "")
        for name in graph.nodes
    }


def edges(graph: Graph) -> dict[tuple[str, str], str]:
    """Local derivatives of numbers by numbers, by edge; those of a parent used twice add."""
    found: dict[tuple[str, str], float] = {}
    for node in graph.nodes.values():
        for parent, local in zip(node.parents, locals_of(node), strict=True):
            if local is not None:
                found[parent, node.name] = found.get((parent, node.name), 0.0) + local
    return {edge: f"{local:.2g}" for edge, local in found.items()}


def layers(graph: Graph) -> dict[str, tuple[float, float]]:
    """Every node right of all its parents; a leaf just left of its first child; columns centred."""
    depth: dict[str, int] = {}
    for node in graph.nodes.values():
        depth[node.name] = 1 + max((depth[parent] for parent in node.parents), default=-1)
    for name in graph.nodes:
        if graph[name].is_leaf and graph.children(name):
            depth[name] = min(depth[child] for child in graph.children(name)) - 1
    columns: dict[int, list[str]] = {}
    for name, column in depth.items():
        columns.setdefault(column, []).append(name)
    return {
        name: (float(column), (len(names) - 1) / 2 - row)
        for column, names in columns.items()
        for row, name in enumerate(names)
    }


def number(value: Any) -> float | None:
    """The value of a node that holds one number."""
    return float(value) if not isinstance(value, tuple) and np.shape(value) == () else None
