"""The computation graph of any JAX function, from its jaxpr: one node per equation, calls inlined.

`jax.jit`, `jax.checkpoint`, `jax.custom_jvp` and `jax.custom_vjp` calls are walked through, and so is this platform's
branch of `lax.platform_dependent`: what is differentiated is what the function computes, never a rule that someone
registered for it. That is how a tape can referee this project's handwritten gradients.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core

from analysis.autodiff.graph import Graph, Node
from analysis.autodiff.rules import pull_of


def trace(function: Callable[..., Any], *arguments: Any) -> Graph:
    """The graph of `function(*arguments)`; its leaves are named by their place in the arguments, as "0/conv1/kernel".

    Args:
        function: free of control flow (`lax.scan`, `lax.cond`); returns one array.
        arguments: pytrees of arrays.

    Raises:
        ValueError: the function returns more than one array.
        NotImplementedError: a primitive without a rule, by name.

    >>> graph = trace(lambda x: jnp.sin(x) * x, 2.0)
    >>> list(graph.nodes), graph.children("0")
    (['0', 'sin1', 'mul1'], ['sin1', 'mul1'])
    """
    closed = jax.make_jaxpr(function)(*arguments)
    if len(closed.jaxpr.outvars) != 1:
        raise ValueError(f"trace: the function returns {len(closed.jaxpr.outvars)} arrays; let it return one")
    graph, namer = Graph(), Namer()
    paths = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in jax.tree.leaves_with_path(arguments)]
    names = [graph.variable(path, leaf) for path, leaf in zip(paths, jax.tree.leaves(arguments), strict=True)]
    (output,) = walk(graph, namer, closed, names)
    if output != graph.output:  # an argument or a constant handed through
        graph.apply(namer("output"), jnp.copy, output)
    return graph


class Namer:
    """Counts how often an operation has occurred: add1, add2, ..."""

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()

    def __call__(self, operation: str) -> str:
        self.counters[operation] += 1
        return f"{operation}{self.counters[operation]}"


def walk(graph: Graph, namer: Namer, closed: Any, arguments: list[str]) -> list[str]:
    """Add the nodes of one jaxpr whose inputs are the named nodes; returns the names of its outputs."""
    names: dict[Any, str] = dict(zip(closed.jaxpr.invars, arguments, strict=True))
    for variable, value in zip(closed.jaxpr.constvars, closed.consts, strict=True):
        names[variable] = graph.constant(namer("constant"), value)

    def read(variable: Any) -> str:
        if isinstance(variable, core.Literal):
            return graph.constant(namer("constant"), variable.val)
        return names[variable]

    for equation in closed.jaxpr.eqns:
        if equation.primitive.name == "platform_index":
            continue  # only a choice by platform reads it, and that is made in `called`
        inner = called(equation.params)
        operands = equation.invars[-len(inner.jaxpr.invars) :] if inner else equation.invars
        parents = [read(variable) for variable in operands]
        results = walk(graph, namer, inner, parents) if inner else compute(graph, namer, equation, parents)
        names.update(zip(equation.outvars, results, strict=True))
    return [read(variable) for variable in closed.jaxpr.outvars]


def called(params: dict[str, Any]) -> Any:
    """The jaxpr of a call that simply runs it, closed; None for any other equation."""
    if "branches" in params:
        return branch_here(params["branches"], params.get("branches_platforms"))
    is_no_call = {"cond_jaxpr", "length", "dimensions"}.intersection(params)  # loops and `lax.reduce`
    if not {"jaxpr", "call_jaxpr"}.intersection(params) or is_no_call:
        return None
    inner: Any = params.get("call_jaxpr", params.get("jaxpr"))
    return inner if isinstance(inner, core.ClosedJaxpr) else core.ClosedJaxpr(inner, ())


def branch_here(branches: Any, platforms: Any) -> Any:
    """Of a choice by platform the branch that runs here; None for any other choice."""
    if not platforms:
        return None
    pairs = zip(branches, platforms, strict=True)
    return next(branch for branch, names in pairs if not names or jax.default_backend() in names)


def compute(graph: Graph, namer: Namer, equation: Any, parents: list[str]) -> list[str]:
    """One equation as a node, and one node more per result where there are several."""
    operands = [graph[parent].value for parent in parents]
    primitive, params = equation.primitive, equation.params
    value = primitive.bind(*operands, **params)
    value = tuple(value) if primitive.multiple_results else value
    pull = pull_of(primitive, params, operands, value)
    node = graph.add(Node(namer(primitive.name), primitive.name, tuple(parents), value, pull))
    if not primitive.multiple_results:
        return [node]
    return [item(graph, namer, node, position) for position in range(len(value))]


def item(graph: Graph, namer: Namer, name: str, position: int) -> str:
    """The result at `position` of an operation with several."""
    values = graph[name].value

    def pull(t: Any) -> tuple[Any, ...]:
        return (tuple(t if k == position else jnp.zeros_like(value) for k, value in enumerate(values)),)

    return graph.add(Node(namer("item"), "item", (name,), values[position], pull))
