r"""What a nonlinearity makes of one channel, and of the gradient that comes back through it.

Before it, a channel is a Gaussian field with covariance K over the points; behind it stands a gradient that is a
Gaussian field with covariance D, independent of it. One activation has closed forms or quadrature (`moments`):

    H = E[phi(u) phi(u)^T]            D' = D * E[phi'(u) phi'(u)^T]

Any other sequence of layers that treat channels apart (pools, batch norm, dropout, or several of them) is sent
samples of both fields, as channels of one image: the layers' own code, forward and backward, computes the average.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from analysis.gradient_flow.layers import nonlinearity
from analysis.gradient_flow.moments import Activation
from jaxcnn.networks import Network
from jaxcnn.networks.network import Call

Matrix = Float[np.ndarray, "points points"]
Shape = tuple[int, ...]
NUMBERS, LEAST = 2**20, 2048  # sampled values per field, and samples at least
STRETCH = 1.02  # a field is stretched by this, and shrunk, to see how a mean square depends on its length


@dataclass(frozen=True)
class Step:
    """One layer of a nonlinearity: its moments and what it does to fluctuations.

    `kappa` is the relative variance of one channel's mean square over the points; `response` the derivative of its
    logarithm with respect to the logarithm of the field's length.
    """

    covariance: Matrix
    kappa: float
    response: float


@dataclass(frozen=True)
class Return:
    """The same of the gradient that comes out of a nonlinearity; `both` is its covariance with the forward one."""

    covariances: list[Matrix]  # at each layer's input
    kappa: float
    response: float
    both: float


class Pointwise:
    """One activation, in closed form or by quadrature."""

    samples = inf

    def __init__(self, phi: Activation, cov: Matrix):
        self.phi, self.cov = phi, cov

    def forward(self) -> list[Step]:
        """What each layer gives."""
        H = self.phi.gram("value", self.cov)
        kappa = excess(self.phi.gram("square", self.cov).sum(), np.trace(H) ** 2)
        q = np.diag(self.cov).mean()
        response = log_slope(lambda scale: self.phi.moment(2, 0, scale * q))
        return [Step(H, kappa, response)]

    def shares(self) -> list[dict[str, float]]:
        """Of units above zero and of saturated ones, layer by layer."""
        q = np.diag(self.cov).mean()
        return [{"active": self.phi.positive(q), "saturated": self.phi.saturated(q)}]

    def backward(self, dcov: Matrix) -> Return:
        """What comes back, of a gradient with covariance dcov behind the last layer."""
        slope, q = self.phi.gram("slope", self.cov), np.diag(self.cov).mean()
        power = np.outer(np.diag(dcov), np.diag(dcov)) + 2 * dcov**2
        kappa = excess(np.sum(self.phi.gram("slope_square", self.cov) * power), np.trace(slope * dcov) ** 2)
        response = log_slope(lambda scale: self.phi.moment(0, 2, scale * q))
        means = np.diag(self.phi.gram("value", self.cov)).sum() * np.trace(slope * dcov)
        both = excess(np.sum(self.phi.cross(self.cov) * np.diag(dcov)), means)
        return Return([dcov * slope], kappa, response, both)


class Sampled:
    """Any sequence of layers that treat channels apart, by sampling."""

    def __init__(self, layers: list[Network], cov: Matrix, shape: Shape, examples: int, training: bool):
        self.layers, self.shape, self.examples, self.training = layers, shape, examples, training
        self.rng = np.random.default_rng(0)
        self.samples = max(LEAST, NUMBERS // len(cov))
        self.field = self.draw(cov, shape)

    def draw(self, cov: Matrix, shape: Shape) -> Float[np.ndarray, "n *spatial samples"]:
        """Gaussian fields, one per channel."""
        root = np.linalg.cholesky(cov + (1e-9 * np.trace(cov) / len(cov) + 1e-300) * np.eye(len(cov)))
        fields = root @ self.rng.standard_normal((len(cov), self.samples))
        return fields.reshape(self.examples, *shape[:-1], self.samples).astype(np.float32)

    def run(self, x: jax.Array) -> list[jax.Array]:
        """Every layer's output."""
        outputs = []
        for layer in self.layers:
            x = self.apply(layer, x)
            outputs.append(x)
        return outputs

    def apply(self, layer: Network, x: jax.Array) -> jax.Array:
        """A layer with the parameters it begins with: of batch norm a scale of one and no offset."""
        leaves = {name: draw(None, shape, x.dtype) for name, (draw, shape) in layer.leaves(x.shape[1:]).items()}
        kept = {name: draw(None, shape, x.dtype) for name, (draw, shape) in layer.statistics(x.shape[1:]).items()}
        key = jax.random.key(0)
        return layer.forward(x, Call("", leaves, kept, self.training, key))[0]

    def forward(self) -> list[Step]:
        """What each layer gives."""
        outputs = self.run(jnp.asarray(self.field))
        longer, shorter = (self.run(jnp.asarray(scale * self.field)) for scale in (STRETCH, 1 / STRETCH))
        self.squares = [channel_squares(y) for y in outputs]
        steps = []
        for y, up, down, squares in zip(outputs, longer, shorter, self.squares, strict=True):
            response = log(channel_squares(up).mean() / channel_squares(down).mean()) / (4 * log(STRETCH))
            steps.append(Step(second_moments(y), relative_variance(squares), response))
        return steps

    def shares(self) -> list[dict[str, float]]:
        """Of units above zero, for the layers that are activations."""
        outputs = self.run(jnp.asarray(self.field))
        return [
            {"active": float(jnp.mean(y > 0))} if nonlinearity(layer) else {}
            for layer, y in zip(self.layers, outputs, strict=True)
        ]

    def backward(self, dcov: Matrix) -> Return:
        """What comes back, of a gradient with covariance dcov behind the last layer."""
        dy = jnp.asarray(self.draw(dcov, self.shape_after()))
        deltas = self.deltas(self.field, dy)
        squares = channel_squares(deltas[0])
        up, down = (channel_squares(self.deltas(s * self.field, dy)[0]).mean() for s in (STRETCH, 1 / STRETCH))
        both = np.mean((squares / squares.mean() - 1) * (self.squares[-1] / self.squares[-1].mean() - 1))
        response = log(up / down) / (4 * log(STRETCH))
        return Return([second_moments(d) for d in deltas], relative_variance(squares), response, float(both))

    def deltas(self, field: Any, dy: jax.Array) -> list[jax.Array]:
        """The gradient at every layer's input."""
        pulls, x = [], jnp.asarray(field)
        for layer in self.layers:
            x, pull = jax.vjp(lambda x, layer=layer: self.apply(layer, x), x)
            pulls.append(pull)
        found = []
        for pull in pulls[::-1]:
            (dy,) = pull(dy)
            found.append(dy)
        return found[::-1]

    def shape_after(self) -> Shape:
        shape = (*self.shape[:-1], 1)
        for layer in self.layers:
            shape = layer.output_shape(shape)
        return shape


