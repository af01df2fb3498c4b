"""Seed 4, question 5: a convolution as a matrix, and its gradient as a convolution. S4.34 to S4.44."""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis.linear_maps import conv_matrix
from analysis.worked_examples import matrix_pictures
from analysis.worked_examples.entry import entry
from analysis.worked_examples.judge import Claim, Finding, Twice
from analysis.worked_examples.truth import correlate, jacobians, map_twice, pullbacks, values

X = np.array([[1, -2, 3, 0], [2, 1, -1, 4]], float)  # [channel, position]
W = np.array([[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]], float)  # [input i, output j, tap]: superscript ij
DY = np.array([[1, -2], [3, 5]], float)  # [channel, position]
A = np.array([
    [1, 2, 3, 0, 7, 8, 9, 0],
    [0, 1, 2, 3, 0, 7, 8, 9],
    [4, 5, 6, 0, 10, 11, 12, 0],
    [0, 4, 5, 6, 0, 10, 11, 12],
], float)  # fmt: skip
PRINTED_A = np.concatenate([A[:1], A[3:], A[2:]])  # row 2 has the superscripts of row 4
PRINTED_B = np.array([
    [1, 0, 4, 0], [2, 1, 5, 4], [3, 2, 6, 5], [0, 3, 0, 6],
    [7, 0, 10, 0], [8, 7, 11, 10], [9, 8, 12, 11], [0, 9, 0, 12],
], float)  # fmt: skip


def kernel() -> jax.Array:
    """[tap, input, output]."""
    return jnp.asarray(np.moveaxis(W, -1, 0))


def convolved(ops: Any, x: Any) -> jax.Array:
    """[input channel, 4] to [output channel, 2]."""
    return ops.conv(jnp.asarray(x).T[None], kernel())[0].T


