"""ReLU against leaky ReLU (seed 0, exercise 2): means, dead neurons, speed of training, gradients through depth."""

from __future__ import annotations

from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from jaxcnn import networks, ops

DEPTHS = (2, 5, 10, 15, 20)
RATES = (0.02, 0.05)  # all runs of the training comparison converge; some diverge


class NeuronRun(NamedTuple):
    """Gradient descent of one neuron.

    Fields:
        gradient: the largest entry of the first gradient.
        losses: mean squared error before every step, and after the last, [steps + 1].
        active: share of inputs with a positive pre-activation, at the same times.
    """

    gradient: float
    losses: np.ndarray
    active: np.ndarray


@cache
def dead_neuron(activation: str, steps: int, rate: float = 0.05) -> NeuronRun:
    """Train y = f(w . x + b) towards 1 from b = -30, where no input of 1000 normal ones in four dimensions is positive.

    Source: seed 0, exercise 2, disadvantages of ReLU; ledger S0.33 and S0.36.
    """
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1000, 4)))
    f = getattr(ops, activation)

    def loss(params: Any) -> tuple[jax.Array, jax.Array]:
        s = ops.dense(x, *params)
        return jnp.mean(ops.mean_squared_error(f(s), jnp.ones_like(s))), jnp.mean(s > 0)

    slope = jax.value_and_grad(loss, has_aux=True)

    @jax.jit
    def descend(params: Any) -> Any:
        def step(params: Any, _: Any) -> Any:
            (error, active), gradient = slope(params)
            return jax.tree.map(lambda p, d: p - rate * d, params, gradient), (error, active)

        params, history = jax.lax.scan(step, params, length=steps)
        error, active = loss(params)
        return jax.tree.map(lambda h, last: jnp.append(h, last), history, (error, active))

    start = (jnp.full((4, 1), 0.1, x.dtype), jnp.full(1, -30, x.dtype))
    first = max(float(jnp.max(jnp.abs(d))) for d in slope(start)[1])
    losses, active = descend(start)
    return NeuronRun(first, np.asarray(losses), np.asarray(active))


def mean_activation(activation: str) -> float:
    """The mean of f(x) over x ~ N(0, 1), by Gauss-Legendre quadrature of each half-line up to 12 standard deviations.

    1/sqrt(2 pi) for ReLU; 0.9/sqrt(2 pi) for leaky ReLU with slope 0.1.
    """
    nodes, weights = np.polynomial.legendre.leggauss(80)
    x = np.concatenate([6 * (nodes - 1), 6 * (nodes + 1)])
    density = np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
    y = np.asarray(getattr(ops, activation)(jnp.asarray(x)))
    return float(np.sum(6 * np.tile(weights, 2) * density * y))


@cache
def gradient_ratios(activation: str, variance: float, width: int = 16, seeds: int = 5) -> dict[int, float]:
    """Gradient norm of the first layer's weights over the last's, by depth: geometric means over seeds.

    Args:
        activation: of every layer.
        variance: of the weights.
    """
    f, keys = getattr(ops, activation), jax.random.split(jax.random.key(0), seeds)

    def log_ratio(depth: int, key: jax.Array) -> jax.Array:
        weights = jax.random.normal(key, (max(DEPTHS), width, width), jnp.float64) * variance**0.5
        x = jax.random.normal(jax.random.fold_in(key, 1), (32, width), jnp.float64)

        def layer(x: jax.Array, part: Any) -> tuple[jax.Array, None]:
            number, w = part
            return jnp.where(number < depth, f(ops.dense(x, w)), x), None  # beyond `depth`, x is handed on

        def loss(weights: jax.Array) -> jax.Array:
            y, _ = jax.lax.scan(layer, x, (jnp.arange(max(DEPTHS)), weights))
            return jnp.mean(ops.half_squared_error(y, jnp.zeros_like(y)))

        norms = jnp.linalg.norm(jax.grad(loss)(weights), axis=(1, 2))
        return jnp.log(norms[0] / norms[depth - 1])

    mean = jax.jit(lambda depth: jnp.exp(jnp.mean(jax.vmap(partial(log_ratio, depth))(keys))))
    return {depth: float(mean(depth)) for depth in DEPTHS}


class Comparison(NamedTuple):
    """Final losses of the same runs with both activations, [seeds]; not finite where a run diverged."""

    relu: np.ndarray
    leaky: np.ndarray

    @property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """The losses of the seeds with which neither diverged."""
        is_finite = np.isfinite(self.relu) & np.isfinite(self.leaky)
        return self.relu[is_finite], self.leaky[is_finite]

    @property
    def leaky_wins(self) -> int:
        """In how many pairs leaky ReLU has the lower loss."""
        relu, leaky = self.pairs
        return int(np.sum(leaky < relu))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the mean of leaky - relu, from Student's t over the pairs."""
        relu, leaky = self.pairs
        difference = leaky - relu
        low, high = stats.t.interval(0.95, difference.size - 1, difference.mean(), stats.sem(difference))
        return float(low), float(high)

    @property
    def differs(self) -> bool:
        """Whether the interval leaves out 0."""
        low, high = self.interval
        return low > 0 or high < 0


@cache
def compare_training(rate: float, seeds: int = 20, steps: int = 300) -> Comparison:
    """A 2x32 network on 128 points of a smooth regression, full gradient steps, the same start and data for both.

    Source: seed 0, exercise 2, conclusion, which gives no settings; ledger S0.39.
    """
    keys = jax.random.split(jax.random.key(0), seeds)
    return Comparison(
        *(
            np.asarray(jax.jit(jax.vmap(partial(train, name, steps=steps)))(keys, jnp.full(seeds, rate, jnp.float32)))
            for name in ("relu", "leaky_relu")
        )
    )


def train(activation: str, key: jax.Array, rate: jax.Array, *, steps: int) -> jax.Array:
    """The mean squared error of one run after its last step."""
    act = getattr(networks, activation)
    network = networks.serial(
        dense1=networks.dense(32), act1=act(), dense2=networks.dense(32), act2=act(), out=networks.dense(1)
    )
    x = jax.random.uniform(jax.random.fold_in(key, 1), (128, 2), jnp.float32, -2, 2)
    target = jnp.sin(2 * x[:, :1]) * jnp.cos(x[:, 1:])

    def loss(params: Any) -> jax.Array:
        return jnp.mean(ops.mean_squared_error(network.apply(params, x), target))

    def step(params: Any, _: Any) -> tuple[Any, None]:
        return jax.tree.map(lambda p, d: p - rate * d, params, jax.grad(loss)(params)), None

    params, _ = jax.lax.scan(step, network.init(key, (2,)), length=steps)
    return loss(params)
