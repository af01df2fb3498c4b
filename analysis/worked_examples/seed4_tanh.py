"""Seed 4, questions 1 and 2: the tanh perceptron, and backpropagation by hand. S4.01 to S4.23.

The document's W holds the bias unit's weights in its first row: bias = W[0], kernel = W[1:].
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis.worked_examples import study_pictures
from analysis.worked_examples.entry import entry
from analysis.worked_examples.judge import Claim, Finding, Twice, printed
from analysis.worked_examples.studies.perceptron import DATA, descend, error, gradient_norms
from analysis.worked_examples.truth import gradients, map_twice, normal, pullbacks, values

W1 = np.array([[0.1, 0.2], [0.3, 0.4]])
W2 = np.array([[0.2], [1.0], [-3.0]])
W3 = np.array([[1.0], [2.0]])
WEIGHTS = (W1, W2, W3)
X, Y = 2.0, 1.0
ZEROS = [np.zeros(2), np.zeros(1), np.zeros(1)]


def forward(ops: Any, weights: Any, shifts: Any) -> dict[str, jax.Array]:
    """s and x of every layer; the shifts, zeros, are added to s so that one can differentiate by it."""
    x, found = jnp.array([[X]], jnp.float64), dict[str, jax.Array]()
    for layer, (w, shift) in enumerate(zip(map(jnp.asarray, weights), shifts, strict=True), start=1):
        s = ops.dense(x, w[1:], w[0]) + jnp.asarray(shift)
        x = s if layer == 3 else ops.tanh(s)
        found |= {f"s{layer}": s[0], f"x{layer}": x[0]}
    return found


def loss(ops: Any, weights: Any, shifts: Any) -> jax.Array:
    """e = (x3 - y)^2."""
    x3 = forward(ops, weights, shifts)["x3"]
    return ops.mean_squared_error(x3[None], jnp.full((1, 1), Y))[0]


def run(name: str, biased: bool = False) -> Twice:
    """One of s1, x1, s2, x2, s3, x3; with the bias unit's 1 in front if asked for."""
    pair = values(lambda ops: forward(ops, WEIGHTS, ZEROS)[name])
    return map_twice(lambda v: jnp.concatenate([jnp.ones(1), v]), pair) if biased else pair


@cache
def slopes(by: int) -> Twice:
    """The gradients by W1, W2, W3 (by = 0), or the sensitivities (by = 1)."""
    with jax.enable_x64(True):
        return gradients(loss, WEIGHTS, ZEROS, by=by)


def delta(layer: int) -> Twice:
    return map_twice(lambda found: found[layer - 1], slopes(1))


def weight_gradient(layer: int) -> Twice:
    return map_twice(lambda found: found[layer - 1], slopes(0))


def theta_prime(layer: int) -> Twice:
    """tanh' at s of a layer, by the backward pass."""
    s = np.asarray(run(f"s{layer}").auto)
    return pullbacks(lambda ops, s: ops.tanh(jnp.asarray(s)), np.ones(s.shape), s)


LINES = {  # question 1, line by line
    "(e^x + e^-x) / (e^x + e^-x) + (e^x - e^-x) (-1 / (e^x + e^-x)^2) (e^x - e^-x)": lambda p, m: (
        p / p + m * (-1 / p**2) * m
    ),
    "1 + (e^x - e^-x) (-1 / (e^x + e^-x)^2) (e^x - e^-x)": lambda p, m: 1 + m * (-1 / p**2) * m,
    "1 - (e^x - e^-x)^2 / (e^x + e^-x)^2": lambda p, m: 1 - m**2 / p**2,
    "1 - ((e^x - e^-x) / (e^x + e^-x))^2": lambda p, m: 1 - (m / p) ** 2,
}


@entry(
    "S4.01",
    "1)",
    "The derivative of tanh, in eight lines.",
    formula=r"\frac{\partial\tanh(x)}{\partial x}=1-(\tanh(x))^2",
)
def tanh_derivative() -> list[Finding]:
    x = np.array([-2, -0.5, 0, 0.5, 2])
    plus, minus = np.exp(x) + np.exp(-x), np.exp(x) - np.exp(-x)
    truth = pullbacks(lambda ops, x: ops.tanh(jnp.asarray(x)), np.ones(5), x)
    return [
        Claim("1 - tanh^2", 1 - np.tanh(x) ** 2, truth),
        *(Claim(name, line(plus, minus), truth) for name, line in LINES.items()),
    ]


