"""Seed 0, exercise 1: backpropagation in a convolutional network with pools. S0.01 to S0.16.

The numbers are two 3x3 convolutions of one channel with tanh between them and E = 1/2 sum (t - x2)^2.
"""

from __future__ import annotations

from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis.worked_examples import pictures
from analysis.worked_examples.entry import entry
from analysis.worked_examples.judge import Claim, Finding, Missing
from analysis.worked_examples.truth import (
    correlate,
    gradients,
    jacobians,
    map_twice,
    normal,
    pullbacks,
    square,
    values,
    windows,
)
from jaxcnn import networks

O = np.array(  # noqa: E741
    [
        [-0.75, 0.5, 0.0, -0.5, 0.75, 0.25, -0.25],
        [0.0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5],
        [0.75, 0.25, -0.25, -0.75, 0.5, 0.0, -0.5],
        [-0.25, -0.75, 0.5, 0.0, -0.5, 0.75, 0.25],
        [0.5, 0.0, -0.5, 0.75, 0.25, -0.25, -0.75],
        [-0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0.0],
    ]
)
W1, B1 = np.array([[0.25, -0.5, 0.0], [0.75, 0.25, -0.25], [0.0, 0.5, -0.75]]), 0.25
W2, B2 = np.array([[0.5, 0.0, 0.25], [-0.25, 0.25, 0.75], [0.25, -0.5, 0.0]]), -0.5
T = np.array([[1.0, -1.0, 0.0], [0.5, 0.0, -0.5]])
IMAGE = np.array([[4, 5, 2, 2], [6, 3, 7, 1], [9, 7, 5, 2], [2, 5, 1, 4]], float)
UPSTREAM = np.array([[1, 2], [3, 4]], float)


def plane(x: jax.Array) -> jax.Array:
    """[1, h, w, 1] to [h, w]."""
    return x[0, :, :, 0]


def convolve(ops: Any, x: Any, w: Any, b: Any = 0.0) -> jax.Array:
    """One map, one filter, one bias: [h, w] to [h - 2, w - 2]."""
    w = jnp.asarray(w)[:, :, None, None]
    return plane(ops.conv(square(x), w, jnp.full(1, b)))


def layers(ops: Any, w1: Any, b1: Any, w2: Any, b2: Any, shift1: Any, shift2: Any) -> tuple[jax.Array, jax.Array]:
    """x1 and x2; the shifts, zeros, are added to them so that one can differentiate by x1 and x2."""
    x1 = convolve(ops, O, w1, b1) + shift1
    return x1, convolve(ops, ops.tanh(x1), w2, b2) + shift2


def error(ops: Any, *arguments: Any) -> jax.Array:
    """E of the two layers."""
    return ops.half_squared_error(layers(ops, *arguments)[1][None], jnp.asarray(T)[None])[0]


ARGUMENTS = (W1, B1, W2, B2, np.zeros((4, 5)), np.zeros((2, 3)))
DELTA1, DELTA2 = 4, 5  # positions of the shifts


def delta(position: int) -> np.ndarray:
    return np.asarray(gradients(error, *ARGUMENTS, by=position).hand)


def nonzero(jacobian: Any) -> np.ndarray:
    return np.abs(np.asarray(jacobian)) > 0


@entry(
    "S0.01",
    "Ex. 1, opening",
    "A picture of a network of convolutions and pools that ends in a vector fed to an MLP.",
    picture=pictures.block_diagram,
)
def picture_of_the_network() -> list[Finding]:
    """Filter counts and sizes are not stated; `networks.seed0` chooses them."""
    rows = networks.summary(networks.seed0(), (28, 28, 1))
    kinds = [row.kind for row in rows]
    last_image = max(k for k, row in enumerate(rows) if len(row.output_shape) == 3)
    return [
        Missing("the picture", "drawn: input, conv 3x3, pool, conv, pool, flatten, dense layers, outputs"),
        Claim("layers after the last image", kinds[last_image + 1 :], ["flatten", "dense", "relu", "dense"]),
    ]


@entry("S0.02", "Ex. 1", "Pooling gradually reduces the spatial size, and thus the calculations and parameters.")
def pooling_reduces() -> list[Finding]:
    """True for the layers after the pool; a convolution's kernel has the same size with and without it."""

    def rows(**pool: Any) -> dict[str, Any]:
        network = networks.serial(
            conv1=networks.conv(4, 5),
            **pool,
            conv2=networks.conv(8, 5),
            flat=networks.flatten(),
            out=networks.dense(10),
        )
        return {row.path: row for row in networks.summary(network, (28, 28, 1))}

    def weights(*size: int) -> int:
        """Of ten outputs on a volume."""
        network = networks.serial(flat=networks.flatten(), out=networks.dense(10, bias=None))
        return networks.summary(network, size)[-1].parameters

    without, pooled = rows(), rows(pool=networks.max_pool(2))
    return [
        Claim("fewer positions, multiply-adds, parameters after the pool", [True] * 3, [
            prod(pooled["conv2"].output_shape) < prod(without["conv2"].output_shape),
            pooled["conv2"].multiply_adds < without["conv2"].multiply_adds,
            pooled["out"].parameters < without["out"].parameters,
        ]),
        Claim("the convolution's own kernel shrinks", False, pooled["conv2"].parameters < without["conv2"].parameters),
        Claim("weights of 10 outputs on 4x24x24 and on 4x12x12", [23040, 5760],
              [weights(24, 24, 4), weights(12, 12, 4)]),
    ]  # fmt: skip


