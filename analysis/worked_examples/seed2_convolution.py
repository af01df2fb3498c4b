"""Seed 2, section 1.1: the convolution layer and its gradients. S2.01 to S2.11.

Both layers of the document with random numbers: 1x28x28 by 4 kernels of 5x5, and 4x12x12 by 8 of them.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from analysis.worked_examples.entry import entry
from analysis.worked_examples.judge import Claim, Finding, Twice
from analysis.worked_examples.truth import (
    correlate,
    depth_first,
    full,
    image,
    map_twice,
    normal,
    output_first,
    pullbacks,
    rotate,
    taps,
    twice,
    values,
)
from jaxcnn import networks


class Layer(NamedTuple):
    """One layer's arrays in the document's layout: x[n, h, w], k[d, n, 5, 5], b[d, h', w'], dy like b."""

    x: np.ndarray
    k: np.ndarray
    b: np.ndarray
    dy: np.ndarray


LAYERS = {
    "layer 1": Layer(normal(20, 1, 28, 28), normal(21, 4, 1, 5, 5), normal(22, 4, 24, 24), normal(23, 4, 24, 24)),
    "layer 2": Layer(normal(24, 4, 12, 12), normal(25, 8, 4, 5, 5), normal(26, 8, 8, 8), normal(27, 8, 8, 8)),
}
SMALL_X = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 10]], float)
SMALL_K = np.array([[1, -1], [2, 0]], float)
SMALL_DY = np.array([[1, -2], [3, 4]], float)


def conv(ops: Any, x: Any, k: Any, b: Any) -> jax.Array:
    """Eq. 1 by a layer: [n, h, w] to [d, h', w'], with a bias per output position."""
    return depth_first(ops.conv(image(x), taps(k), jnp.moveaxis(jnp.asarray(b), 0, -1)))


def small(ops: Any, k: Any) -> jax.Array:
    return conv(ops, SMALL_X[None], jnp.asarray(k)[None, None], jnp.zeros((1, 2, 2)))[0]


def rows(network: networks.Network) -> dict[str, networks.Site]:
    return {site.path: site for site in network.sites((28, 28, 1))}


@entry(
    "S2.01", "eq. 1", "The forward pass of the convolution layer.",
    formula=r"Y_i=B_i+\sum_{j=1}^nX_j\star K_{ij},\quad i=1\dots d",
)  # fmt: skip
def forward() -> list[Finding]:
    """One number of B for every output position, as table 1 has it."""
    return [
        Claim(f"Y of {name}", [b + sum(correlate(x, k) for x, k in zip(layer.x, ks, strict=True))
                               for b, ks in zip(layer.b, layer.k, strict=True)], values(conv, *layer[:3]))
        for name, layer in LAYERS.items()
    ]  # fmt: skip


@entry("S2.02", "Table 1", "X, Y and B: depth x height x width; K: channels x depth x height x width.")
def layout() -> list[Finding]:
    """A convention ("channels" are output channels), carried over from this project's channels-last arrays."""
    layer = LAYERS["layer 2"]
    kernel = map_twice(output_first, twice(lambda ops: taps(layer.k)))
    return [
        Claim("K, to this project's layout and back", layer.k, kernel),
        Claim("shape of Y and B", layer.b.shape, np.shape(values(conv, *layer[:3]).hand)),
    ]


@entry("S2.03", "Table 2", "Sizes: 1x28x28 with 4x1x5x5 gives 4x24x24; 4x12x12 with 8x4x5x5 gives 8x8x8.")
def forward_sizes() -> list[Finding]:
    sites = rows(networks.seed2())
    return [
        Claim("conv1 and conv2, height, width, depth", [(24, 24, 4), (8, 8, 8)],
              [sites[name].output_shape for name in ("conv1", "conv2")]),
        Claim("their inputs", [(28, 28, 1), (12, 12, 4)], [sites[name].input_shape for name in ("conv1", "conv2")]),
    ]  # fmt: skip


@entry(
    "S2.04",
    "text before eq. 2",
    "K is rotated by 180 degrees in eq. 4, and filters are not rotated elsewhere.",
    formula=r"R^{180}(K)",
)
def rotation() -> Claim:
    """The layer correlates; with a rotated kernel it would convolve."""
    k = SMALL_K
    truth = values(lambda ops: small(ops, rotate(k)))
    convolved = [
        [sum(SMALL_X[i + 1 - a, j + 1 - b] * k[a, b] for a in (0, 1) for b in (0, 1)) for j in (0, 1)] for i in (0, 1)
    ]
    return Claim("X star R180(K), against the flipped sum", convolved, truth)