@entry(
    "S4.02", "1)", "The gradient of a single tanh unit's mean squared error.",
    formula=r"\nabla E_{in}(\omega)=\frac2N\sum_{n=1}^N(\tanh(\omega^Tx_n)-y_n)(1-\tanh^2(\omega^Tx_n))x_n",
)  # fmt: skip
def perceptron_gradient() -> Claim:
    w, (x, y) = normal(70, 3), DATA
    a = np.tanh(x @ w)
    return Claim("the gradient", 2 / len(y) * ((a - y) * (1 - a**2)) @ x, gradients(error, w))


@entry(
    "S4.03", "1)", "For infinite weights tanh tends to 1, and consequently the gradient to 0.",
    formula=r"w\to\infty:\ \tanh(w^Tx)\to1,\ \nabla E_{in}(w)\to0",
    corrected=r"$\tanh(w^Tx)\to\mathrm{sign}(w^Tx)$, that is $\pm1$; the gradient tends to 0 where $w^Tx_n\ne0$",
    picture=study_pictures.saturation,
)  # fmt: skip
def limit() -> list[Finding]:
    w, (x, _) = normal(70, 3), DATA
    truth = values(lambda ops: ops.tanh(jnp.asarray(1e4 * (x @ w))))
    norms = gradient_norms(w, (1, 5, 100, 1000))
    return [
        Claim("tanh at large weights", np.ones(len(x)), truth, corrected=np.sign(x @ w)),
        Claim("the gradient's norm falls, to exactly 0", [True] * 4, [*(np.diff(norms) < 0), norms[-1] == 0]),
    ]


@entry("S4.04", "1)", "Therefore the perceptron is difficult to optimise: the weights would not get updated.")
def no_update() -> Claim:
    """A hundred gradient steps from large weights, against the same from small ones."""
    far, near = (descend(scale * normal(70, 3), steps=100) for scale in (1e4, 0.1))
    moved = [bool(np.any(end != start)) for start, end in (far, near)]
    return Claim("do the weights move, from large and from small ones", [False, True], moved)


@entry(
    "S4.05", "2)", "Three weight matrices, x = 2, y = 1; bias units are prepended.",
    formula=r"W^{(1)}=\begin{bmatrix}0.1&0.2\\0.3&0.4\end{bmatrix},\ W^{(2)}=\begin{bmatrix}0.2\\1\\-3\end{bmatrix},\ "
    r"W^{(3)}=\begin{bmatrix}1\\2\end{bmatrix}",
)  # fmt: skip
def data() -> Claim:
    """Data; with them the error is (x3 - y)^2."""
    x = np.array([1, X])
    for w in WEIGHTS[:2]:
        x = np.concatenate([[1], np.tanh(x @ w)])
    return Claim("e", float((x @ W3)[0] - Y) ** 2, values(loss, WEIGHTS, ZEROS))


@entry(
    "S4.06",
    "2)",
    "The first layer's signal.",
    formula=r"x^{(0)}=\begin{bmatrix}1\\2\end{bmatrix},\ s^{(1)}=\begin{bmatrix}0.7\\1\end{bmatrix}",
)
def s1() -> Claim:
    return Claim("s(1)", printed("0.7 1"), run("s1"))


@entry("S4.07", "2)", "The first layer's output.", formula=r"x^{(1)}=\begin{bmatrix}1\\0.6\\0.76\end{bmatrix}")
def x1() -> Claim:
    return Claim("x(1)", printed("1 0.6 0.76"), run("x1", biased=True))


@entry("S4.08", "2)", "The second layer's signal.", formula=r"s^{(2)}=[-1.48]")
def s2() -> Claim:
    return Claim("s(2)", printed("-1.48"), run("s2"))


@entry("S4.09", "2)", "The second layer's output.", formula=r"x^{(2)}=\begin{bmatrix}1\\-0.9\end{bmatrix}")
def x2() -> Claim:
    return Claim("x(2)", printed("1 -0.9"), run("x2", biased=True))


@entry("S4.10", "2)", "The output.", formula=r"s^{(3)}=x^{(3)}=-0.8")
def s3() -> list[Finding]:
    return [Claim("s(3)", printed("-0.8"), run("s3")), Claim("x(3)", printed("-0.8"), run("x3"))]