@entry("S0.03", "Ex. 1", "Filters of size 3 with stride 1; both max and average pooling.")
def settings() -> Claim:
    """Settings from the lost picture; the pool's size is only N x N."""
    kernel = np.zeros((3, 3, 1, 1))

    def shapes(ops: Any) -> list[tuple[int, ...]]:
        y = ops.conv(square(O), jnp.asarray(kernel))
        return [y.shape, ops.max_pool(y, 2).shape, ops.avg_pool(y, 2).shape]

    return Claim("shapes of conv, max pool, average pool", [(1, 4, 5, 1), (1, 2, 2, 1), (1, 2, 2, 1)], values(shapes))


@entry("S0.04", "Ex. 1, Error", "The error is half the sum of squares.", formula=r"E=\frac12\sum_p(t_p-y_p)^2")
def half_squares() -> list[Finding]:
    """Its gradient by y is y - t."""
    y, t = normal(1, 1, 7), normal(2, 1, 7)

    def loss(ops: Any, y: Any, t: Any) -> jax.Array:
        return ops.half_squared_error(jnp.asarray(y), jnp.asarray(t))[0]

    return [
        Claim("E", np.sum((t - y) ** 2) / 2, values(loss, y, t)),
        Claim("dE/dy = y - t", y - t, gradients(loss, y, t)),
        Claim("dE/dt = t - y", t - y, gradients(loss, y, t, by=1)),
    ]


@entry("S0.05", "Backprop, pooling", "Pooling layers reduce the amount of parameters and learn nothing.")
def pools_learn_nothing() -> Claim:
    """The backward pass has an input cotangent only; "reduce the parameters" is true downstream (S0.02)."""
    rows = networks.summary(networks.seed0(), (28, 28, 1))
    return Claim("parameters of the pools", [0, 0], [row.parameters for row in rows if row.kind == "max_pool"])


@entry("S0.06", "Backprop, pooling", 'An N x N block is reduced to a single value, the "winning unit".')
def winning_unit() -> list[Finding]:
    """So for a maximum; a mean has no winning unit, its value is in general none of the block's."""
    blocks = windows(IMAGE, 2, 2)
    pooled = values(lambda ops: plane(ops.max_pool(square(IMAGE), 2)))
    mean = values(lambda ops: plane(ops.avg_pool(square(IMAGE), 2))).hand
    return [
        Claim("the value of each block's winner", blocks.max((2, 3)), pooled),
        Claim("the mean is a value of its block", False, bool(np.all([m in block for m, block in zip(
            np.ravel(mean), blocks.reshape(4, 4), strict=True)]))),
    ]  # fmt: skip


@entry("S0.07", "Backprop, pooling", "Max pooling: the error goes to where it comes from, the others get zero.")
def error_to_the_winner() -> Claim:
    """For blocks without ties; the text says nothing on ties or on overlapping windows (S1.32)."""
    blocks = windows(IMAGE, 2, 2)
    is_winner = blocks == blocks.max((2, 3), keepdims=True)
    says = np.swapaxes(is_winner * UPSTREAM[:, :, None, None], 1, 2).reshape(4, 4)
    return Claim("dE/dx", says, pullbacks(lambda ops, x: plane(ops.max_pool(square(x), 2)), UPSTREAM, IMAGE))


@entry("S0.08", "Backprop, pooling", "Average pooling: the error is divided by N x N and given to the whole block.")
def error_shared() -> list[Finding]:
    """A global average pool is one block for the whole map."""
    says = np.kron(UPSTREAM / 4, np.ones((2, 2)))
    whole = pullbacks(lambda ops, x: ops.global_avg_pool(square(x)), np.ones((1, 1)), IMAGE)
    return [
        Claim("dE/dx", says, pullbacks(lambda ops, x: plane(ops.avg_pool(square(x), 2)), UPSTREAM, IMAGE)),
        Claim("dE/dx of a global average", np.full((4, 4), 1 / 16), whole),
    ]


@entry(
    "S0.09",
    "Conv layer",
    "Two updates must be done, weights and deltas.",
    corrected=r"a third, the bias: $\frac{\partial E}{\partial b^l}=\sum_{i,j}\delta^l_{i,j}$; deltas are no update",
)
def bias_is_left_out() -> Claim:
    """The bias is in the forward equation, but its gradient is never given: as if it were zero."""
    return Claim(
        "dE/db", says=0.0, truth=gradients(error, *ARGUMENTS, by=1), corrected=float(np.sum(delta(DELTA1)))
    )  # fmt: skip


