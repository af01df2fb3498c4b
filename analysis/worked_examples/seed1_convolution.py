"""Seed 1, question 1: a one-dimensional convolution that keeps its size, and padding. S1.01 to S1.23."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis.linear_maps import contributions, same_conv_matrix
from analysis.linear_maps.padding import taps_met
from analysis.worked_examples import matrix_pictures
from analysis.worked_examples.entry import entry
from analysis.worked_examples.judge import Claim, Finding
from analysis.worked_examples.truth import correlate, gradients, jacobians, line, pullbacks, values
from jaxcnn import networks

X = np.arange(1.0, 6.0)
W = np.array([1.0, 10.0, 100.0])
G = np.array([1.0, -2.0, 3.0, -4.0, 5.0])  # dC/dx^
SMALL = np.array([0.1, 0.2, 0.3])
RATE = 0.001
PRINTED_W = np.array([[0, 10, 100, 0, 0], [1, 10, 100, 0, 0], [0, 1, 10, 100, 0], [0, 0, 1, 10, 100], [0, 0, 1, 10, 0]])


def same(ops: Any, x: Any, w: Any) -> jax.Array:
    """x^ of x and w, padded with (K - 1) / 2 zeros on each side."""
    w = jnp.asarray(w)
    return ops.conv(line(x), w[:, None, None], padding=(w.shape[0] - 1) // 2)[0, :, 0]


def by_kernel(ops: Any, w: Any) -> jax.Array:
    return same(ops, X, w)


def input_by_kernel() -> np.ndarray:
    """dx/dw, [N, K]: the input does not depend on the kernel."""
    return np.asarray(jacobians(lambda ops, w: ops.identity(jnp.asarray(X)), W).hand)


def seen(x: np.ndarray, taps: int) -> np.ndarray:
    """dx^/dw: row i holds the inputs under the window of output i, 0 outside."""
    padded = np.pad(x, (taps - 1) // 2)
    return np.lib.stride_tricks.sliding_window_view(padded, taps)


@entry("S1.01", "Q1", "x and its output are N x 1, the kernel is K x 1.")
def sizes() -> Claim:
    return Claim("the output's length at N = 5, K = 3", (5,), values(lambda ops: same(ops, X, W).shape))


@entry("S1.02", "Q1 A", "The layer is this operation.", formula=r"\hat x=f(x,w)=x\star w")
def forward() -> Claim:
    """The star is cross-correlation: the kernel is not flipped."""
    return Claim("x^", correlate(np.pad(X, 1), W), values(same, X, W))


@entry("S1.03", "Q1 A", "Without padding the output has this size.", formula=r"(N-K+1)\times1")
def size_without_padding() -> Claim:
    cases = [(n, k) for n in (5, 8) for k in (1, 3, 4)]

    def lengths(ops: Any) -> list[int]:
        return [ops.conv(line(np.ones(n)), jnp.ones((k, 1, 1))).shape[1] for n, k in cases]

    return Claim("lengths", [n - k + 1 for n, k in cases], values(lengths))


@entry("S1.04", "Q1 A", "Padding with (K-1)/2 zeros maintains the dimension.", formula=r"\frac{K-1}{2}")
def same_padding() -> list[Finding]:
    """On each side, and for odd K; no symmetric padding keeps N for an even K."""

    def lengths(ops: Any) -> list[int]:
        return [same(ops, X, np.ones(k)).shape[0] for k in (1, 3, 5)]

    reached = {networks.conv(1, k, padding=p).output_shape((5, 1))[0] for k in (2, 4) for p in range(4)}
    return [
        Claim("lengths for K = 1, 3, 5", [5, 5, 5], values(lengths)),
        Claim("an even K reaches N = 5", False, 5 in reached),
    ]


@entry(
    "S1.05", "Q1 A", "The first three outputs for K = 3.",
    formula=r"\hat x_1=w_1\cdot0+w_2x_1+w_3x_2,\quad\hat x_2=w_1x_1+w_2x_2+w_3x_3,\quad\hat x_3=w_1x_2+w_2x_3+w_3x_4",
)  # fmt: skip
def first_outputs() -> Claim:
    (w1, w2, w3), (x1, x2, x3, x4, _) = W, X
    says = [w1 * 0 + w2 * x1 + w3 * x2, w1 * x1 + w2 * x2 + w3 * x3, w1 * x2 + w2 * x3 + w3 * x4]
    return Claim("x^ 1 to 3", says, values(lambda ops: same(ops, X, W)[:3]))


@entry(
    "S1.06", "eq. 1",
    "The layer is a matrix; its first row is printed 0, w2, w3, 0, ... and its last ..., 0, w1, w2, 0.",
    formula=r"\begin{bmatrix}0&w_2&w_3&0&\dots&0\\w_1&w_2&w_3&0&\dots&0\\0&w_1&w_2&w_3&\dots&0\\"
    r"\vdots&&&w_1&w_2&0\end{bmatrix}",
    corrected=r"first row $[w_2,w_3,0,\dots,0]$, last row $[0,\dots,0,w_1,w_2]$; rows 2 and 3 are right",
    picture=matrix_pictures.toeplitz_matrices,
)  # fmt: skip
def toeplitz() -> list[Finding]:
    """The two printed rows beside the right ones; the Jacobian of the layer is the right matrix."""
    right = same_conv_matrix(W, 5)
    return [
        Claim("W x", PRINTED_W @ X, values(same, X, W), corrected=right @ X),
        Claim("W", PRINTED_W, jacobians(lambda ops, x: same(ops, x, W), X), corrected=right),
        Claim("rows 2 and 3 of W", PRINTED_W[1:3], right[1:3]),
    ]


@entry("S1.07", "Q1 A, end", "The forward equation.", formula=r"f(x,w)=w\star x=\mathbf Wx")
def forward_matrix() -> list[Finding]:
    """So it is for x star w; written both ways round, but cross-correlation does not commute: w star x is reversed."""
    truth = values(same, X, W)
    return [
        Claim("W x", same_conv_matrix(W, 5) @ X, truth),
        Claim(
            "w star x, read literally", correlate(np.pad(W, 3), X), truth, corrected=correlate(np.pad(W, 3), X)[::-1]
        ),
    ]


@entry(
    "S1.08", "Q1 B", "The gradient of C by the output is a 1 x N vector.", formula=r"\frac{\partial C}{\partial\hat x}"
)
def upstream_is_a_row() -> Claim:
    """A row for each output; the text prints delta for the partial sign throughout."""
    cost = lambda ops, y: ops.half_squared_error(jnp.asarray(y)[None], jnp.zeros((1, 5)))[0]  # noqa: E731
    return Claim("dC/dx^ of C = half the sum of squares", X, gradients(cost, X))


@entry(
    "S1.09", "Q1 B", "The input's gradient is the row times the Jacobian.",
    formula=r"\frac{\partial C}{\partial x}=\frac{\partial C}{\partial\hat x}\frac{\partial\hat x}{\partial x}",
)  # fmt: skip
def input_gradient() -> Claim:
    jacobian = np.asarray(jacobians(lambda ops, x: same(ops, x, W), X).auto)
    return Claim("dC/dx", G @ jacobian, pullbacks(lambda ops, x: same(ops, x, W), G, X))


@entry("S1.10", "Q1 B", "The Jacobian of the output by the input is N x N.")
def jacobian_is_w() -> list[Finding]:
    """The text does not say it: that Jacobian is W itself, and g W correlates g with the flipped kernel."""
    truth = jacobians(lambda ops, x: same(ops, x, W), X)
    return [
        Claim("its shape", (5, 5), np.shape(truth.hand)),
        Claim("it is W", same_conv_matrix(W, 5), truth),
        Claim("g W", correlate(np.pad(G, 1), W[::-1]), pullbacks(lambda ops, x: same(ops, x, W), G, X)),
    ]


@entry(
    "S1.11", "Q1 B", "One entry of it, and the full vector.",
    formula=r"\left(\frac{\partial C}{\partial x}\right)_i=\sum_{k=1}^N\frac{\partial C}{\partial\hat x_k}"
    r"\frac{\partial\hat x_k}{\partial x_i}",
)  # fmt: skip
def entries_of_the_gradient() -> Claim:
    jacobian = np.asarray(jacobians(lambda ops, x: same(ops, x, W), X).auto)
    says = [sum(G[k] * jacobian[k, i] for k in range(5)) for i in range(5)]
    return Claim("dC/dx", says, pullbacks(lambda ops, x: same(ops, x, W), G, X))


def cost(ops: Any, w: Any) -> jax.Array:
    """C = 1/2 sum x^^2."""
    return ops.half_squared_error(same(ops, X, w)[None], jnp.zeros((1, 5)))[0]


@entry(
    "S1.12", "Q1 B",
    "The update by stochastic gradient descent (n is the rate, w1 and w2 the weights before and after).",
    formula=r"w_2=w_1+n\frac{\partial J}{\partial w}", corrected=r"$w_2=w_1-n\frac{\partial J}{\partial w}$",
)  # fmt: skip
def sign_of_the_step() -> list[Finding]:
    """C = 1/2 sum x^^2 at w = (0.1, 0.2, 0.3), n = 0.001: the printed sign raises C."""
    slope, before = gradients(cost, SMALL), values(cost, SMALL)
    after = lambda sign: float(values(cost, SMALL + sign * RATE * np.asarray(slope.auto)).auto)  # noqa: E731
    return [
        Claim("C falls", True, after(+1) < before.auto, corrected=False),
        Claim("the gradient", seen(X, 3).T @ correlate(np.pad(X, 1), SMALL), slope),
        Claim("C before, after the printed step, after a step down", [7.66, 9.56776942, 5.96640942],
              [float(before.hand), after(+1), after(-1)]),
    ]  # fmt: skip


@entry(
    "S1.13",
    "Q1 B",
    "For the first instance the gradients of J and C are one.",
    formula=r"\frac{\partial J}{\partial w}=\frac{\partial C}{\partial w}",
)
def first_instance() -> Claim:
    """J is the mean over the instances seen so far; of one instance it is that instance's C."""
    mean_of_one = lambda ops, w: jnp.mean(jnp.stack([cost(ops, w)]))  # noqa: E731
    return Claim("dJ/dw", np.asarray(gradients(cost, SMALL).auto), gradients(mean_of_one, SMALL))


