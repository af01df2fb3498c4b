"""The graph of seed 3, exercise 4: children, descendants, schedules."""

import jax.numpy as jnp
import pytest

from analysis.autodiff import Graph, exercise

GRAPH = exercise(0.7, -1.3, 2.1)


@pytest.mark.parametrize(
    ("node", "children"),
    [("theta", ["f1", "f5"]), ("x1", ["f1"]), ("x2", ["f2", "f4"]), ("f1", ["f2"]), ("f6", [])],
    ids=str,
)
def test_children(node: str, children: list[str]) -> None:
    assert GRAPH.children(node) == children


def test_descendants_and_ancestors() -> None:
    assert GRAPH.descendants("theta") == ["f1", "f2", "f3", "f5", "f6"]
    assert GRAPH.ancestors("f5") == ["theta", "x2", "f4"]


def test_schedules_are_the_printed_ones() -> None:
    assert GRAPH.schedule("theta") == ["f6", "f3", "f2", "f1", "f5", "theta"]
    assert GRAPH.schedule() == ["f6", "f3", "f2", "f1", "x1", "f5", "theta", "f4", "x2"]


def test_a_schedule_from_the_middle_lists_ancestors_only() -> None:
    assert GRAPH.schedule(output="f2") == ["f2", "f1", "x1", "theta", "x2"]


def test_a_parent_used_twice_is_scheduled_once() -> None:
    graph = Graph()
    x = graph.variable("x", 3.0)
    graph.apply("square", jnp.multiply, x, x)
    assert graph.schedule() == ["square", "x"]


def test_names_are_unique_and_parents_exist() -> None:
    graph = Graph()
    graph.variable("x", 1.0)
    with pytest.raises(ValueError, match="'x' is taken"):
        graph.constant("x", 2.0)
    with pytest.raises(ValueError, match="no node 'y'"):
        graph.apply("f", jnp.sin, "y")
