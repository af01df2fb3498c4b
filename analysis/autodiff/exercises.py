r"""The three graphs of seed 3, exercise 4, made by hand, number by number.

exercise        f = sin(theta x1 + x2) + theta x2^2 = f6(f3(f2(f1(x1, theta), x2)), f5(theta, f4(x2)))      eq. 8, 9
perceptron      x -> g1 -> g2 -> g3 -> E = 1/2 (y - g3)^2, weights and target as leaves                     4b
convolutional   conv (length 3, stride 1, one filter) -> max pool (2) -> dense -> one output                4c
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from analysis.autodiff.graph import Graph


def multiply(x: Any, y: Any) -> Any:
    return x * y


def add(x: Any, y: Any) -> Any:
    return x + y


def square(x: Any) -> Any:
    return x * x


def exercise(x1: float, x2: float, theta: float) -> Graph:
    """Eq. 9, node by node.

    >>> exercise(0.0, 2.0, 0.5).schedule()
    ['f6', 'f3', 'f2', 'f1', 'x1', 'f5', 'theta', 'f4', 'x2']
    """
    graph = Graph()
    for name, value in (("x1", x1), ("theta", theta), ("x2", x2)):
        graph.variable(name, value)
    graph.apply("f1", multiply, "x1", "theta")
    graph.apply("f2", add, "f1", "x2")
    graph.apply("f3", jnp.sin, "f2")
    graph.apply("f4", square, "x2")
    graph.apply("f5", multiply, "theta", "f4")
    graph.apply("f6", add, "f3", "f5")
    return graph


def unit(activation: Callable[[Any], Any]) -> Callable[..., Any]:
    """g(w . x): a unit's value from its inputs and then its weights, all single numbers."""

    def value(*parts: Any) -> Any:
        inputs, weights = parts[: len(parts) // 2], parts[len(parts) // 2 :]
        return activation(sum(x * w for x, w in zip(inputs, weights, strict=True)))

    return value


def weighted(graph: Graph, name: str, inputs: Sequence[str], weights: Sequence[str], activation: Any) -> str:
    return graph.apply(name, unit(activation), *inputs, *weights)


def perceptron(
    x: np.ndarray, weights: Sequence[np.ndarray], target: float, activation: Callable[[Any], Any] = jnp.tanh
) -> Graph:
    """A fully connected network without biases and its quadratic error, one node per unit and per weight.

    Args:
        x: [inputs].
        weights: per layer [units, units before]; the last has one row.
        target: y of E = 1/2 (y - g)^2.

    Nodes are named as in exercise 4b: x1, w1_21 (layer 1, to unit 2 from unit 1), g1_2, y, E.
    """
    graph = Graph()
    units = [graph.variable(f"x{k + 1}", value) for k, value in enumerate(x)]
    for layer, matrix in enumerate(weights, start=1):
        units = [
            weighted(
                graph,
                f"g{layer}_{row + 1}",
                units,
                [graph.variable(f"w{layer}_{row + 1}{k + 1}", w) for k, w in enumerate(entries)],
                activation,
            )
            for row, entries in enumerate(matrix)
        ]
    graph.constant("y", target)
    graph.apply("E", lambda g, y: (y - g) ** 2 / 2, units[0], "y")
    return graph


def convolutional(x: np.ndarray, taps: np.ndarray, readout: np.ndarray, pool: int = 2) -> Graph:
    """Exercise 4c: units and shared weights as nodes.

    Args:
        x: [n]; six inputs give the picture of ledger S3.45.
        taps: [length], the one filter.
        readout: [pooled units], the dense layer's weights.
        pool: the window of the max pool, which is its stride.
    """
    graph = Graph()
    inputs = [graph.variable(f"x{k + 1}", value) for k, value in enumerate(x)]
    shared = [graph.variable(f"w{k + 1}", value) for k, value in enumerate(taps)]
    length = len(shared)
    convolved = [
        weighted(graph, f"a{k + 1}", inputs[k : k + length], shared, lambda a: a)
        for k in range(len(inputs) - length + 1)
    ]
    pooled = [
        graph.apply(f"m{k + 1}", lambda *window: jnp.max(jnp.stack(window)), *convolved[k * pool : (k + 1) * pool])
        for k in range(len(convolved) // pool)
    ]
    outer = [graph.variable(f"v{k + 1}", value) for k, value in enumerate(readout)]
    weighted(graph, "out", pooled, outer, lambda a: a)
    return graph