def by_kernel(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """dL/dw: [tap, input, output]."""
    return np.array([[[x[i, t : t + 2] @ d for d in dy] for i in (0, 1)] for t in range(3)])


def matrix() -> np.ndarray:
    """The layer's own matrix, with positions of one channel after the other as in the document."""
    found = conv_matrix(kernel(), (4, 2))  # rows and columns: position first, channel second
    return found.reshape(2, 2, 4, 2).transpose(1, 0, 3, 2).reshape(4, 8)


def input_gradient() -> Twice:
    """dL/dX, [channel, 4]."""
    return pullbacks(convolved, DY, X)


def backward_matrix() -> Twice:
    """B, [8, 4], column by column: what the backward pass makes of unit vectors."""

    def columns(ops: Any, units: Any) -> jax.Array:
        _, pull = jax.vjp(partial(convolved, ops), jnp.asarray(X))
        return jax.vmap(lambda dy: pull(dy)[0].ravel())(units).T

    return values(columns, np.eye(4).reshape(4, 2, 2))


def padded() -> np.ndarray:
    """dL/dY with two zeros on each side."""
    return np.pad(DY, [(0, 0), (2, 2)])


def reversed_kernels() -> np.ndarray:
    """[kernel i, channel j, tap]: w^ij with its taps reversed."""
    return W[:, :, ::-1]


@entry("S4.34", "5)", "Two input channels of 4, two filters of size 3, two output channels of 2.")
def shapes() -> Claim:
    return Claim("the output", (2, 2), np.shape(values(convolved, X).hand))


@entry(
    "S4.35", "5a", "The first output.",
    formula=r"y^{11}=[w^{11}_1\ w^{11}_2\ w^{11}_3]\begin{bmatrix}x_{11}\\x_{12}\\x_{13}\end{bmatrix}"
    r"+[w^{21}_1\ w^{21}_2\ w^{21}_3]\begin{bmatrix}x_{21}\\x_{22}\\x_{23}\end{bmatrix}",
)  # fmt: skip
def first_output() -> Claim:
    """The superscript ij is input i, output j; the typesetting shows 11 as a double prime."""
    return Claim("y11", W[0, 0] @ X[0, :3] + W[1, 0] @ X[1, :3], map_twice(lambda y: y[0, 0], values(convolved, X)))


@entry(
    "S4.36", "5a", "The first filter as a row vector, times all eight inputs.",
    formula=r"[w_1''\ w_2''\ w_3''\ 0\ 0\ 0\ 0]\,(x_{11},\dots,x_{24})^T",
    corrected=r"eight entries: $[w_1\ w_2\ w_3\ 0\ 0\ 0\ 0\ 0]$",
)  # fmt: skip
def row_vector() -> Claim:
    says, right = np.concatenate([W[0, 0], np.zeros(4)]), np.concatenate([W[0, 0], np.zeros(5)])
    only_first = np.where(np.arange(8) < 4, matrix()[0], 0)
    return Claim("the row for channel 1", says, only_first, corrected=right)


@entry(
    "S4.37", "5a", "All outputs as a matrix times all inputs.",
    formula=r"\tilde Y=\begin{bmatrix}w^{11}_1&w^{11}_2&w^{11}_3&0&w^{21}_1&w^{21}_2&w^{21}_3&0\\"
    r"0&w^{12}_1&w^{12}_2&w^{12}_3&0&w^{22}_1&w^{22}_2&w^{22}_3\\"
    r"w^{12}_1&w^{12}_2&w^{12}_3&0&w^{22}_1&w^{22}_2&w^{22}_3&0\\"
    r"0&w^{12}_1&w^{12}_2&w^{12}_3&0&w^{22}_1&w^{22}_2&w^{22}_3\end{bmatrix}\tilde X",
    corrected=r"row 2 is $(0,w^{11}_1,w^{11}_2,w^{11}_3,0,w^{21}_1,w^{21}_2,w^{21}_3)$",
    picture=matrix_pictures.conv_matrices,
)  # fmt: skip
def matrix_form() -> list[Finding]:
    """As printed rows 2 and 4 coincide: rank 3, and y12 is wrong. The right A is the layer's Jacobian."""
    truth = map_twice(lambda j: j.reshape(4, 8), jacobians(convolved, X))
    return [
        Claim("A", PRINTED_A, truth, corrected=A),
        Claim(
            "Y", (PRINTED_A @ X.ravel()).reshape(2, 2), values(convolved, X), corrected=(A @ X.ravel()).reshape(2, 2)
        ),
        Claim("its rank", int(np.linalg.matrix_rank(PRINTED_A)), int(np.linalg.matrix_rank(truth.hand)), corrected=4),
        Claim("the layer's answers to unit vectors", A, matrix()),
    ]


@entry(
    "S4.38", "5b", "The gradient for the first input.",
    formula=r"\frac{\partial L}{\partial x_{11}}=[w^{11}_1\ 0\ w^{12}_1\ 0]\,\frac{\partial L}{\partial Y}",
)  # fmt: skip
def first_input() -> Claim:
    says = np.array([W[0, 0, 0], 0, W[0, 1, 0], 0]) @ DY.ravel()
    return Claim("dL/dx11", says, map_twice(lambda d: d[0, 0], input_gradient()))


@entry("S4.39", "5b", "The 8 x 4 matrix B.", formula=r"\frac{\partial L}{\partial X}=B\,\frac{\partial L}{\partial Y}")
def matrix_b() -> list[Finding]:
    """B's columns are what the backward pass makes of unit vectors."""
    return [
        Claim("B", PRINTED_B, backward_matrix()),
        Claim("B times dL/dY", (PRINTED_B @ DY.ravel()).reshape(2, 4), input_gradient()),
    ]


@entry("S4.40", "5b", "The second matrix is the first transposed.", formula=r"B=A^T")
def transposed() -> list[Finding]:
    """So it is for the right A, not for the printed one. The transposed layer has it for its matrix, and A for its
    backward pass."""
    rows = jacobians(lambda ops, y: ops.conv_transpose(jnp.asarray(y).T[None], kernel())[0].T, DY)
    return [
        Claim("B", matrix().T, backward_matrix()),
        Claim("the printed A, transposed", PRINTED_A.T, backward_matrix(), corrected=A.T),
        Claim("the transposed layer's Jacobian", A.T, map_twice(lambda j: j.reshape(8, 4), rows)),
        Claim(
            "and its gradient by the kernel is the layer's own",
            by_kernel(X, DY),
            pullbacks(lambda ops, w: ops.conv_transpose(jnp.asarray(DY).T[None], w)[0].T, X, kernel()),
        ),
    ]


@entry(
    "S4.41", "5c", "The gradient is a convolution of dL/dY, padded with two zeros on each side.",
    formula=r"\begin{bmatrix}0&0&\nabla y^{11}&\nabla y^{12}&0&0\\0&0&\nabla y^{21}&\nabla y^{22}&0&0\end{bmatrix}",
)  # fmt: skip
def padded_convolution() -> list[Finding]:
    """By the layer itself, given the padded gradient and kernels with reversed taps and swapped channels."""
    swapped = jnp.asarray(np.transpose(reversed_kernels(), (2, 1, 0)))  # [tap, output j, input i]
    says = values(lambda ops: ops.conv(jnp.asarray(padded()).T[None], swapped)[0].T)
    return [Claim("dL/dX", says.hand, input_gradient()), Claim("by the sums", summed(), input_gradient())]


def summed() -> np.ndarray:
    """Each kernel scans both channels of the padded gradient."""
    return np.array([sum(correlate(d, w) for d, w in zip(padded(), ws, strict=True)) for ws in reversed_kernels()])


@entry(
    "S4.42", "5c", "The kernels have their taps reversed.",
    formula=r"\begin{bmatrix}w^{11}_3&w^{11}_2&w^{11}_1\\w^{12}_3&w^{12}_2&w^{12}_1\end{bmatrix},\quad"
    r"\begin{bmatrix}w^{21}_3&w^{21}_2&w^{21}_1\\w^{22}_3&w^{22}_2&w^{22}_1\end{bmatrix}",
)  # fmt: skip
def kernels() -> Claim:
    """Read off B: its rows hold the taps from the last to the first."""
    taps = lambda b: jnp.stack([b[4 * i : 4 * i + 3, 2 * j][::-1] for i, j in np.ndindex(2, 2)]).reshape(2, 2, 3)  # noqa: E731
    return Claim("both kernels", reversed_kernels(), map_twice(taps, backward_matrix()))


@entry("S4.43", "5c", "The output is dL/dX, 2 x 4.")
def output() -> list[Finding]:
    return [
        Claim("its size", (2, 4), np.shape(input_gradient().hand)),
        Claim("its values", summed(), input_gradient()),
    ]


@entry(
    "S4.44", "5c", "Each reversed filter scans channel j of the padded dL/dY and produces channel i of dL/dX.",
    formula=r"\omega^{ji}=[w^{ij}_3\ w^{ij}_2\ w^{ij}_1]",
)  # fmt: skip
def channel_by_channel() -> list[Finding]:
    """One pair of channels at a time: only channel j of the upstream gradient is left standing."""
    found: list[Finding] = []
    for i, j in np.ndindex(2, 2):
        alone = np.where(np.arange(2)[:, None] == j, DY, 0)
        truth = map_twice(itemgetter(i), pullbacks(convolved, alone, X))
        found.append(Claim(f"from channel {j + 1} to channel {i + 1}", correlate(padded()[j], W[i, j, ::-1]), truth))
    return found
