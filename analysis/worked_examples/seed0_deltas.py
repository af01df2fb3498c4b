"""Seed 0, exercise 1: the deltas, from one layer to the layer before. S0.17 to S0.25."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis.worked_examples import pictures
from analysis.worked_examples.entry import entry
from analysis.worked_examples.judge import Claim, Finding, Missing, Twice
from analysis.worked_examples.seed0_backprop import (
    ARGUMENTS,
    B1,
    DELTA1,
    DELTA2,
    W1,
    W2,
    O,
    convolve,
    delta,
    error,
    nonzero,
)
from analysis.worked_examples.truth import (
    correlate,
    full,
    gradients,
    image,
    jacobians,
    map_twice,
    normal,
    pullbacks,
    rotate,
    taps,
    values,
    windows,
)

X1 = correlate(O, W1) + B1  # the pre-activations of layer l, [4, 5]; f is tanh
SLOPE = 1 - np.tanh(X1) ** 2


def next_layer(ops: Any, x1: Any) -> jax.Array:
    """x^(l+1) from x^l."""
    return convolve(ops, ops.tanh(jnp.asarray(x1)), W2)


def printed_sum(delta: np.ndarray, kernel: np.ndarray, shape: tuple[int, int], wraps: bool) -> np.ndarray:
    """The double sum of delta[i' - m, j' - n] w[m, n]; outside its map delta is 0, or read from the other end."""
    total = np.zeros(shape)
    for i, j, m, n in np.ndindex(*shape, *kernel.shape):
        row, column = i - m, j - n
        if wraps or (0 <= row < delta.shape[0] and 0 <= column < delta.shape[1]):
            total[i, j] += delta[row % delta.shape[0], column % delta.shape[1]] * kernel[m, n]
    return total


@entry(
    "S0.17",
    "Deltas, picture",
    "One input pixel affects a bounded region of the output.",
    picture=pictures.pixel_support,
)
def pixel_reaches_patch() -> list[Finding]:
    """Rows i'-k+1..i' and columns j'-k+1..j', clipped to the map: pixel (2, 3) and a 3x3 kernel."""
    kernel = np.abs(normal(4, 3, 3)) + 1
    x, patch = normal(3, 7, 8), np.zeros((5, 6), bool)
    patch[0:3, 1:4] = True
    support = map_twice(lambda j: nonzero(j[..., 2, 3]), jacobians(lambda ops, x: convolve(ops, x, kernel), x))
    return [
        Missing("the picture", "drawn: the output patch that one input pixel reaches"),
        Claim("the patch", patch, support),
    ]


@entry(
    "S0.18", "Deltas, eq.", "The chain rule sums over the outputs that the pixel reaches.",
    formula=r"\frac{\partial E}{\partial x^l_{i',j'}}=\sum_{m=0}^{k_1-1}\sum_{n=0}^{k_2-1}\delta^{l+1}_{i'-m,j'-n}"
    r"\frac{\partial x^{l+1}_{i'-m,j'-n}}{\partial x^l_{i',j'}}",
)  # fmt: skip
def chain_over_patch() -> list[Finding]:
    """With a convention that the text leaves out: delta is 0 outside its map. Reading negative indices from the other
    end gives something else."""
    upstream, kernel = normal(5, 3, 4), normal(6, 3, 3)
    truth = pullbacks(lambda ops, x: convolve(ops, x, kernel), upstream, normal(7, 5, 6))
    reached = printed_sum(np.ones((3, 4)), np.ones((3, 3)), (5, 6), wraps=False)
    return [
        Claim("with delta = 0 outside", printed_sum(upstream, kernel, (5, 6), wraps=False), truth),
        Claim("with indices that wrap", printed_sum(upstream, kernel, (5, 6), wraps=True), truth,
              corrected=printed_sum(upstream, kernel, (5, 6), wraps=False)),
        Claim("pixels of 5x6 that need the convention", 28, int(np.sum(reached < 9))),
    ]  # fmt: skip


@entry(
    "S0.19", "Deltas, eq.", "The next layer is the convolution of the activated map.",
    formula=r"x^{l+1}_{i'-m,j'-n}=\sum_{m'}\sum_{n'}w^{l+1}_{m',n'}\,f(x^l_{i'-m+m',j'-n+n'})+b^{l+1}",
)  # fmt: skip
def next_layer_forward() -> Claim:
    """The delta is by the pre-activation, so f' belongs in it."""
    return Claim("the next layer", correlate(np.tanh(X1), W2), values(next_layer, X1))


