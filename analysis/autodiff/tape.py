r"""AutoDiff, steps 3 to 5: t = 1 at the output, then, along the reverse schedule,

    t_n = sum over children c of  (d f_c / d f_n) t_c          seed 3, eq. 10

The tape keeps every term of every sum, so that it can be printed, drawn and checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis.autodiff.graph import Graph


@dataclass(frozen=True)
class Term:
    """One child's share of t_n: `local` is d child / d node where both are numbers, else None."""

    child: str
    local: Any
    value: Any


@dataclass(frozen=True)
class Step:
    """One node of the schedule with the terms of its sum and the result."""

    node: str
    terms: tuple[Term, ...]
    t: Any


@dataclass(frozen=True)
class Tape:
    """The steps in schedule order; `tape["theta"]` is the total derivative by theta."""

    steps: tuple[Step, ...]

    def __getitem__(self, name: str) -> Any:
        for step in self.steps:
            if step.node == name:
                return step.t
        raise ValueError(f"tape: {name!r} was not scheduled; the output does not depend on it or it is no node")

    def __str__(self) -> str:
        width = max(len(step.node) for step in self.steps)
        return "\n".join(f"t[{step.node}]".ljust(width + 3) + f" = {line(step)}" for step in self.steps)


def differentiate(graph: Graph, of: str | None = None, output: str | None = None) -> Tape:
    """Run AutoDiff along `graph.schedule(of, output)`.

    Args:
        of: compute only what the derivative by this node needs; None: everything.
        output: a node holding one number; None means the node computed last.

    Raises:
        ValueError: the output is not one number, or does not depend on `of`.

    >>> from analysis.autodiff.exercises import exercise
    >>> tape = differentiate(exercise(0.0, 2.0, 0.5), of="theta")
    >>> [step.node for step in tape.steps]
    ['f6', 'f3', 'f2', 'f1', 'f5', 'theta']
    >>> float(tape["theta"])  # x1 cos(theta x1 + x2) + x2^2
    4.0
    """
    output = output or graph.output
    if np.shape(graph[output].value) != ():
        raise ValueError(
            f"differentiate: {output} has shape {np.shape(graph[output].value)}; name one number as output"
        )
    schedule = graph.schedule(of, output)
    if not schedule:
        raise ValueError(f"differentiate: {output} does not depend on {of}")
    terms: dict[str, list[Term]] = {name: [] for name in schedule}
    steps = []
    for name in schedule:
        node = graph[name]
        t = jnp.ones_like(node.value) if name == output else total(node.value, terms[name])
        steps.append(Step(name, tuple(terms[name]), t))
        for parent, share, local in zip(node.parents, node.pull(t), locals_of(node), strict=True):
            if parent in terms and share is not None:
                terms[parent].append(Term(name, local, share))
    return Tape(tuple(steps))


def total(value: Any, terms: list[Term]) -> Any:
    """The sum of the terms, in the shape of the node's value (which may be a tuple of arrays)."""
    zero = jax.tree.map(jnp.zeros_like, value)
    for term in terms:
        zero = jax.tree.map(jnp.add, zero, term.value)
    return zero


def locals_of(node: Any) -> tuple[Any, ...]:
    """d node / d parent where the node is one number: the pull of 1. Not known while `jax.jit` traces."""
    value = node.value
    if isinstance(value, (tuple, jax.core.Tracer)) or value.shape or not jnp.issubdtype(value.dtype, jnp.floating):
        return (None,) * len(node.parents)
    return tuple(None if d is None or np.shape(d) != () else float(d) for d in node.pull(jnp.ones_like(node.value)))


def line(step: Step) -> str:
    """One step as text: t[f4] = (df5/df4) t[f5] = 2.1 * 1 = 2.1."""
    if not step.terms:
        return short(step.t)
    words = " + ".join(f"(d{term.child}/d{step.node}) t[{term.child}]" for term in step.terms)
    if any(term.local is None for term in step.terms):
        return f"{words} = {short(step.t)}"
    numbers = " + ".join(f"{short(term.local)} * {short(quotient(term))}" for term in step.terms)
    return f"{words} = {numbers} = {short(step.t)}"


def quotient(term: Term) -> float:
    """t of the child, from its term (0 where the local derivative is 0)."""
    return float(term.value) / term.local if term.local else 0.0


def short(value: Any) -> str:
    """A number in six digits; an array by its shape."""
    if isinstance(value, tuple):
        return "(" + ", ".join(map(short, value)) + ")"
    shape = np.shape(value)
    return f"{float(value):.6g}" if shape == () else f"array[{', '.join(map(str, shape))}]"
