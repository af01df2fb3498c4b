"""Seed 3, exercise 4: reverse-mode automatic differentiation. S3.25 to S3.46."""

from __future__ import annotations

from math import cos, sin
from operator import itemgetter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis.autodiff import differentiate, exercise, perceptron, trace
from analysis.linear_maps import density
from analysis.worked_examples import graph_pictures, matrix_pictures
from analysis.worked_examples.entry import entry
from analysis.worked_examples.judge import Claim, Finding, Missing, Twice
from analysis.worked_examples.truth import gradients, line, map_twice, normal
from jaxcnn import ops as handwritten

X1, X2, THETA = 0.7, -1.3, 2.1
COS = cos(THETA * X1 + X2)
INPUTS = np.array([0.6, -1.1, 0.4])
WEIGHTS = [normal(60, 4, 3) / 2, normal(61, 2, 4) / 2, normal(62, 1, 2)]  # n_1 = 4, n_2 = 2 units: n_3 = 1 is not n_2
TARGET = 0.3
PRINTED_SCHEDULE = ["f6", "f3", "f2", "f1", "x1", "f5", "theta", "f4", "x2"]


def f(x1: Any, x2: Any, theta: Any) -> Any:
    """Eq. 8."""
    return jnp.sin(theta * x1 + x2) + theta * x2**2


def tape() -> Any:
    return differentiate(exercise(X1, X2, THETA))


def t(*names: str) -> list[float]:
    found = tape()
    return [float(found[name]) for name in names]


def derivatives() -> list[float]:
    """df by x1, x2 and theta, from jax.grad."""
    return [float(d) for d in jax.grad(f, (0, 1, 2))(X1, X2, THETA)]


@entry("S3.25", "eq. 8", "The function.", formula=r"f(x_1,x_2,\theta)=\sin(\theta x_1+x_2)+\theta x_2^2")
def function() -> Claim:
    """Traced to a graph; S3.26 has it made by hand."""
    graph = trace(f, X1, X2, THETA)
    return Claim("f", sin(THETA * X1 + X2) + THETA * X2**2, float(graph[graph.output].value))


@entry(
    "S3.26", "eq. 9", "The function as a composition of simple ones.",
    formula=r"f=f_6(f_3(f_2(f_1(x_1,\theta),x_2)),f_5(\theta,f_4(x_2)))",
)  # fmt: skip
def composition() -> Claim:
    graph = exercise(X1, X2, THETA)
    return Claim("the last node's value", float(f(X1, X2, THETA)), float(graph[graph.output].value))


@entry("S3.27", "Ex. 4, picture", "The computation graph of eq. 9.", picture=graph_pictures.exercise_graph)
def picture_of_the_graph() -> list[Finding]:
    graph = exercise(X1, X2, THETA)
    edges = sorted((parent, node.name) for node in graph.nodes.values() for parent in node.parents)
    said = "x1 f1, theta f1, f1 f2, x2 f2, f2 f3, x2 f4, theta f5, f4 f5, f3 f6, f5 f6"
    return [
        Missing("the picture", "drawn: nodes with their values, edges with their local derivatives"),
        Claim("its edges, by eq. 9", sorted(tuple(edge.split()) for edge in said.split(", ")), edges),
    ]


@entry("S3.28", "AutoDiff, step 1", "The children of theta include f1, f2, f3, f5, f6.")
def children() -> list[Finding]:
    """Its descendants; its direct children are f1 and f5."""
    graph = exercise(X1, X2, THETA)
    return [
        Claim("all that depends on theta", ["f1", "f2", "f3", "f5", "f6"], graph.descendants("theta")),
        Claim("its direct children", ["f1", "f5"], graph.children("theta")),
    ]


@entry("S3.29", "AutoDiff, step 2", "Schedules: f6, f3, f2, f1, f5, theta; and f6, f3, f2, f1, x1, f5, theta, f4, x2.")
def schedules() -> list[Finding]:
    """Both are valid: every node comes after all its children. They are the ones this project finds."""
    graph = exercise(X1, X2, THETA)
    place = {name: k for k, name in enumerate(PRINTED_SCHEDULE)}
    is_after = [place[child] < place[name] for name in PRINTED_SCHEDULE for child in graph.children(name)]
    return [
        Claim("every node is after its children", [True] * len(is_after), is_after),
        Claim("for theta", ["f6", "f3", "f2", "f1", "f5", "theta"], graph.schedule("theta")),
        Claim("for all", PRINTED_SCHEDULE, graph.schedule()),
    ]