@entry(
    "S0.20", "Deltas, expansion", "The written-out sum begins with this term.",
    formula=r"w^{l+1}_{m',n'}\,f(x^l_{0-m+m',0-n+n'})+\cdots",
    corrected=r"its term $m'=n'=0$: $w^{l+1}_{0,0}\,f(x^l_{i'-m,j'-n})$",
)  # fmt: skip
def first_term() -> Claim:
    """As printed the term does not depend on i' and j' and at m=1 reads outside the map. Here i'=j'=2, m=n=1."""
    kernel, f = W2, np.tanh(X1)
    rest = sum(kernel[a, b] * f[1 + a, 1 + b] for a in range(3) for b in range(3) if (a, b) != (0, 0))
    truth = map_twice(lambda x2: x2[1, 1], values(next_layer, X1))
    as_printed = kernel[1, 1] * f[0, 0]  # m' = n' = 1, the only indices there with which it stays in the map
    return Claim("the whole sum at (1, 1)", as_printed + rest, truth, corrected=kernel[0, 0] * f[1, 1] + rest)


@entry(
    "S0.21", "Deltas, eq.", "The local derivative is a weight times the slope.",
    formula=r"\frac{\partial x^{l+1}_{i'-m,j'-n}}{\partial x^l_{i',j'}}=w^{l+1}_{m,n}f'(x^l_{i',j'})",
)  # fmt: skip
def local_derivative() -> Claim:
    """At all m, n for the pixel (2, 3); outputs outside the map have none."""
    inside = [(m, n) for m in range(3) for n in range(3) if 0 <= 2 - m < 2 and 0 <= 3 - n < 3]
    pick = lambda j: jnp.stack([j[2 - m, 3 - n, 2, 3] for m, n in inside])  # noqa: E731
    says = [W2[m, n] * SLOPE[2, 3] for m, n in inside]
    return Claim("derivatives", says, map_twice(pick, jacobians(next_layer, X1)))


@entry(
    "S0.22", "Deltas, wording", "Substituting this derivative gives the result.",
    formula=r"\frac{\partial x^{l+1}_{i',j'}}{\partial x^l_{i',j'}}",
    corrected=r"the numerator's index is $i'-m,j'-n$: $\frac{\partial x^{l+1}_{i'-m,j'-n}}{\partial x^l_{i',j'}}$",
)  # fmt: skip
def which_derivative() -> Claim:
    """At i'=j'=1: the printed index gives the derivative m=n=0 for all nine terms."""
    d2, jacobian = delta(DELTA2), np.asarray(jacobians(next_layer, X1).auto)
    terms = [(m, n) for m in range(2) for n in range(2)]
    says = sum(d2[1 - m, 1 - n] * jacobian[1, 1, 1, 1] for m, n in terms)
    right = sum(d2[1 - m, 1 - n] * jacobian[1 - m, 1 - n, 1, 1] for m, n in terms)
    return Claim(
        "dE/dx_11", says, map_twice(lambda d: d[1, 1], gradients(error, *ARGUMENTS, by=DELTA1)), corrected=right
    )


@entry(
    "S0.23", "Deltas, result", "The delta of a layer from the deltas of the next, for one filter.",
    formula=r"\frac{\partial E}{\partial x^l_{i',j'}}=\sum_{m}\sum_{n}\delta^{l+1}_{i'-m,j'-n}w^{l+"
    r"1}_{m,n}f'(x^l_{i',j'})",
)  # fmt: skip
def delta_of_one_filter() -> list[Finding]:
    """With zeros outside: the full correlation of delta with the rotated kernel, times f'."""
    truth = gradients(error, *ARGUMENTS, by=DELTA1)
    return [
        Claim("the printed sum", printed_sum(delta(DELTA2), W2, (4, 5), wraps=False) * SLOPE, truth),
        Claim("full correlation with rot180(w)", full(delta(DELTA2), rotate(W2)) * SLOPE, truth),
    ]