@entry(
    "S4.11", "2)", "The output's sensitivity.", formula=r"S^{(1)}=2(x^{(1)}-y)\theta'(S^{(1)}),\quad\theta'(S^{(1)})=1",
    corrected=r"layer 3, and called $\delta$ as later: $\delta^{(3)}=2(x^{(3)}-y)\theta'(s^{(3)}),\ "
    r"\theta'(s^{(3)})=1$",
)  # fmt: skip
def output_sensitivity() -> list[Finding]:
    """Read literally, in layer 1, with the printed theta' = 1."""
    x_1, x_3 = np.asarray(run("x1").auto), np.asarray(run("x3").auto)
    return [
        Claim("the sensitivity of layer 1", 2 * (x_1 - Y), delta(1), corrected=by_numpy()["delta1"]),
        Claim("the sensitivity of layer 3", 2 * (x_3 - Y) * 1, delta(3)),
        Claim("theta' of layer 1", [1.0, 1.0], theta_prime(1), corrected=1 - np.asarray(run("x1").auto) ** 2),
    ]


@entry("S4.12", "2)", "Its value.", formula=r"\delta^{(3)}=2(-0.8-1)=-3.6")
def delta3() -> list[Finding]:
    """The error is a function of the difference: its gradient by y is the opposite."""
    x3 = np.asarray(run("x3").auto)[None]
    by_y = gradients(lambda ops, y: ops.mean_squared_error(jnp.asarray(x3), y)[0], jnp.full((1, 1), Y))
    return [
        Claim("delta(3)", printed("-3.6"), delta(3)),
        Claim("de/dy", -by_numpy()["delta3"][None], by_y),
    ]


@entry(
    "S4.13", "2)", "From one layer's sensitivity to the one before.",
    formula=r"\delta^{(l)}=\theta'(s^{(l)})\otimes[W^{(l+1)}\delta^{(l+1)}]_1^{d^{(l)}}",
)  # fmt: skip
def recursion() -> list[Finding]:
    """The bias unit's row is left out."""
    return [
        Claim(
            f"delta({layer})",
            np.asarray(theta_prime(layer).auto) * (w @ np.asarray(delta(layer + 1).auto))[1:],
            delta(layer),
        )
        for layer, w in ((2, W3), (1, W2))
    ]


@entry(
    "S4.14",
    "2)",
    "The slope of tanh from its output.",
    formula=r"\theta'(s^{(l)})=[1-x^{(l)}\otimes x^{(l)}]_1^{d^{(l)}}",
)
def slope() -> list[Finding]:
    return [Claim(f"theta'(s({k}))", 1 - np.asarray(run(f"x{k}").auto) ** 2, theta_prime(k)) for k in (1, 2)]


@entry("S4.15", "2)", "The second layer's slope.", formula=r"\theta'(s^{(2)})=1-(0.9)^2=0.19")
def slope2() -> Claim:
    return Claim("theta'(s(2))", printed("0.19"), map_twice(lambda d: d[0], theta_prime(2)))


def by_numpy() -> dict[str, np.ndarray]:
    """The whole calculation of question 2 without rounding, by the document's own formulas."""
    x0 = np.array([1, X])
    x1 = np.concatenate([[1], np.tanh(x0 @ W1)])
    x2 = np.concatenate([[1], np.tanh(x1 @ W2)])
    d3 = 2 * (x2 @ W3 - Y)
    d2 = (1 - x2[1:] ** 2) * (W3 @ d3)[1:]
    d1 = (1 - x1[1:] ** 2) * (W2 @ d2)[1:]
    found = {"theta1": 1 - x1[1:] ** 2, "delta1": d1, "delta2": d2, "delta3": d3}
    return found | {f"dW{k}": np.outer(x, d) for k, x, d in ((1, x0, d1), (2, x1, d2), (3, x2, d3))}


@entry(
    "S4.16", "2)", "The second sensitivity.", formula=r"\delta^{(2)}=0.19\times2\times-3.6=-1.368",
    corrected=r"$-1.350$; the printed factors were rounded, two of four digits are right",
)  # fmt: skip
def delta2() -> Claim:
    return Claim("delta(2)", printed("-1.368"), map_twice(lambda d: d[0], delta(2)), corrected=by_numpy()["delta2"][0])


@entry(
    "S4.17", "2)", "The first layer's slope.", formula=r"\theta'(s^{(1)})=\begin{bmatrix}0.64\\0.43\end{bmatrix}",
    corrected=r"$(0.63,\,0.42)$: even $1-0.76^2=0.4224$ rounds to $0.42$",
)  # fmt: skip
def slope1() -> list[Finding]:
    return [
        Claim("theta'(s(1))", printed("0.64 0.43"), theta_prime(1), corrected=by_numpy()["theta1"]),
        Claim("with two decimals", printed("0.63 0.42"), theta_prime(1)),
    ]