@entry("S3.30", "AutoDiff, step 3", "Start with 1 at the first node.", formula=r"t_{f_6}=1")
def start() -> Claim:
    return Claim("t of f6", [1.0], t("f6"))


@entry(
    "S3.31", "eq. 10", "The sum over children.",
    formula=r"t_n=\sum_{c\in\mathrm{ch}(n)}\frac{\partial f_c}{\partial f_n}t_c",
)  # fmt: skip
def sum_over_children() -> list[Finding]:
    """Every t of the tape against the sum of its terms' local derivatives times the children's t; and against
    jax.grad by a zero that is added to the node."""
    found, steps = tape(), tape().steps[1:]
    says = [sum(term.local * float(found[term.child]) for term in step.terms) for step in steps]
    by_shift = jax.grad(shifted)(dict.fromkeys(PRINTED_SCHEDULE, 0.0))
    return [
        Claim("t of the other eight nodes", says, [float(step.t) for step in steps]),
        Claim("t of all nine nodes, by jax.grad", [float(step.t) for step in found.steps],
              [float(by_shift[step.node]) for step in found.steps]),
    ]  # fmt: skip


def shifted(shifts: dict[str, Any]) -> Any:
    """Eq. 9 with a shift, zero, added to every node."""
    x1, x2, theta = X1 + shifts["x1"], X2 + shifts["x2"], THETA + shifts["theta"]
    f3 = jnp.sin(x1 * theta + shifts["f1"] + x2 + shifts["f2"]) + shifts["f3"]
    f5 = theta * (x2**2 + shifts["f4"]) + shifts["f5"]
    return f3 + f5 + shifts["f6"]


@entry("S3.32", "AutoDiff, step 5", "The total derivative of f with respect to node n is t_n.")
def total_derivative() -> Claim:
    return Claim("t of x1, x2, theta", t("x1", "x2", "theta"), derivatives())


@entry(
    "S3.33", "Ex. 4a", "The tape, first part.",
    formula=r"t_{f_3}=1,\quad t_{f_2}=t_{f_1}=\cos(\theta x_1+x_2),\quad t_{f_5}=1",
)  # fmt: skip
def first_part() -> Claim:
    return Claim("t of f3, f2, f1, f5", [1, COS, COS, 1], t("f3", "f2", "f1", "f5"))


@entry(
    "S3.34", "Ex. 4a", "The tape, theta.",
    formula=r"t_\theta=\frac{\partial f_2}{\partial\theta}t_{f_2}+\frac{\partial f_5}{\partial\theta}t_{f_5}"
    r"=x_1\cos(\theta x_1+x_2)+x_2^2",
    corrected=r"by eq. 10 the child is $f_1$: $\frac{\partial f_1}{\partial\theta}t_{f_1}+\dots$; the result is right",
)  # fmt: skip
def theta_part() -> list[Finding]:
    """theta is no parent of f2: that edge is not in the graph, although its chain through f1 has the same value."""
    terms = next(step.terms for step in tape().steps if step.node == "theta")
    return [
        Claim("the children in the sum", ["f2", "f5"], sorted(term.child for term in terms), corrected=["f1", "f5"]),
        Claim("the result", [X1 * COS + X2**2], t("theta")),
    ]


@entry(
    "S3.35", "Ex. 4a", "The tape, the rest.",
    formula=r"t_{x_1}=\theta\cos(\theta x_1+x_2),\quad t_{f_4}=\theta,\quad t_{x_2}=\cos(\theta x_1+x_2)+2\theta x_2",
)  # fmt: skip
def rest() -> Claim:
    return Claim("t of x1, f4, x2", [THETA * COS, THETA, COS + 2 * THETA * X2], t("x1", "f4", "x2"))


@entry(
    "S3.36", "Ex. 4a", "This is the derivative that one computes by hand.",
    formula=r"t_\theta=\frac{\partial f}{\partial\theta}",
)  # fmt: skip
def by_hand() -> Claim:
    return Claim("df/dtheta", X1 * COS + X2**2, Twice(t("theta")[0], derivatives()[2]))


@entry(
    "S3.37", "Ex. 4b, picture", "The graph of a fully connected network with two hidden layers and a single output.",
    picture=graph_pictures.perceptron_graph,
)  # fmt: skip
def picture_of_the_network() -> list[Finding]:
    graph = perceptron(INPUTS, WEIGHTS, TARGET)
    leaves = [name for name in graph.nodes if graph[name].is_leaf]
    return [
        Missing("the picture", "drawn: x, layer 1, layer 2, the output and E; weights and target as leaves"),
        Claim("its leaves: inputs, weights and the target", 3 + 12 + 8 + 2 + 1, len(leaves)),
    ]