@entry(
    "S1.14", "Q1 B", "The kernel's gradient by this chain.",
    formula=r"\frac{\partial C}{\partial w}=\frac{\partial C}{\partial\hat x}\frac{\partial\hat x}{\partial x}"
    r"\frac{\partial x}{\partial w}",
    corrected=r"$\frac{\partial C}{\partial w}=\frac{\partial C}{\partial\hat x}\frac{\partial\hat x}{\partial w}$",
)  # fmt: skip
def kernel_chain() -> list[Finding]:
    """The input does not depend on w, so the printed chain gives 0; reading its last factor as dx^/dw does not help."""
    truth, right = pullbacks(by_kernel, G, W), G @ seen(X, 3)
    return [
        Claim("dC/dw", G @ same_conv_matrix(W, 5) @ input_by_kernel(), truth, corrected=right),
        Claim("dC/dw with dx^/dw for dx/dw", G @ same_conv_matrix(W, 5) @ seen(X, 3), truth, corrected=right),
    ]


@entry("S1.15", "Q1 B", "The last factor is N x K and (1 x N)(N x K) = 1 x K.")
def kernel_chain_sizes() -> list[Finding]:
    """The sizes hold, for dx^/dw, whose entries are x at i + j - 1 - (K-1)/2 (0 outside)."""
    truth = jacobians(by_kernel, W)
    return [
        Claim("sizes", [(5, 3), (3,)], [np.shape(truth.hand), np.shape(G @ truth.hand)]),
        Claim("dx^/dw", seen(X, 3), truth),
    ]


