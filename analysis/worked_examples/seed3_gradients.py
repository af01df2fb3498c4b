"""Seed 3, exercises 1 and 2: one kernel entry's gradient, and sizes. S3.01 to S3.14."""

from __future__ import annotations

from functools import cache
from math import floor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis.linear_maps import DERIVATION, output_size, same_padding
from analysis.worked_examples.entry import entry
from analysis.worked_examples.judge import Claim, Finding, Missing
from analysis.worked_examples.truth import correlate, gradients, map_twice, normal, values, windows
from jaxcnn.networks import conv

IMAGE = normal(50, 6, 7, 3)
KERNEL = normal(51, 5, 5, 3, 2) / 5  # [x, y, c, k]
BIAS = np.array([0.1, -0.2])
V = normal(52, 2, 3, 2, 2)  # [i, j, k, o]
TARGET = np.array([1.0, -1.0])
DENSE_KERNEL = normal(53, 6, 7, 3, 8) / 10  # [x, y, c, k], k also as 111, 112, ..., 222
DENSE_BIAS, DENSE_V = normal(54, 8), normal(55, 8, 2)
A = np.stack([sum(correlate(IMAGE[:, :, c], KERNEL[:, :, c, k]) for c in range(3)) + BIAS[k] for k in (0, 1)], -1)
H, SLOPE = np.tanh(A), 1 - np.tanh(A) ** 2


def convolved(ops: Any, w: Any) -> jax.Array:
    """Eq. 1: a[i, j, k]."""
    return ops.conv(jnp.asarray(IMAGE)[None], jnp.asarray(w), jnp.asarray(BIAS))[0]


def readout(ops: Any, h: Any, v: Any) -> jax.Array:
    """Eq. 3: y[o] from hidden units with any number of indices."""
    return ops.dense(ops.flatten(jnp.asarray(h)[None]), jnp.asarray(v).reshape(-1, 2))[0]


def half_squares(ops: Any, y: Any) -> jax.Array:
    return ops.half_squared_error(y[None], jnp.asarray(TARGET)[None])[0]


def conv_loss(ops: Any, w: Any) -> jax.Array:
    return half_squares(ops, readout(ops, ops.tanh(convolved(ops, w)), V))


def dense_units(ops: Any, w: Any) -> jax.Array:
    """Exercise 1b: a[k]."""
    flat = ops.flatten(jnp.asarray(IMAGE)[None])
    return ops.dense(flat, jnp.asarray(w).reshape(-1, 8), jnp.asarray(DENSE_BIAS))[0]


def dense_loss(ops: Any, w: Any) -> jax.Array:
    return half_squares(ops, readout(ops, ops.tanh(dense_units(ops, w)), DENSE_V))


def first(pair: Any) -> Any:
    """The derivative by w_1111 (or w_111111): the first entry."""
    return map_twice(lambda d: d[0, 0, 0, 0], pair)


