r"""Weight layers as linear maps of covariances between points; a point is one position of one example.

In a wide network the channels of a layer are independent copies of one random field over the points. A layer whose
kernel entries have variance v_t at tap t of the window takes the channels' second moments K[p, p'] to

    K'[p, p']  = c_in sum_t v_t K[t(p), t(p')] + sb2            t(p): the input point under tap t of output point p

and, read backwards, the deltas' second moments D to D_in[t(p), t(p')] = c_out sum_t v_t D[p, p']. The kernel's
gradient dW_t = sum_p delta[p] h[t(p)] has the second moment sum_{p, p'} D[p, p'] K[t(p), t(p')], forward and backward
passes taken as independent (Schoenholz et al. 2017; Xiao et al. 2018 for convolutions).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from analysis.gradient_flow.initial import Init, bias_variance, is_orthogonal, tap_variances
from jaxcnn.lowering.window import Window
from jaxcnn.networks import Network
from jaxcnn.ops import geometry

Matrix = Float[np.ndarray, "points points"]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Linear:
    """A dense or convolutional layer at one place of a network."""

    taps: Int[np.ndarray, "taps outputs"]  # the input point under each tap, one past the last where there is padding
    inputs: int  # points before
    fan_in: int  # channels that one output sums
    fan_out: int  # channels that one input reaches
    before: int  # channels
    features: int  # channels after
    variances: Float[np.ndarray, " taps"]
    bias: Matrix | float  # sb2, or sb2 where two points share their bias
    is_transposed: bool
    is_orthogonal: bool

    @property
    def orthogonality(self) -> tuple[float, float]:
        """How much of its norm the signal, and the gradient, keeps for certain: 1 for a square orthogonal kernel."""
        ratio = self.fan_out / self.fan_in
        return (min(1.0, ratio), min(1.0, 1 / ratio)) if self.is_orthogonal else (0.0, 0.0)

    def forward(self, cov: Matrix, is_biased: bool = True) -> Matrix:
        """The second moments of the pre-activations."""
        sums = self.fan_in * (self.scatter(cov) if self.is_transposed else self.gather(cov))
        return sums + self.bias if is_biased else sums

    def backward(self, dcov: Matrix) -> Matrix:
        """The second moments of the gradient with respect to the input, of those with respect to the output."""
        return self.fan_out * (self.gather(dcov) if self.is_transposed else self.scatter(dcov))

    def kernel_gradient(self, cov: Matrix, dcov: Matrix) -> float:
        """E[dW^2], the mean over taps."""
        before, after = (dcov, cov) if self.is_transposed else (cov, dcov)
        padded = np.pad(before, (0, 1))
        return float(np.mean([np.sum(after * padded[np.ix_(tap, tap)]) for tap in self.taps]))

    def kernel_weights(self, cov: Matrix, dcov: Matrix) -> tuple[Matrix, Matrix]:
        """The quadratic forms that |dW|^2 is of the input's channels, given dcov, and of the gradient's, given cov."""
        plain = replace(self, variances=np.ones(len(self.taps)))
        back, there = (plain.gather, plain.scatter) if self.is_transposed else (plain.scatter, plain.gather)
        return back(dcov), there(cov)

    def gather(self, cov: Matrix) -> Matrix:
        """sum_t v_t cov[t(p), t(p')]."""
        padded = np.pad(cov, (0, 1))
        return sum(v * padded[np.ix_(tap, tap)] for v, tap in zip(self.variances, self.taps, strict=True) if v)

    def scatter(self, dcov: Matrix) -> Matrix:
        """The transpose of `gather`."""
        padded = np.zeros((self.inputs + 1, self.inputs + 1))
        for variance, tap in zip(self.variances, self.taps, strict=True):
            if variance:
                padded[np.ix_(tap, tap)] += (
                    variance * dcov
                )  # one output has an input under a tap; those in padding are cut
        return padded[:-1, :-1]


def linear(layer: Network, input_shape: Shape, examples: int, init: Init | None) -> Linear:
    """The map of a weight layer: its own initialisers' variances, or those of `init` where it is given."""
    leaves = layer.leaves(input_shape)
    draw = layer.settings["kernel_init"] if init is None else init.kernel
    kernel, groups = leaves["kernel"][1], layer.settings.get("groups", 1)
    is_transposed = layer.kind == "conv_transpose"
    *size, first, second = kernel
    fan_in, fan_out = (second // groups, first) if is_transposed else (first, second // groups)
    where = window(layer, input_shape)
    taps, inputs = (np.zeros((1, 1), int), 1) if where is None else (tap_table(where), prod(where.input))
    return Linear(
        taps=by_example(taps, inputs, examples),
        inputs=examples * inputs,
        fan_in=fan_in,
        fan_out=fan_out,
        before=fan_in * groups,
        features=fan_out * groups,
        variances=tap_variances(draw, (*size, fan_in, fan_out)),
        bias=shared_bias(leaves, examples, init),
        is_transposed=is_transposed,
        is_orthogonal=is_orthogonal(draw),
    )


def shared_bias(leaves: Any, examples: int, init: Init | None) -> Matrix | float:
    """sb2 for every two points that share their bias: all of them, or those of one position (seed 2, table 1)."""
    if "bias" not in leaves:
        return 0.0
    draw, shape = leaves["bias"]
    variance = bias_variance(draw, shape) if init is None else init.bias_variance
    return variance * (np.tile(np.eye(prod(shape[:-1])), (examples, examples)) if len(shape) > 1 else 1.0)


def window(layer: Network, input_shape: Shape) -> Window | None:
    """The convolution's window; None for a dense layer. A transposed convolution has that of what it transposes."""
    if layer.kind == "dense":
        return None
    settings = {name: layer.settings[name] for name in ("stride", "padding", "dilation", "groups")}
    size = geometry.per_axis(layer.kind, "window", layer.settings["window"], len(input_shape) - 1)
    find = geometry.transposed_window if layer.kind == "conv_transpose" else geometry.window
    return find(layer.kind, input_shape[:-1], size, **settings)


def tap_table(where: Window) -> Int[np.ndarray, "taps outputs"]:
    """For each tap of the window and each output position: the input position, or the number of inputs in padding.

    >>> tap_table(geometry.window("conv", (3,), (3,), padding="SAME")).tolist()
    [[3, 0, 1], [0, 1, 2], [1, 2, 3]]
    """
    axes = [where.positions(axis).T for axis in range(len(where.input))]  # [tap, output] each
    rank, table, is_inside = len(axes), np.zeros((), int), np.ones((), bool)
    for axis, (positions, size) in enumerate(zip(axes, where.input, strict=True)):
        shape = [1] * (2 * rank)
        shape[axis], shape[rank + axis] = positions.shape
        positions = positions.reshape(shape)
        table, is_inside = table * size + positions, is_inside & (positions >= 0) & (positions < size)
    return np.where(is_inside, table, prod(where.input)).reshape(prod(where.size), prod(where.output))


def by_example(taps: Int[np.ndarray, "taps outputs"], inputs: int, examples: int) -> Int[np.ndarray, "taps all"]:
    """The same for every example of a batch, examples one after the other.

    >>> by_example(np.array([[0, 1, 2]]), inputs=2, examples=2).tolist()
    [[0, 1, 4, 2, 3, 4]]
    """
    shifted = [np.where(taps == inputs, examples * inputs, taps + n * inputs) for n in range(examples)]
    return np.concatenate(shifted, axis=1)


def positions_mean(cov: Matrix, examples: int) -> Matrix:
    """Flatten: the mean over positions of K[(n, p), (m, p)], for a dense layer has weights of its own per position.

    >>> positions_mean(np.diag([1.0, 3.0]), examples=1).tolist()
    [[2.0]]
    """
    positions = len(cov) // examples
    return np.einsum("npmp->nm", cov.reshape(examples, positions, examples, positions)) / positions


def positions_apart(dcov: Matrix, positions: int) -> Matrix:
    """Flatten, backwards: the deltas of different positions come from different weights.

    >>> positions_apart(np.array([[2.0]]), positions=2).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    return np.einsum("nm,pq->npmq", dcov, np.eye(positions)).reshape(len(dcov) * positions, len(dcov) * positions)


def pair_cosine(cov: Matrix, examples: int) -> float:
    """The mean cosine of examples 0 and 1, 2 and 3, ...; NaN for a single one."""
    C = positions_mean(cov, examples)
    pairs = [C[n, n + 1] / np.sqrt(C[n, n] * C[n + 1, n + 1]) for n in range(0, examples - 1, 2)]
    return float(np.mean(pairs)) if pairs else float("nan")