@entry(
    "S1.16", "Q1 B", "One entry of the kernel's gradient.",
    formula=r"\left(\frac{\partial C}{\partial w}\right)_i=\sum_{j=1}^N\left(\sum_{k=1}^N\frac{\partial C}"
    r"{\partial\hat x_k}\frac{\partial\hat x_k}{\partial x_j}\right)\frac{\partial x_j}{w_i}",
    corrected=r"$\left(\frac{\partial C}{\partial w}\right)_j=\sum_{i=1}^N\frac{\partial C}{\partial\hat x_i}"
    r"x_{i+j-1-(K-1)/2}$",
)  # fmt: skip
def kernel_gradient() -> Claim:
    """As S1.14; and the partial sign is missing below."""
    past, by_w = G @ same_conv_matrix(W, 5), input_by_kernel()
    says = [sum(past[j] * by_w[j, i] for j in range(5)) for i in range(3)]
    entry_ = lambda j: sum(G[i - 1] * X[i + j - 3] for i in range(1, 6) if 0 <= i + j - 3 < 5)  # noqa: E731
    return Claim("dC/dw", says, pullbacks(by_kernel, G, W), corrected=[entry_(j) for j in (1, 2, 3)])


@entry(
    "S1.17", "Q1 B", "The update after the first instance, entry by entry.",
    formula=r"w_2=[w_1\ \dots\ w_k]^T+[n\tfrac{\delta C}{\delta w_1}\ \dots\ n\tfrac{\delta C}{\delta w_N}]^T",
    corrected=r"minus, and the last index is $K$: $w_k-n\frac{\partial C}{\partial w_k},\ k=1..K$",
)  # fmt: skip
def update_vector() -> list[Finding]:
    """A kernel of K entries has K derivatives, not N; and the sign is as in S1.12."""
    slope = gradients(cost, SMALL)
    down = SMALL - RATE * np.asarray(slope.auto)
    return [
        Claim("the number of derivatives", X.size, np.size(slope.hand), corrected=W.size),
        Claim("the step against the gradient", SMALL + RATE * np.asarray(slope.auto),
              SMALL - RATE * np.asarray(slope.hand), corrected=down),
    ]  # fmt: skip


