"""What the drawing shows: every node, every edge with its derivative, t where a tape is given."""

import jax.numpy as jnp
from matplotlib.figure import Figure

from analysis.autodiff import differentiate, draw, exercise, trace
from analysis.autodiff.drawing import layers


def test_nodes_edges_and_totals_are_written() -> None:
    graph = exercise(0.7, -1.3, 2.1)
    ax = draw(graph, Figure().subplots(), tape=differentiate(graph))
    words = [text.get_text() for text in ax.texts]
    assert {"theta\nt=2.38", "f6\nt=1", "x2\nt=-4.47"} <= set(words)
    assert words.count("2.1") == 2  # df1/dx1 and df5/df4
    assert len(words) == len(graph.nodes) + 10


def test_a_traced_graph_of_arrays_can_be_drawn() -> None:
    ax = draw(trace(lambda x: jnp.sum(jnp.sin(x)), jnp.ones(3)), Figure().subplots())
    assert {"0", "sin1", "reduce_sum1"} <= {text.get_text() for text in ax.texts}


def test_parents_are_left_of_their_children() -> None:
    graph = exercise(0.7, -1.3, 2.1)
    places = layers(graph)
    assert all(places[parent][0] < places[node.name][0] for node in graph.nodes.values() for parent in node.parents)