def network(ops: Any, weights: Any, shifts: Any) -> jax.Array:
    """E by the layers; shifts, zeros, are added to each unit's output so that one can differentiate by it."""
    h = jnp.asarray(INPUTS)[None]
    for w, shift in zip(weights, shifts, strict=True):
        h = ops.tanh(ops.dense(h, jnp.asarray(w).T)) + jnp.asarray(shift)
    return ops.half_squared_error(h, jnp.full((1, 1), TARGET))[0]


SHIFTS = [np.zeros(len(w)) for w in WEIGHTS]


def layer_gradients(by: int) -> Twice:
    """dE by the weights (0), or by the units' outputs (1), of every layer."""
    return gradients(network, WEIGHTS, SHIFTS, by=by)


def hidden() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Outputs g and slopes g' of the three layers."""
    g, found = INPUTS, []
    for w in WEIGHTS:
        g = np.tanh(w @ g)
        found.append(g)
    return found, [1 - g**2 for g in found]


def deltas() -> list[np.ndarray]:
    """The lecture's deltas: delta_out = g' (y - g), and delta_i = g'_i sum_k w_ki delta_k."""
    (_, _, g3), slopes = hidden()
    delta = [slopes[2] * (TARGET - g3)]
    for w, slope in zip(WEIGHTS[:0:-1], slopes[1::-1], strict=True):
        delta.insert(0, slope * (w.T @ delta[0]))
    return delta


def perceptron_tape() -> Any:
    return differentiate(perceptron(INPUTS, WEIGHTS, TARGET))


@entry(
    "S3.38", "Ex. 4b", "The schedule to find the derivative by the first weight.",
    formula=r"E,\ g^{(3)}_{out},\ g^{(2)}_1,\dots,g^{(2)}_{n_2},\ g^{(1)}_1,\ w^{(0)}_{1,1}",
    corrected=r"the last node is $w^{(1)}_{1,1}$, as everywhere else",
)  # fmt: skip
def schedule_of_the_network() -> Claim:
    says = ["E", "g3_1", "g2_1", "g2_2", "g1_1", "w0_11"]
    schedule = perceptron(INPUTS, WEIGHTS, TARGET).schedule("w1_11")
    return Claim("the schedule", says, schedule, corrected=[*says[:-1], "w1_11"])


@entry("S3.39", "Ex. 4b", "The output.", formula=r"t_{g^{(3)}_{out}}=-(y-g^{(3)}_{out})")
def output() -> list[Finding]:
    says = [-(TARGET - hidden()[0][2][0])]
    return [
        Claim("by the layers", says, map_twice(lambda d: d[2], layer_gradients(1))),
        Claim("by the tape", says, [float(perceptron_tape()["g3_1"])]),
    ]


@entry(
    "S3.40", "Ex. 4b", "The second layer.",
    formula=r"t_{g^{(2)}_i}=-w^{(3)}_{1i}\delta^{(3)}_{out},\quad\delta^{(3)}_{out}=g'(a_{out})(y-g_{out})",
)  # fmt: skip
def second_layer() -> list[Finding]:
    says, found = -WEIGHTS[2][0] * deltas()[2], perceptron_tape()
    return [
        Claim("by the layers", says, map_twice(lambda d: d[1], layer_gradients(1))),
        Claim("by the tape", says, [float(found[f"g2_{i}"]) for i in (1, 2)]),
    ]


@entry(
    "S3.41", "Ex. 4b", "The first layer.", formula=r"t_{g^{(1)}_1}=-\sum_{i=1}^{n_3}w^{(2)}_{i1}\delta^{(2)}_i",
    corrected=r"the upper limit is $n_2$, the units of layer 2 (in three places)",
)  # fmt: skip
def first_layer() -> list[Finding]:
    """Layer 3 has one unit, layer 2 two: with the printed limit one of them is left out."""
    terms = WEIGHTS[1][:, 0] * deltas()[1]
    right = -np.sum(terms)
    return [
        Claim("t of g1_1", -np.sum(terms[:1]), map_twice(lambda d: d[0][0], layer_gradients(1)), corrected=right),
        Claim("by the tape", right, float(perceptron_tape()["g1_1"])),
    ]


