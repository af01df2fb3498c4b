"""The computation graph: nodes in the order in which they were computed, each with its value and its local derivatives.

Words as in seed 3, exercise 4: a node's *children* are the nodes computed from it, its *parents* what it was computed
from. A reverse ancestral schedule lists every node after all of its children.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

Pull = Callable[[Any], tuple[Any, ...]]


@dataclass(frozen=True, eq=False)
class Node:
    """One value in the computation.

    Fields:
        name: unique in its graph.
        operation: what computed it; "variable" or "constant" for a leaf.
        parents: the names of what it was computed from, in argument order.
        value: a number or an array (a tuple of arrays for an operation with several results).
        pull: t of this node to (d node / d parent) t, one entry per parent; None where a derivative is zero everywhere.
    """

    name: str
    operation: str
    parents: tuple[str, ...]
    value: Any
    pull: Pull

    @property
    def is_leaf(self) -> bool:
        """Whether nothing was computed to get it."""
        return self.operation in ("variable", "constant")


def nothing(t: Any) -> tuple[Any, ...]:
    """The pull of a leaf."""
    return ()


@dataclass(frozen=True)
class Graph:
    """A directed acyclic graph that grows by `variable`, `constant`, `apply` (any JAX function) and `add`.

    >>> graph = Graph()
    >>> x, y = graph.variable("x", 3.0), graph.variable("y", 2.0)
    >>> graph.apply("product", lambda x, y: x * y, x, y)
    'product'
    >>> graph.children("x"), float(graph["product"].value)
    (['product'], 6.0)
    """

    nodes: dict[str, Node] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Node:
        if name not in self.nodes:
            raise ValueError(f"graph: there is no node {name!r}; it has {', '.join(list(self.nodes)[:12])}")
        return self.nodes[name]

    @property
    def output(self) -> str:
        """The node computed last."""
        return next(reversed(self.nodes))

    def add(self, node: Node) -> str:
        """Add a node whose parents are already there; returns its name.

        Raises:
            ValueError: the name is taken or a parent is not there.
        """
        if node.name in self.nodes:
            raise ValueError(f"graph: the name {node.name!r} is taken; give every node a name of its own")
        for parent in node.parents:
            self[parent]
        self.nodes[node.name] = node
        return node.name

    def variable(self, name: str, value: Any) -> str:
        """A leaf that one may differentiate by."""
        return self.add(Node(name, "variable", (), jnp.asarray(value), nothing))

    def constant(self, name: str, value: Any) -> str:
        """A leaf that is no variable of interest."""
        return self.add(Node(name, "constant", (), jnp.asarray(value), nothing))

    def apply(self, name: str, function: Callable[..., Any], *parents: str) -> str:
        """A node computed by one of the simple functions f_1, f_2, ...; JAX gives the local derivatives only."""
        value, pull = jax.vjp(function, *(self[parent].value for parent in parents))
        return self.add(Node(name, getattr(function, "__name__", "function"), parents, value, pull))

    def children(self, name: str) -> list[str]:
        """The nodes computed directly from this one (step 1 of AutoDiff)."""
        self[name]
        return [node.name for node in self.nodes.values() if name in node.parents]

    def descendants(self, name: str) -> list[str]:
        """All nodes that depend on this one, in the order of computation."""
        found = {self[name].name}
        for node in self.nodes.values():
            if found.intersection(node.parents):
                found.add(node.name)
        return [node for node in self.nodes if node in found and node != name]

    def ancestors(self, name: str) -> list[str]:
        """All nodes that this one depends on, in the order of computation."""
        found = {self[name].name}
        for node in reversed(self.nodes.values()):
            if node.name in found:
                found.update(node.parents)
        return [node for node in self.nodes if node in found and node != name]

    def schedule(self, of: str | None = None, output: str | None = None) -> list[str]:
        """A reverse ancestral schedule (step 2): every node after all its children, branch after branch.

        Args:
            of: schedule only what the derivative by this node needs; None schedules the whole graph.
            output: where to start; None means the node computed last.
        """
        output = output or self.output
        wanted = {output, *self.ancestors(output)}
        if of is not None:
            wanted &= {of, *self.descendants(of)}
        waiting = self._child_counts(wanted)
        ready, order = [output] if output in wanted else [], []
        while ready:
            order.append(ready.pop())
            freed = []
            for parent in dict.fromkeys(self[order[-1]].parents):
                if parent in wanted:
                    waiting[parent] -= 1
                    freed += [parent] if waiting[parent] == 0 else []
            ready += reversed(freed)  # the first parent's branch comes first
        return order

    def _child_counts(self, wanted: Iterable[str]) -> dict[str, int]:
        """How many children each node has among the wanted ones."""
        counts = dict.fromkeys(wanted, 0)
        for name in list(counts):
            for parent in dict.fromkeys(self[name].parents):
                if parent in counts:
                    counts[parent] += 1
        return counts
