"""The tape against numbers computed by hand."""

from math import cos

import jax.numpy as jnp
import pytest

from analysis.autodiff import Graph, differentiate, exercise

X1, X2, THETA = 0.7, -1.3, 2.1
COS = cos(THETA * X1 + X2)
BY_HAND = {
    "f6": 1,
    "f3": 1,
    "f2": COS,
    "f1": COS,
    "f5": 1,
    "f4": THETA,
    "theta": X1 * COS + X2**2,
    "x1": THETA * COS,
    "x2": COS + 2 * THETA * X2,
}
TAPE = differentiate(exercise(X1, X2, THETA))


@pytest.mark.parametrize("node", BY_HAND)
def test_exercise_4a(node: str) -> None:
    assert float(TAPE[node]) == pytest.approx(BY_HAND[node], rel=1e-14)


def test_the_printed_tape_shows_every_term() -> None:
    line = next(line for line in str(TAPE).splitlines() if line.startswith("t[theta]"))
    words = "t[theta] = (df1/dtheta) t[f1] + (df5/dtheta) t[f5] = 0.7 * 0.985585 + 1.69 * 1 = 2.37991"
    assert " ".join(line.split()) == words


def test_only_what_is_asked_for_is_scheduled() -> None:
    tape = differentiate(exercise(X1, X2, THETA), of="x1")
    assert [step.node for step in tape.steps] == ["f6", "f3", "f2", "f1", "x1"]
    with pytest.raises(ValueError, match="'theta' was not scheduled"):
        tape["theta"]


def test_a_parent_used_twice_has_two_terms() -> None:
    graph = Graph()
    x = graph.variable("x", 3.0)
    graph.apply("square", jnp.multiply, x, x)
    tape = differentiate(graph)
    assert [float(term.value) for term in tape.steps[1].terms] == [3.0, 3.0]
    assert float(tape["x"]) == 6.0


def test_the_output_must_be_one_number() -> None:
    graph = Graph()
    graph.apply("double", lambda x: 2 * x, graph.variable("x", jnp.ones(3)))
    with pytest.raises(ValueError, match=r"double has shape \(3,\)"):
        differentiate(graph)


def test_an_output_that_does_not_depend() -> None:
    graph = Graph()
    graph.variable("x", 1.0)
    graph.apply("f", jnp.sin, graph.variable("y", 1.0))
    with pytest.raises(ValueError, match="f does not depend on x"):
        differentiate(graph, of="x")