@entry(
    "S3.42", "Ex. 4b", "The first weight.",
    formula=r"t_{w^{(1)}_{11}}=\frac{\partial g^{(2)}_1}{\partial w^{(1)}_{11}}t_{g^{(1)}_1}=-x_1\delta^{(1)}_1",
    corrected=r"the first factor is $\frac{\partial g^{(1)}_1}{\partial w^{(1)}_{11}}$; the result is right",
)  # fmt: skip
def first_weight() -> list[Finding]:
    """The printed factor is another number: g2_1 depends on w1_11 through g1_1."""
    found, slopes = perceptron_tape(), hidden()[1]
    own = INPUTS[0] * slopes[0][0]
    says = slopes[1][0] * WEIGHTS[1][0, 0] * own * float(found["g1_1"])
    truth = map_twice(lambda d: d[0][0, 0], layer_gradients(0))
    return [
        Claim("factor times t", says, truth, corrected=own * float(found["g1_1"])),
        Claim("-x_1 delta_1", -INPUTS[0] * deltas()[0][0], truth),
        Claim("by the tape", float(found["w1_11"]), truth),
    ]


@entry(
    "S3.43", "Ex. 4b", "After multiplying by -eta it is BackProp's weight update.",
    formula=r"\Delta w=-\eta\,t_{w}=\eta\,x_1\delta^{(1)}_1",
)  # fmt: skip
def update() -> Claim:
    """Here the sign of the step is right (see S1.12)."""
    eta = 0.1
    return Claim(
        "the update", eta * INPUTS[0] * deltas()[0][0], map_twice(lambda d: -eta * d[0][0, 0], layer_gradients(0))
    )


@entry("S3.44", "Ex. 4b", "The same for any weight in any layer: BackProp is a special case of AutoDiff.")
def every_weight() -> list[Finding]:
    """For every layer: -delta x^T, the layers' gradients, and the tape."""
    found, truth = perceptron_tape(), layer_gradients(0)
    inputs = [INPUTS, *hidden()[0][:2]]
    says = [-np.outer(d, x) for d, x in zip(deltas(), inputs, strict=True)]
    on_tape = [[[float(found[f"w{k}_{r + 1}{c + 1}"]) for c in range(w.shape[1])] for r in range(w.shape[0])]
               for k, w in enumerate(WEIGHTS, start=1)]  # fmt: skip
    return [
        *(Claim(f"W{k + 1}: outer products", says[k], map_twice(itemgetter(k), truth)) for k in range(3)),
        *(Claim(f"W{k + 1}: the tape", on_tape[k], map_twice(itemgetter(k), truth)) for k in range(3)),
    ]


@entry(
    "S3.45", "Ex. 4c, picture",
    "The graph of a 1-D convolution of length 3, a max pool of 2, a dense layer, an output.",
    picture=graph_pictures.convolutional_graph,
)  # fmt: skip
def picture_of_the_convnet() -> list[Finding]:
    """The input's length is not given: six inputs, four units that share three weights, two pooled units, one
    output."""
    tape_of_conv, truth = graph_pictures.convolutional_tape(), gradients(small_convnet, graph_pictures.TAPS)
    return [
        Missing("the picture", "drawn: 6 inputs, 4 units with shared weights, 2 pooled units, the output"),
        Claim("t of the shared weights", [float(tape_of_conv[f"w{k}"]) for k in (1, 2, 3)], truth),
    ]


def small_convnet(ops: Any, taps: Any) -> jax.Array:
    a = ops.conv(line(graph_pictures.SEQUENCE), jnp.asarray(taps)[:, None, None])
    return ops.dense(ops.flatten(ops.max_pool(a, 2)), jnp.asarray(graph_pictures.READOUT)[:, None])[0, 0]


@entry(
    "S3.46", "Ex. 4c", "Dense layers: unit to unit dense, weight to unit sparse; convolutions: the other way round.",
    picture=matrix_pictures.jacobian_supports,
)  # fmt: skip
def sparsity() -> Claim:
    """Filled shares of the Jacobians from 8 units to 6: by the input, by the weights."""
    x, taps, w = jnp.asarray(normal(63, 8)), jnp.asarray(normal(64, 3)), jnp.asarray(normal(65, 8, 6))
    convolve = lambda x, taps: handwritten.conv(line(x), taps[:, None, None])[0, :, 0]  # noqa: E731
    dense = lambda x, w: handwritten.dense(x[None], w)[0]  # noqa: E731
    found = [
        [density(lambda x: convolve(x, taps), x), density(lambda taps: convolve(x, taps), taps)],
        [density(lambda x: dense(x, w), x), density(lambda w: dense(x, w), w)],
    ]
    return Claim("conv: units, weights; dense: units, weights", [[3 / 8, 1], [1, 1 / 6]], found)