def second_moments(y: Any) -> Matrix:
    """E[y_p y_p'] over the channels."""
    values = np.asarray(y, np.float64).reshape(-1, y.shape[-1])
    return values @ values.T / y.shape[-1]


def channel_squares(y: Any) -> Float[np.ndarray, " samples"]:
    """Each channel's mean square over the points."""
    return np.square(np.asarray(y, np.float64)).reshape(-1, y.shape[-1]).mean(axis=0)


def relative_variance(squares: Float[np.ndarray, " samples"]) -> float:
    mean = squares.mean()
    return float(squares.var() / mean**2) if mean else 0.0


def gaussian_kappa(cov: Matrix, weights: Matrix | None = None) -> float:
    """The relative variance of a Gaussian channel's u^T M u, of its mean square over the points by default.

    2 tr (K M)^2 / (tr K M)^2, K the channel's covariance and M the weights.

    >>> gaussian_kappa(np.eye(1)), gaussian_kappa(np.eye(4))
    (2.0, 0.5)
    """
    product = cov if weights is None else cov @ weights
    trace = np.trace(product)
    return float(2 * np.sum((product / trace) * (product / trace).T)) if trace else 0.0


def excess(second: float, first_squared: float) -> float:
    """E[x^2] / E[x]^2 - 1.

    >>> excess(3.0, 1.0)
    2.0
    """
    return float(second / first_squared - 1) if first_squared else 0.0


def log_slope(moment: Any) -> float:
    """d ln moment(scale) / d ln scale at 1.

    >>> round(log_slope(lambda scale: scale**3), 9)
    3.0
    """
    up, down = moment(STRETCH**2), moment(STRETCH**-2)
    return log(up / down) / (4 * log(STRETCH)) if down else 0.0