@entry(
    "S0.10",
    "Weights, picture",
    "One weight contributes to every element of the output map.",
    picture=pictures.weight_support,
)
def weight_reaches_all() -> list[Finding]:
    """The Jacobian of the map by one kernel entry has no zero."""
    x = normal(3, 7, 8)
    support = map_twice(lambda j: nonzero(j[..., 1, 1]), jacobians(lambda ops, w: convolve(ops, x, w), W1))
    return [
        Missing("the picture", "drawn: the outputs that one kernel entry reaches"),
        Claim("outputs with a nonzero derivative", np.ones((5, 6), bool), support),
    ]


@entry(
    "S0.11",
    "Weights",
    "Stride 1 and an input of H x W give this output.",
    formula=r"(H-k_1+1)\times(W-k_2+1)",
)
def output_size() -> Claim:
    """For all inputs up to 6 x 7 and kernels that fit."""
    cases = [(h, w, a, b) for h in (3, 6) for w in (4, 7) for a in (1, 3) for b in (2, 4)]

    def sizes(ops: Any) -> list[tuple[int, ...]]:
        run = lambda x, k: ops.conv(x, k)  # noqa: E731
        shape = lambda *s: jax.ShapeDtypeStruct(s, jnp.float64)  # noqa: E731
        return [jax.eval_shape(run, shape(1, h, w, 1), shape(a, b, 1, 1)).shape[1:3] for h, w, a, b in cases]

    return Claim("sizes", [(h - a + 1, w - b + 1) for h, w, a, b in cases], values(sizes))


@entry(
    "S0.12",
    "Weights, eq.",
    "The chain rule sums over all output pixels.",
    formula=r"\frac{\partial E}{\partial w^l_{m',n'}}=\sum_{i=0}^{H-k_1}\sum_{j=0}^{W-k_2}"
    r"\delta^l_{i,j}\frac{\partial x^l_{i,j}}{\partial w^l_{m',n'}}",
)
def chain_over_pixels() -> Claim:
    """Per filter and input channel; with a batch the sum runs over the images too."""
    jacobian = np.asarray(jacobians(lambda ops, w: convolve(ops, O, w, B1), W1).auto)
    says = np.einsum("ij,ijmn->mn", delta(DELTA1), jacobian)
    return Claim("dE/dw", says, gradients(error, *ARGUMENTS))


@entry(
    "S0.13",
    "Weights, eq.",
    "The convolution, one channel, without flipping.",
    formula=r"x^l_{i,j}=\sum_m\sum_n w^l_{m,n}o^{l-1}_{i+m,j+n}+b^l",
)
def forward() -> Claim:
    """With several input channels a sum over them is needed as well."""
    return Claim("x", correlate(O, W1) + B1, values(lambda ops: convolve(ops, O, W1, B1)))


@entry(
    "S0.14",
    "Weights, eq.",
    "The derivative of an output by a weight is the input that the weight meets.",
    formula=r"\frac{\partial x^l_{i,j}}{\partial w^l_{m',n'}}=o^{l-1}_{i+m',j+n'}",
)
def derivative_by_weight() -> Claim:
    says = [[O[i : i + 3, j : j + 3] for j in range(5)] for i in range(4)]
    return Claim("all 4 x 5 x 3 x 3 derivatives", says, jacobians(lambda ops, w: convolve(ops, O, w, B1), W1))


@entry(
    "S0.15",
    "Weights, wording",
    "(The derivative of the sum's terms is zero) for all except the components where m=m' and n=n'.",
    corrected="zero for all components except the one where $m=m'$ and $n=n'$",
)
def which_terms_vanish() -> Claim:
    """The text, twice, keeps the result "for all except" that component; it is the only one that stays."""
    m, n = 1, 2

    terms = jacobians(lambda ops, w: ops.identity(w * O[:3, :3]), W1)  # those of x_00, one per weight
    keeps = map_twice(lambda j: nonzero(j[..., m, n]), terms)
    component = np.zeros((3, 3), bool)
    component[m, n] = True
    return Claim("terms with a derivative by w_12", says=~component, truth=keeps, corrected=component)


@entry(
    "S0.16",
    "Weights, result",
    "The kernel's gradient is the input correlated with the deltas.",
    formula=r"\frac{\partial E}{\partial w^l_{m',n'}}=\sum_{i=0}^{H-k_1}\sum_{j=0}^{W-k_2}"
    r"\delta^l_{i,j}\,o^{l-1}_{i+m',j+n'}",
)
def kernel_gradient() -> list[Finding]:
    """Both layers of the worked network; the bias and error beside them."""
    hidden = np.tanh(correlate(O, W1) + B1)
    return [
        Claim("dE/dw of layer 1", correlate(O, delta(DELTA1)), gradients(error, *ARGUMENTS, by=0)),
        Claim("dE/dw of layer 2", correlate(hidden, delta(DELTA2)), gradients(error, *ARGUMENTS, by=2)),
        Claim("E", np.sum((T - correlate(hidden, W2) - B2) ** 2) / 2, values(error, *ARGUMENTS)),
    ]