def kernel_gradient_printed(x: np.ndarray, dy: np.ndarray) -> list[list[np.ndarray]]:
    return [[correlate(plane, d) for plane in x] for d in dy]


@entry(
    "S2.05", "eq. 2", "The kernel's gradient.",
    formula=r"\frac{\partial E}{\partial K_{ij}}=X_j\star\frac{\partial E}{\partial Y_i}",
)  # fmt: skip
def kernel_gradient() -> list[Finding]:
    """Valid, for both layers. It is bilinear in X and the upstream gradient, so its own derivatives are
    convolutions."""
    found: list[Finding] = []
    for name, (x, k, b, dy) in LAYERS.items():
        truth = pullbacks(lambda ops, k, x=x, b=b: conv(ops, x, k, b), dy, k)
        found.append(Claim(f"dE/dK of {name}", kernel_gradient_printed(x, dy), truth))
    x, v = SMALL_X, normal(28, 2, 2)
    slope = lambda ops, dy: jax.vjp(lambda k: small(ops, k), jnp.asarray(SMALL_K))[1](dy)[0]  # noqa: E731
    again = pullbacks(slope, v, SMALL_DY)

    def by_x(ops: Any, x: Any) -> jax.Array:
        _, pull = jax.vjp(lambda k: conv(ops, x, k, np.zeros((1, 2, 2))), jnp.asarray(SMALL_K)[None, None])
        return pull(jnp.asarray(SMALL_DY)[None])[0]

    return [
        *found,
        Claim("the derivative of dE/dK by dE/dY, along v: X star v", correlate(x, v), again),
        Claim(
            "by X, along v: dE/dY spread over v",
            full(SMALL_DY, rotate(v)),
            map_twice(lambda d: d[0], pullbacks(by_x, v[None, None], x[None])),
        ),
    ]


@entry(
    "S2.06", "eq. 3",
    "The bias's gradient.", formula=r"\frac{\partial E}{\partial B_i}=\frac{\partial E}{\partial Y_i}",
)  # fmt: skip
def bias_gradient() -> list[Finding]:
    """For one bias per position; for one per channel it is the sum over positions."""
    x, k, b, dy = LAYERS["layer 2"]
    channel = pullbacks(lambda ops, b: depth_first(ops.conv(image(x), taps(k), b)), dy, jnp.zeros(8))

    def back(ops: Any, dy: Any) -> jax.Array:
        return jax.vjp(lambda b: depth_first(ops.conv(image(x), taps(k), b)), jnp.zeros(8))[1](dy)[0]

    def twice_back(ops: Any, v: Any) -> jax.Array:
        return jax.vjp(partial(back, ops), jnp.asarray(dy))[1](v)[0]

    v = normal(29, 8)
    return [
        Claim("dE/dB", dy, pullbacks(lambda ops, b: conv(ops, x, k, b), dy, b)),
        Claim("a sum's own gradient spreads", np.broadcast_to(v[:, None, None], dy.shape), pullbacks(back, v, dy)),
        Claim("and that one's sums", dy.sum((1, 2)), pullbacks(twice_back, dy, v)),
        Claim("with one bias per channel", dy.sum((1, 2)), channel),
    ]


def input_gradient_printed(k: np.ndarray, dy: np.ndarray, terms: int) -> np.ndarray:
    """Eq. 4 with its sum over i = 1..terms."""
    return np.array([sum(full(dy[i], rotate(k[i, j])) for i in range(terms)) for j in range(k.shape[1])])


def input_gradient_truth(layer: Layer) -> Twice:
    return pullbacks(lambda ops, x: conv(ops, x, layer.k, layer.b), layer.dy, layer.x)


@entry(
    "S2.07", "eq. 4", "The input's gradient.",
    formula=r"\frac{\partial E}{\partial X_j}=\sum_{i=1}^n\frac{\partial E}{\partial Y_i}\star R^{180}(K_{ij})",
    corrected=r"the sum runs over the $d$ output maps, and $\star$ is full: $\frac{\partial E}{\partial X_j}="
    r"\sum_{i=1}^d\frac{\partial E}{\partial Y_i}\star_{\mathrm{full}}R^{180}(K_{ij})$",
)  # fmt: skip
def input_gradient() -> list[Finding]:
    """Eq. 1 uses n for the input maps: 1 of 4 output maps would count in layer 1, and 4 of 8 in layer 2. And where
    eq. 1 and 2 star without padding, this star needs zeros all around: without them the sizes are wrong."""
    found: list[Finding] = []
    for name, layer in LAYERS.items():
        d, n = layer.k.shape[:2]
        right = input_gradient_printed(layer.k, layer.dy, d)
        says = input_gradient_printed(layer.k, layer.dy, n)
        found.append(Claim(f"dE/dX of {name}", says, input_gradient_truth(layer), corrected=right))
    layer = LAYERS["layer 2"]
    valid = np.array([sum(correlate(layer.dy[i], rotate(layer.k[i, j])) for i in range(8)) for j in range(4)])
    right_size = np.shape(input_gradient_printed(layer.k, layer.dy, 8))
    size = np.shape(input_gradient_truth(layer).hand)
    return [*found, Claim("size of dE/dX with the star of eq. 1", valid.shape, size, corrected=right_size)]