@entry(
    "S4.18", "2)", "The first sensitivity.", formula=r"\delta^{(1)}=\begin{bmatrix}-0.87\\1.76\end{bmatrix}",
    corrected=r"$(-0.857,\,1.701)$",
)  # fmt: skip
def delta1() -> list[Finding]:
    """Rounding on the way; and the document's own 0.64 (-1.368) = -0.87552 rounds to -0.88."""
    return [
        Claim("delta(1)", printed("-0.87 1.76"), delta(1), corrected=by_numpy()["delta1"]),
        Claim("with three decimals", printed("-0.857 1.701"), delta(1)),
    ]


@entry(
    "S4.19",
    "2)",
    "The list of sensitivities.",
    formula=r"s^{(3)}=-3.6,\quad s^{(2)}=-1.368,\quad s^{(1)}=(-0.87,\,1.76)",
)
def all_deltas() -> list[Finding]:
    """The numbers of S4.12, S4.16 and S4.18 again, printed as s: the first holds, the others are judged there."""
    return [
        Claim("delta(3)", printed("-3.6"), delta(3)),
        Claim("delta(2)", printed("-1.368"), map_twice(lambda d: d[0], delta(2)), corrected=by_numpy()["delta2"][0]),
        Claim("delta(1)", printed("-0.87 1.76"), delta(1), corrected=by_numpy()["delta1"]),
    ]


@entry(
    "S4.20", "2)", "The weights' gradients.", formula=r"\frac{\partial e}{\partial w^{(l)}}=x^{(l-1)}(\delta^{(l)})^T"
)
def weight_gradients() -> list[Finding]:
    inputs = [np.array([1, X]), *(np.asarray(run(f"x{k}", biased=True).auto) for k in (1, 2))]
    return [Claim(f"de/dW({k})", np.outer(x, delta(k).auto), weight_gradient(k)) for k, x in enumerate(inputs, start=1)]


@entry(
    "S4.21", "2)",
    "The first matrix.",
    formula=r"\frac{\partial e}{\partial w^{(1)}}=\begin{bmatrix}-0.87&1.76\\-1.74&3.52\end{bmatrix}",
    corrected=r"$\begin{bmatrix}-0.857&1.701\\-1.714&3.402\end{bmatrix}$",
)  # fmt: skip
def first_matrix() -> list[Finding]:
    return [
        Claim("de/dW(1)", printed("-0.87 1.76; -1.74 3.52"), weight_gradient(1), corrected=by_numpy()["dW1"]),
        Claim("with three decimals", printed("-0.857 1.701; -1.714 3.402"), weight_gradient(1)),
    ]


@entry(
    "S4.22", "2)",
    "The second matrix.",
    formula=r"\frac{\partial e}{\partial w^{(2)}}=\begin{bmatrix}-1.368\\-0.82\\-1.039\end{bmatrix}",
    corrected=r"$(-1.350,\,-0.816,\,-1.028)$; the middle one holds after rounding",
)  # fmt: skip
def second_matrix() -> list[Finding]:
    column = map_twice(lambda d: d[:, 0], weight_gradient(2))
    return [
        Claim("de/dW(2)", printed("-1.368 -0.82 -1.039"), column, corrected=by_numpy()["dW2"][:, 0]),
        Claim("its middle entry", printed("-0.82"), map_twice(lambda d: d[1], column)),
        Claim("with three decimals", printed("-1.350 -0.816 -1.028"), column),
    ]


@entry(
    "S4.23",
    "2)",
    "The third matrix.",
    formula=r"\frac{\partial e}{\partial w^{(3)}}=\begin{bmatrix}-3.6\\3.24\end{bmatrix}",
)
def third_matrix() -> list[Finding]:
    """The first entry holds after rounding; the second, 3.24, is a product of rounded factors: exact 3.2511."""
    column = map_twice(lambda d: d[:, 0], weight_gradient(3))
    return [
        Claim("its first entry", printed("-3.6"), map_twice(lambda d: d[0], column)),
        Claim(
            "its second entry", printed("3.24"), map_twice(lambda d: d[1], column), corrected=by_numpy()["dW3"][1, 0]
        ),
    ]