def past(h: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The document's y^ - y, with y^ the target."""
    return TARGET - np.tensordot(h, v, h.ndim)


@entry(
    "S3.01", "eq. 1", "The convolution: 5x5x3 filters, stride 1.",
    formula=r"a_{ijk}=b_k+\sum_{x=1}^5\sum_{y=1}^5\sum_{c=1}^3I_{i+x-1,j+y-1,c}\,w_{xyck}",
)  # fmt: skip
def convolution() -> Claim:
    return Claim("a", A, values(convolved, KERNEL))


@entry("S3.02", "eq. 2", "The non-linearity.", formula=r"h_{ijk}=\sigma(a_{ijk})")
def nonlinearity() -> list[Finding]:
    """Any; with two of this project's."""
    return [
        Claim("tanh", np.tanh(A), values(lambda ops: ops.tanh(jnp.asarray(A)))),
        Claim("sigmoid", 1 / (1 + np.exp(-A)), values(lambda ops: ops.sigmoid(jnp.asarray(A)))),
    ]


@entry("S3.03", "eq. 3", "The linear layer, without bias.", formula=r"y_o=\sum_{ijk}v_{ijko}h_{ijk}")
def linear_layer() -> Claim:
    return Claim("y", np.einsum("ijko,ijk->o", V, H), values(readout, H, V))


@entry("S3.04", "Ex. 1a", "The loss; the target is written with the hat.", formula=r"L=\frac12\sum_o(\hat y_o-y_o)^2")
def loss() -> list[Finding]:
    """So its derivative by y carries a minus."""
    y = np.einsum("ijko,ijk->o", V, H)
    return [
        Claim("L", np.sum((TARGET - y) ** 2) / 2, values(conv_loss, KERNEL)),
        Claim("dL/dy = -(y^ - y)", -(TARGET - y), gradients(lambda ops, y: half_squares(ops, jnp.asarray(y)), y)),
    ]


@entry(
    "S3.05", "eq. 4", "The derivative by one kernel entry.",
    formula=r"\frac{\partial L}{\partial w_{1111}}=-\sum_o(\hat y_o-y_o)\sum_{ijk}v_{ijko}\,\sigma'(a_{ijk})\,I_{ij1}",
    corrected=r"$w_{1111}$ belongs to filter $k=1$ alone: $-\sum_o(\hat y_o-y_o)\sum_{ij}v_{ij1o}\,"
    r"\sigma'(a_{ij1})\,I_{ij1}$",
)  # fmt: skip
def kernel_entry() -> list[Finding]:
    """Right as printed only where there is one filter."""
    i = IMAGE[:2, :3, 0]
    says = -np.einsum("o,ijko,ijk,ij->", past(H, V), V, SLOPE, i)
    right = -np.einsum("o,ijo,ij,ij->", past(H, V), V[:, :, 0], SLOPE[:, :, 0], i)
    return [Claim("dL/dw_1111 with two filters", says, first(gradients(conv_loss, KERNEL)), corrected=right)]


@entry(
    "S3.06",
    "Ex. 1b",
    "The dense counterpart.",
    formula=r"a_k=b_k+\sum_x\sum_y\sum_cI_{xyc}w_{xyck},\quad y_o=\sum_kv_{ok}h_k",
)
def dense_layer() -> list[Finding]:
    a = DENSE_BIAS + np.einsum("xyc,xyck->k", IMAGE, DENSE_KERNEL)
    return [
        Claim("a", a, values(dense_units, DENSE_KERNEL)),
        Claim("y", np.tanh(a) @ DENSE_V, values(readout, np.tanh(a), DENSE_V)),
    ]


A_DENSE = DENSE_BIAS + np.einsum("xyc,xyck->k", IMAGE, DENSE_KERNEL)


@entry(
    "S3.07", "eq. 5", "The same derivative in the dense layer.",
    formula=r"\frac{\partial L}{\partial w_{1111}}=-\sum_o(\hat y_o-y_o)\sum_kv_{ok}\,\sigma'(a_k)\,I_{111}",
    corrected=r"no sum over $k$: $-\sum_o(\hat y_o-y_o)\,v_{o1}\,\sigma'(a_1)\,I_{111}$",
)  # fmt: skip
def dense_entry() -> Claim:
    slope, d = 1 - np.tanh(A_DENSE) ** 2, past(np.tanh(A_DENSE), DENSE_V)
    says, right = (-np.sum(d @ DENSE_V[units].T * slope[units]) * IMAGE[0, 0, 0] for units in (slice(8), slice(1)))
    return Claim("dL/dw_1111", says, first(gradients(dense_loss, DENSE_KERNEL)), corrected=right)


@entry(
    "S3.08",
    "Ex. 1b",
    "Eight hidden neurons may be indexed 111, 112, 121, ...",
    formula=r"a_{ijk}=b_{ijk}+\sum_x\sum_y\sum_cI_{xyc}w_{xycijk}",
)
def three_indices() -> Claim:
    """2^3 = 8: the same dense layer with its units in a cube."""
    says = DENSE_BIAS.reshape(2, 2, 2) + np.einsum("xyc,xycijk->ijk", IMAGE, DENSE_KERNEL.reshape(6, 7, 3, 2, 2, 2))
    return Claim("a", says, map_twice(lambda a: a.reshape(2, 2, 2), values(dense_units, DENSE_KERNEL)))


@entry(
    "S3.09", "eq. 6", "The derivative by one weight with three-index neurons.",
    formula=r"\frac{\partial L}{\partial w_{111111}}=-\sum_o(\hat y_o-y_o)\sum_kv_{111ko}\,\sigma'(a_{111k})\,I_{111}",
    corrected=r"$v$ has four indices and $a$ three, no sum: $-\sum_o(\hat y_o-y_o)\,v_{111o}\,\sigma'(a_{111})"
    r"\,I_{111}$",
)  # fmt: skip
def three_index_entry() -> list[Finding]:
    """Read with the sum over the last index of the neuron, the only one it can run over."""
    slope = 1 - np.tanh(A_DENSE).reshape(2, 2, 2) ** 2
    v, d = DENSE_V.reshape(2, 2, 2, 2), past(np.tanh(A_DENSE), DENSE_V)
    says = -np.einsum("o,ko,k->", d, v[0, 0], slope[0, 0]) * IMAGE[0, 0, 0]
    right = -np.einsum("o,o->", d, v[0, 0, 0]) * slope[0, 0, 0] * IMAGE[0, 0, 0]
    return [
        Claim("dL/dw_111111", says, first(gradients(dense_loss, DENSE_KERNEL)), corrected=right),
        Claim("indices of v and a", [5, 4], [v.ndim, slope.ndim], corrected=[4, 3]),
    ]


@entry("S3.10", "Ex. 1c", "With max pooling the sum runs only over those i and j that win in their group.")
def with_max_pooling() -> list[Finding]:
    """v is indexed by the pooled cell; the choice of k is as in S3.05. An image of 10x10 gives 6x6 units,
    pooled by 2."""
    x, w, v = normal(56, 10, 10, 3), normal(57, 5, 5, 3, 2) / 5, normal(58, 3, 3, 2, 2)

    def network_loss(ops: Any, w: Any) -> jax.Array:
        h = ops.tanh(ops.conv(jnp.asarray(x)[None], jnp.asarray(w)))
        return half_squares(ops, readout(ops, ops.max_pool(h, 2)[0], v))

    a = np.stack([sum(correlate(x[:, :, c], w[:, :, c, k]) for c in range(3)) for k in (0, 1)], -1)
    blocks = [windows(np.tanh(a[:, :, k]), 2, 2) for k in (0, 1)]
    d = TARGET - np.einsum("ijko,ijk->o", v, np.stack([block.max((2, 3)) for block in blocks], -1))
    is_winner = np.swapaxes(blocks[0] == blocks[0].max((2, 3), keepdims=True), 1, 2).reshape(6, 6)
    v_each = np.repeat(np.repeat(v[:, :, 0], 2, 0), 2, 1)  # [6, 6, o]
    slope = (1 - np.tanh(a[:, :, 0]) ** 2) * is_winner
    says = -np.einsum("o,ijo,ij,ij->", d, v_each, slope, x[:6, :6, 0])
    return [
        Claim("dL/dw_1111", says, first(gradients(network_loss, w))),
        Claim("winners among the 36 units of a filter", 9, int(is_winner.sum())),
    ]


CASES = [
    (n, f, s, p) for n in range(3, 12) for f in range(1, 5) for s in (1, 2, 3) for p in (0, 1, 2) if n + 2 * p >= f
]


@cache
def size_of_layer(n: int, f: int, s: int, p: int) -> tuple[int, ...]:
    """The shape of one example after a convolution of an n x n x 3 volume with 4 filters."""
    return conv(4, f, stride=s, padding=p).output_shape((n, n, 3))


@entry(
    "S3.11", "eq. 7", "The output's size for k filters f x f x c, stride s, padding p.",
    formula=r"\left(\frac{n+2p-f}{s}+1\right)\times\left(\frac{n+2p-f}{s}+1\right)\times k",
)  # fmt: skip
def volume_size() -> list[Finding]:
    """Where s divides n + 2p - f; elsewhere take the floor. All n in 3..11, f in 1..4, s in 1..3, p in 0..2."""
    whole = [case for case in CASES if (case[0] + 2 * case[3] - case[1]) % case[2] == 0]
    rule = lambda n, f, s, p: (n + 2 * p - f) / s + 1  # noqa: E731
    return [
        Claim(f"{len(whole)} sizes with a whole quotient", [(rule(*c), rule(*c), 4) for c in whole],
              [size_of_layer(*c) for c in whole]),
        Claim(f"all {len(CASES)} sizes, with the floor", [output_size(*c) for c in CASES],
              [size_of_layer(*c)[0] for c in CASES]),
        Claim("n = 4, f = 3, s = 2, p = 0: 1.5", floor(rule(4, 3, 2, 0)), size_of_layer(4, 3, 2, 0)[0]),
    ]  # fmt: skip


@entry(
    "S3.12", "Ex. 2b", "Choose p such that the input and output volumes have the same width and depth, for s = 1.",
    corrected=r"the same width and height: $p=(f-1)/2$, $f$ odd; equal depth needs $k=c$ and has nothing to do "
    r"with $p$",
)  # fmt: skip
def width_and_height() -> list[Finding]:
    """With p = (f - 1) / 2: 4 filters on a depth of 3."""
    volumes = [(8, 8, 3)] * 3
    outputs = [size_of_layer(8, f, 1, same_padding(f)) for f in (1, 3, 5)]
    which = lambda axes: [[v[a] == o[a] for a in axes] for v, o in zip(volumes, outputs, strict=True)]  # noqa: E731
    width, depth, height = 1, 2, 0
    return [
        Claim("same width and depth", [[True, True]] * 3, which((width, depth)), corrected=[[True, False]] * 3),
        Claim("same width and height", [[True, True]] * 3, which((width, height))),
    ]


@entry("S3.13", "Ex. 2b", "Check the result for n = 4 and f = 3.")
def special_case() -> Claim:
    return Claim("p, and the size it gives", [1, 4], [same_padding(3), size_of_layer(4, 3, 1, same_padding(3))[0]])


@entry("S3.14", "Ex. 2", '"Solution:", followed by nothing.')
def absent_solution() -> list[Finding]:
    """The derivation below stands in for it; the places it counts are counted here one by one."""
    count = lambda n, f, s, p: len(range(0, n + 2 * p - f + 1, s))  # noqa: E731
    return [
        Missing("the solution of exercise 2", DERIVATION, is_figure=False),
        Claim("filter positions that fit, counted", [size_of_layer(*c)[0] for c in CASES], [count(*c) for c in CASES]),
    ]