FILTERS = normal(8, 3, 2, 3, 3)  # [q, c, 3, 3]
MAPS = normal(9, 2, 6, 6)  # [c, h, w]
UPSTREAMS = normal(10, 3, 4, 4)  # [q, h - 2, w - 2]


def summed(deltas: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Full correlation with rotated kernels, summed over the filters q: [c, h, w]."""
    return np.array([sum(full(d, rotate(w[c])) for d, w in zip(deltas, filters, strict=True)) for c in range(2)])


def many_filters(ops: Any, x: Any) -> jax.Array:
    return jnp.moveaxis(ops.conv(ops.tanh(image(x)), taps(FILTERS))[0], -1, 0)


@entry(
    "S0.24", "Deltas, result", "The same formula for the pictured network, whose layers have several filters.",
    formula=r"\frac{\partial E}{\partial x^l_{i',j'}}=\sum_{m}\sum_{n}\delta^{l+1}_{i'-m,j'-n}w^{l+"
    r"1}_{m,n}f'(x^l_{i',j'})",
    corrected=r"$\delta^l_{c,i',j'}=f'(x^l_{c,i',j'})\sum_q\sum_{m,n}\delta^{l+1}_{q,i'-m,j'-n}w^{l+1}_{q,c,m,n}$",
)  # fmt: skip
def delta_sums_over_filters() -> Claim:
    """A unit is seen by every filter of the next layer; the printed form has room for one."""
    slope = 1 - np.tanh(MAPS) ** 2
    return Claim(
        "the delta with 3 filters",
        slope * summed(UPSTREAMS[:1], FILTERS[:1]),
        pullbacks(many_filters, UPSTREAMS, MAPS),
        corrected=slope * summed(UPSTREAMS, FILTERS),
    )


def pooled(kind: str, ops: Any, x: Any) -> jax.Array:
    """f, then a 2x2 pool, then the three filters."""
    hidden = getattr(ops, kind)(ops.tanh(image(x)), 2)
    return jnp.moveaxis(ops.conv(hidden, taps(FILTERS))[0], -1, 0)


def unpool(kind: str, x: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Seed 0's pool rules on one map: all to the winner, or divided among the block."""
    blocks = windows(x, 2, 2)
    share = blocks == blocks.max((2, 3), keepdims=True) if kind == "max_pool" else np.full(blocks.shape, 0.25)
    return np.swapaxes(share * d[:, :, None, None], 1, 2).reshape(x.shape)


@entry(
    "S0.25", "Deltas vs. picture",
    "The pictured network pools between its convolutions; the formula has no pool in it.",
    formula=r"\delta^l=f'(x^l)\sum\delta^{l+1}w^{l+1}",
    corrected=r"the pool's rule comes before $f'$: $\delta^l=f'(x^l)\odot\mathrm{unpool}\left(\sum\delta^{l+"
    r"1}w^{l+1}\right)$",
)  # fmt: skip
def delta_through_pool() -> list[Finding]:
    """Without the pool's rule the deltas have the pooled map's size; repeating them does not mend it."""
    maps, upstream = normal(11, 2, 12, 12), UPSTREAMS
    slope, found = 1 - np.tanh(maps) ** 2, []
    for kind in ("max_pool", "avg_pool"):
        truth: Twice = pullbacks(lambda ops, x, kind=kind: pooled(kind, ops, x), upstream, maps)
        past = summed(upstream, FILTERS)
        says = slope * np.kron(past, np.ones((1, 2, 2)))
        right = slope * np.array([unpool(kind, np.tanh(x), d) for x, d in zip(maps, past, strict=True)])
        found.append(Claim(f"the delta below {kind}", says, truth, corrected=right))
    return list(found)
