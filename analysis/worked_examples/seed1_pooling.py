"""Seed 1, question 2: one-dimensional max pooling with overlapping windows. S1.24 to S1.36."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis.worked_examples.entry import entry
from analysis.worked_examples.judge import Claim, Finding, Opinion
from analysis.worked_examples.truth import jacobians, line, pullbacks, values, windows
from jaxcnn import networks

CASES = [  # x, K, S
    ([1, 3, 2], 2, 1),
    ([5, 1, 4, 2, 3], 2, 1),
    ([2, 9, 1, 8, 3, 7], 2, 1),
    ([3, 1, 2, 0, 1], 3, 1),
    ([1, 2, 3, 4, 5], 2, 2),
    ([7, 1, 5, 3, 9, 2, 8], 3, 2),
]


def pool(ops: Any, x: Any, k: int, s: int, **settings: Any) -> jax.Array:
    return ops.max_pool(line(x), k, stride=s, **settings)[0, :, 0]


def returned(x: Any, k: int, s: int, upstream: np.ndarray) -> np.ndarray:
    """The right rule: every window gives its upstream gradient to its winner, and a position adds up what it gets."""
    total = np.zeros(len(x))
    for position, (window, g) in enumerate(zip(windows(x, k, s), upstream, strict=True)):
        total[s * position + int(np.argmax(window))] += g
    return total


def printed_cases(x: Any, k: int) -> np.ndarray:
    """The printed rule: 1 where x_i > x_(i+1) > ... > x_(i+K-1), else 0; undefined (NaN) where that runs off
    the end."""
    steps = [np.diff(x[i : i + k]) for i in range(len(x))]
    return np.array([float(np.all(d < 0)) if i + k <= len(x) else np.nan for i, d in enumerate(steps)])


def outputs(x: Any, k: int, s: int) -> int:
    return (len(x) - k) // s + 1


@entry("S1.24", "Q2", "Max pooling, stride 1, from N to Z values.", formula=r"f:\ N\to Z")
def size_is_z() -> Claim:
    """Z is never given: it is floor((N - K) / S) + 1."""
    says = [outputs(*case) for case in CASES]
    return Claim("Z", says, values(lambda ops: [pool(ops, *case).shape[0] for case in CASES]))


@entry("S1.25", "Q2 A", "Size 2 and stride 1.", formula=r"\hat x_1=\max(x_1,x_2),\quad\hat x_2=\max(x_2,x_3)")
def size_two() -> Claim:
    x, k, s = CASES[1]
    return Claim(
        "x^", [max(x[i], x[i + 1]) for i in range(4)], values(lambda ops, x, k=k, s=s: pool(ops, x, k, s), np.array(x))
    )


@entry(
    "S1.26", "Q2 A", "Any size K and stride S.",
    formula=r"\hat x=\{\max_{0\le j\le K-1}(x_{i+j})\}_{i=1,\,i+=S}^{N-K+1}",
)  # fmt: skip
def any_size() -> list[Finding]:
    return [
        Claim(
            f"x^ at K = {k}, S = {s}",
            [max(x[i : i + k]) for i in range(0, len(x) - k + 1, s)],
            values(lambda ops, x, k=k, s=s: pool(ops, x, k, s), np.array(x)),
        )
        for x, k, s in CASES
    ]


@entry("S1.27", "Q2 A", "The upstream gradient is a 1 x K vector.", corrected=r"$1\times Z$: $K$ is the window's size")
def upstream_size() -> Claim:
    """N = 9, K = 3, S = 2, where Z = 4."""
    y = values(lambda ops, x: pool(ops, x, 3, 2), np.arange(9.0))
    return Claim("entries of the upstream gradient", 3, np.size(y.hand), corrected=outputs(np.arange(9), 3, 2))


@entry("S1.28", "Q2 A", "Pooling has no learned parameters; only the input's gradient is passed on.")
def nothing_to_learn() -> Claim:
    return Claim("arrays that a pool learns", {}, networks.max_pool(2).init(jax.random.key(0), (6, 1)))


@entry(
    "S1.29", "Q2 A", "The Jacobian is K x N and (1 x K)(K x N) = 1 x N.",
    corrected=r"$Z\times N$ and $(1\times Z)(Z\times N)=1\times N$",
)  # fmt: skip
def jacobian_size() -> Claim:
    """N = 9, K = 3, S = 2."""
    jacobian = jacobians(lambda ops, x: pool(ops, x, 3, 2), np.arange(9.0))
    return Claim("its shape", (3, 9), np.shape(jacobian.hand), corrected=(outputs(np.arange(9), 3, 2), 9))


@entry(
    "S1.30", "Q2 A", "Size 2: the derivative by the first input is 1 when it is larger, and 0 otherwise.",
    formula=r"\frac{\partial\hat x_1}{\partial x_1}=1\ \text{when}\ x_1>x_2",
)  # fmt: skip
def larger_wins() -> list[Finding]:
    """Without ties. At a tie the first wins here; jnp.maximum gives a half to each."""
    first = lambda x: pullbacks(lambda ops, x: pool(ops, x, 2, 1), np.ones(1), np.array(x))  # noqa: E731
    return [
        Claim("x = (3, 1)", [1, 0], first([3.0, 1.0])),
        Claim("x = (1, 3)", [0, 1], first([1.0, 3.0])),
        Claim("x = (2, 2)", [1, 0], first([2.0, 2.0])),
        Claim(
            "x = (2, 2), jnp.maximum", [0.5, 0.5], jax.grad(lambda x: jnp.maximum(x[0], x[1]))(jnp.array([2.0, 2.0]))
        ),
    ]


@entry("S1.31", "Q2 A", "The Jacobian has zeros wherever the output is not the input.", formula=r"\hat x\ne x")
def zeros_elsewhere() -> list[Finding]:
    return [
        Claim(f"entries at K = {k}, S = {s}", [
            [float(i == s * row + np.argmax(window)) for i in range(len(x))]
            for row, window in enumerate(windows(np.array(x), k, s))
        ], jacobians(lambda ops, x, k=k, s=s: pool(ops, x, k, s), np.array(x, float)))
        for x, k, s in CASES
    ]  # fmt: skip


@entry(
    "S1.32", "Q2 A", "The input's gradient.",
    formula=r"\left(\frac{\delta C}{\delta x}\right)_i=\begin{cases}1&x_i>x_{i+1}>\dots>x_{i+K-1}\\0&"
    r"\text{otherwise}\end{cases}",
    corrected=r"$\left(\frac{\partial C}{\partial x}\right)_i=\sum_k\frac{\partial C}{\partial\hat x_k}"
    r"\mathbf 1[i\ \text{wins window}\ k]$",
)  # fmt: skip
def input_gradient() -> list[Finding]:
    """Three faults: the upstream gradient is missing, "largest" is not "decreasing", and all windows that hold
    i count."""
    found = []
    for x, k, s in CASES:
        upstream = 10.0 * np.arange(1, outputs(x, k, s) + 1)
        truth = pullbacks(lambda ops, x, k=k, s=s: pool(ops, x, k, s), upstream, np.array(x, float))
        name = f"dC/dx of x = {x}, K = {k}, S = {s}"
        found.append(Claim(name, printed_cases(x, k), truth, corrected=returned(x, k, s, upstream)))
    return list(found)


@entry(
    "S1.33", "Q2 A", "Only K of the N values will have 1's, with 0's in between.",
    corrected=r"at most $\min(N,Z)$ entries are not zero, and they add up upstream gradients",
)  # fmt: skip
def how_many_ones() -> list[Finding]:
    """x = (1, 2, 3, 4, 5) has 4 of them and x = (1, 3, 2) a single one, of value 2; K = 2 in both."""

    def ones(x: list[int]) -> np.ndarray:
        return np.asarray(pullbacks(lambda ops, x: pool(ops, x, 2, 1), np.ones(len(x) - 1), np.array(x, float)).hand)

    count = lambda x: int(np.count_nonzero(ones(x)))  # noqa: E731
    return [
        Claim("nonzero entries", [2, 2], [count([1, 2, 3, 4, 5]), count([1, 3, 2])], corrected=[4, 1]),
        Claim("at most min(N, Z) of them", [True, True], [count([1, 2, 3, 4, 5]) <= 4, count([1, 3, 2]) <= 2]),
        Claim("the gradient of (1, 3, 2)", [0, 2, 0], ones([1, 3, 2])),
    ]


@entry("S1.34", "Q2 B", "Pooling downsamples; padding its boundaries would not improve feature detection.")
def padding_a_pool() -> Opinion:
    return Opinion(
        "what improves detection is an opinion without a task; a pool of stride 1 only shrinks N to N - K + 1"
    )


@entry(
    "S1.35", "Q2 B", "Regardless of the operator (max or min), the padding will always be in the output.",
    corrected=r"zeros win a max window only if all its values are $\le0$, a min window only if all are $\ge0$; "
    r"$-\infty$ never wins a maximum",
)  # fmt: skip
def padding_in_the_output() -> list[Finding]:
    """x = (1, 2, 3) with a zero on both sides, K = 2."""
    padded = np.pad([1.0, 2.0, 3.0], 1)
    largest = values(lambda ops, x: pool(ops, x, 2, 1), padded)
    smallest = values(lambda ops: -pool(ops, -padded, 2, 1))
    return [
        Claim("a zero is in the output of max", True, bool(np.any(np.asarray(largest.hand) == 0)), corrected=False),
        Claim("max", [1, 2, 3, 3], largest),
        Claim("min", [0, 1, 2, 0], smallest),
        Claim(
            "max with this project's padding", [-1, -1, -2], values(lambda ops: pool(ops, [-1, -2], 2, 1, padding=1))
        ),
    ]


@entry("S1.36", "Q2 B", "Size 2, stride 2 and an odd number of values: pad the endpoint so that the window fits.")
def odd_number() -> list[Finding]:
    """N = 5: without padding Z = 2 and the last value gets no gradient; with one at the end Z = 3."""
    x = np.arange(1.0, 6.0)
    padded = lambda ops, x: pool(ops, x, 2, 2, padding=[(0, 1)])  # noqa: E731
    return [
        Claim("the last value's gradient without padding", [0, 1, 0, 1, 0],
              pullbacks(lambda ops, x: pool(ops, x, 2, 2), np.ones(2), x)),
        Claim("and with it", [0, 1, 0, 1, 1], pullbacks(padded, np.ones(3), x)),
        Claim("the plain layers agree on a tie", [1, 1, 0],
              pullbacks(lambda ops, x: pool(ops, x, 2, 1), np.ones(2), np.array([2.0, 2.0, 1.0])).hand),
    ]  # fmt: skip