@entry(
    "S2.08", "text", "The derivative with respect to a matrix is not defined in mathematics.",
    corrected="the gradient of a number by a matrix is defined entry by entry, as the next two lines of the "
    "document do",
)  # fmt: skip
def gradient_by_a_matrix() -> list[Finding]:
    """It exists: difference quotients of every entry converge to the entries of one matrix."""
    error = lambda k: np.sum(SMALL_DY * correlate(SMALL_X, k))  # noqa: E731
    unit = lambda a, b: np.eye(4)[2 * a + b].reshape(2, 2)  # noqa: E731
    quotients = [[(error(SMALL_K + unit(a, b)) - error(SMALL_K)) for b in (0, 1)] for a in (0, 1)]
    gradient = pullbacks(small, SMALL_DY, SMALL_K)
    exists = bool(np.all(np.isfinite(gradient.hand)) and np.shape(gradient.hand) == SMALL_K.shape)
    return [
        Claim("it is undefined", True, not exists, corrected=False),
        Claim("difference quotients, entry by entry", quotients, gradient),
    ]


@entry(
    "S2.09", "matrix of dE/dK", "The matrix of derivatives.",
    formula=r"\begin{array}{c|c}\frac{\partial E}{\partial k_{11}}&\frac{\partial E}{\partial k_{22}}\\ \hline"
    r"\frac{\partial E}{\partial k_{21}}&\frac{\partial E}{\partial k_{22}}\end{array}",
    corrected=r"top right is $\frac{\partial E}{\partial k_{12}}$",
)  # fmt: skip
def matrix_of_derivatives() -> Claim:
    d = {(a, b): np.sum(SMALL_DY * SMALL_X[a - 1 : a + 1, b - 1 : b + 1]) for a in (1, 2) for b in (1, 2)}
    says, right = [[d[1, 1], d[2, 2]], [d[2, 1], d[2, 2]]], [[d[1, 1], d[1, 2]], [d[2, 1], d[2, 2]]]
    return Claim("dE/dK", says, pullbacks(small, SMALL_DY, SMALL_K), corrected=right)


@entry(
    "S2.10", "eq. for k11", "One entry written out.",
    formula=r"\frac{\partial E}{\partial k_{11}}=\frac{\partial E}{\partial y_{11}}x_{11}+\frac{\partial E}{"
    r"\partial y_{12}}"
    r"x_{12}+\frac{\partial E}{\partial y_{21}}x_{21}+\frac{\partial E}{\partial y_{22}}x_{22}",
)  # fmt: skip
def first_entry() -> list[Finding]:
    """A 3x3 input and a 2x2 kernel."""
    truth = pullbacks(small, SMALL_DY, SMALL_K)
    says = sum(SMALL_DY[a, b] * SMALL_X[a, b] for a in (0, 1) for b in (0, 1))
    return [
        Claim("dE/dk11", says, map_twice(lambda d: d[0, 0], truth)),
        Claim("all entries", correlate(SMALL_X, SMALL_DY), truth),
        Claim("Y", correlate(SMALL_X, SMALL_K), values(small, SMALL_K)),
    ]


@entry("S2.11", "Table 3", "Sizes of the gradients of both layers.")
def gradient_sizes() -> list[Finding]:
    printed_sizes = {
        "layer 1": [(4, 1, 5, 5), (4, 24, 24), (1, 28, 28)],
        "layer 2": [(8, 4, 5, 5), (8, 8, 8), (4, 12, 12)],
    }
    found: list[Finding] = []
    for name, (x, k, b, dy) in LAYERS.items():
        slopes = [pullbacks(conv, dy, x, k, b, by=which).hand for which in (1, 2, 0)]
        found += [Claim(f"dE/d{of} of {name}", size, slope.shape)
                  for of, size, slope in zip("KBX", printed_sizes[name], slopes, strict=True)]  # fmt: skip
    return found