@entry(
    "S1.18",
    "Q1 C",
    "Padding keeps the size, and values at the boundary meet more of the kernel.",
    picture=matrix_pictures.padding_counts,
)
def boundary_meets_more() -> list[Finding]:
    """N = 11, K = 3: kernel entries met by each position, without and with zeros."""
    valid, padded = contributions(11, 3, "valid"), contributions(11, 3, "same")
    return [
        Claim("the ends meet more with padding", [True, True], [padded[0] > valid[0], padded[-1] > valid[-1]]),
        Claim("valid", [1, 2, 3, 3, 3, 3, 3, 3, 3, 2, 1], valid),
        Claim("same", [2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2], padded),
    ]


def first_to_meet_all(mode: str) -> list[int]:
    """The first position (from 1) that meets every kernel entry, for K = 3, 5, 7 and N = 15."""
    return [int(np.argmax(taps_met(15, k, mode).all(1))) + 1 for k in (3, 5, 7)]


@entry("S1.19", "Q1 C", "Without padding, the first input that meets every kernel entry is at position K.")
def first_full_position() -> Claim:
    """It needs N of at least 2K - 1."""
    return Claim("positions for K = 3, 5, 7", [3, 5, 7], first_to_meet_all("valid"))


@entry(
    "S1.20", "Q1 C",
    "It contributes x_K w_K to the first output, and so on until output K-1, where it contributes x_K w_1.",
    formula=r"x_Kw_1\ \text{in}\ \hat x_{K-1}", corrected=r"$x_Kw_1$ is in output $K$; output $K-1$ has $x_Kw_2$",
)  # fmt: skip
def last_contribution() -> list[Finding]:
    """From the derivative of every output by x_K, without padding, for K = 5 and N = 11."""
    kernel = np.arange(1.0, 6.0)
    derivative = jacobians(lambda ops, x: ops.conv(line(x), jnp.asarray(kernel)[:, None, None])[0, :, 0], np.ones(11))
    by_x_k = np.asarray(derivative.hand)[:, 4]
    return [
        Claim("the output that has x_K w_1", 5 - 1, int(np.flatnonzero(by_x_k == kernel[0])[0]) + 1, corrected=5),
        Claim("the output that has x_K w_K", 1, int(np.flatnonzero(by_x_k == kernel[4])[0]) + 1),
        Claim("the tap in output K-1", 2, int(by_x_k[3])),
    ]


@entry("S1.21", "Q1 C", "With padding this occurs earlier.")
def earlier_with_padding() -> list[Finding]:
    padded, valid = first_to_meet_all("same"), first_to_meet_all("valid")
    return [
        Claim("earlier for K = 3, 5, 7", [True] * 3, [p < v for p, v in zip(padded, valid, strict=True)]),
        Claim("at (K+1)/2", [2, 3, 4], padded),
    ]


@entry(
    "S1.22", "Q1 C",
    "Data near the boundaries then contribute much more to the output than just those values in the middle.",
    corrected=r"more than without padding, but still less than the middle: $x_1$ has $(K+1)/2$ products, a "
    r"middle value $K$",
    picture=matrix_pictures.padding_heat_maps,
)  # fmt: skip
def boundary_is_not_above_middle() -> list[Finding]:
    counts = contributions(11, 5, "same")
    return [
        Claim("x_1 contributes more than the middle", True, bool(counts[0] > counts[5]), corrected=False),
        Claim("K = 5, same", [3, 4, 5, 5, 5, 5, 5, 5, 5, 4, 3], counts),
        Claim("K = 5, valid", [1, 2, 3, 4, 5, 5, 5, 4, 3, 2, 1], contributions(11, 5, "valid")),
    ]


@entry(
    "S1.23",
    "Q1 C",
    "Boundary values contribute to more weights' updates, where before only to a smaller subset.",
    picture=matrix_pictures.gradient_weights,
)
def boundary_updates_more() -> Claim:
    met: Callable[[str], list[int]] = lambda mode: [int(taps_met(15, k, mode)[0].sum()) for k in (3, 5, 7)]  # noqa: E731
    return Claim("weights that x_1 meets without and with padding", [[1, 1, 1], [2, 3, 4]], [met("valid"), met("same")])
