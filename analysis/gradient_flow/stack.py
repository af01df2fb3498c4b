r"""A deep stack of equal layers, as one `lax.scan`: a thousand layers compile as fast as one.

    z_l = W_l h_{l-1} + b_l        h_l = phi(z_l)        l = 1 ... depth, all of one width

The layers are this project's (`jaxcnn.ops.dense` and its activations) and so is the backward pass, which the scan
runs in reverse. Drawing is compiled once per shape, the passes once per activation.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from analysis.gradient_flow.channel import Pointwise, Return, gaussian_kappa
from analysis.gradient_flow.fluctuations import Noise, Pair, Sources, Spread, total
from analysis.gradient_flow.initial import Init
from analysis.gradient_flow.layers import activation_layer
from analysis.gradient_flow.meanfield import Given
from analysis.gradient_flow.moments import Activation, activation
from jaxcnn import ops
from jaxcnn.networks.network import Call

ROUNDING = 1e-4  # of sums of float32 squares, relative
Stacked = dict[str, Float[Array, "depth ..."]]


class Profile(NamedTuple):
    """Of one network per row, by layer: mean squares and, of two inputs, cosines."""

    forward: Float[np.ndarray, "networks depth"]  # E[z_l^2]
    backward: Float[np.ndarray, "networks depth"]  # E[delta_l^2], delta_l = d loss / d z_l
    kernel_gradient: Float[np.ndarray, "networks depth"]
    forward_cosine: Float[np.ndarray, "networks depth"]
    backward_cosine: Float[np.ndarray, "networks depth"]


class Expected(NamedTuple):
    """What theory says of a stack, by layer."""

    forward: Float[np.ndarray, " depth"]
    backward: Float[np.ndarray, " depth"]
    kernel_gradient: Float[np.ndarray, " depth"]
    sources: Sources
    forward_noise: list[Noise]
    backward_noise: list[Noise]

    def spread(self, column: str, layer: int) -> Spread:
        """How far one network's "forward" or "backward" may be from its expectation at a layer."""
        return self.sources.spread((self.forward_noise if column == "forward" else self.backward_noise)[layer])

    def z(self, measured: Profile, column: str, layer: int) -> float:
        """How many standard errors the mean logarithm of the networks measured is from its expectation."""
        spread, logs = self.spread(column, layer), np.log(getattr(measured, column)[:, layer])
        centre = np.log(getattr(self, column)[layer]) + spread.shift
        return float((logs.mean() - centre) / np.sqrt(spread.variance / len(logs) + ROUNDING**2))


def draw(key: Array, depth: int, width: int, init: Init) -> Stacked:
    """The parameters of all layers, stacked along the first axis.

    >>> {name: leaf.shape for name, leaf in draw(jax.random.key(0), 3, 2, Init(1.0)).items()}
    {'bias': (3, 2), 'kernel': (3, 2, 2)}
    """
    return drawn(key, (init.weight_variance, init.bias_variance), depth, width, init.is_orthogonal)


@partial(jax.jit, static_argnames=("depth", "width", "is_orthogonal"))
def drawn(key: Array, variances: tuple[float, float], depth: int, width: int, is_orthogonal: bool) -> Stacked:
    """The variances are traced, so that a whole phase diagram is compiled once."""
    init = Init(*variances, is_orthogonal)

    def one(key: Array) -> Stacked:
        kernel, bias = jax.random.split(key)
        return {"kernel": init.kernel(kernel, (width, width)), "bias": init.bias(bias, (width,))}

    return jax.vmap(one)(jax.random.split(key, depth))


def run(params: Stacked, phi: Activation, x: Array, probes: Array | None = None) -> tuple[Array, Array]:
    """The last pre-activation [n, width], and those of all layers [depth, n, width]."""
    layer, first = activation_layer(phi), jax.tree.map(lambda leaf: leaf[0], params)
    rest = jax.tree.map(lambda leaf: leaf[1:], params)
    probes = jnp.zeros((len(params["bias"]), *x.shape), x.dtype) if probes is None else probes

    def advance(z: Array, step: tuple[Stacked, Array]) -> tuple[Array, Array]:
        leaves, probe = step
        z = ops.dense(layer.forward(z, Call("", {}, {}))[0], **leaves) + probe
        return z, z

    z = ops.dense(x, **first) + probes[0]
    last, zs = jax.lax.scan(advance, z, (rest, probes[1:]))
    return last, jnp.concatenate([z[None], zs])


@partial(jax.jit, static_argnames="phi")
def columns(params: Stacked, x: Array, u: Float[Array, " width"], phi: Activation) -> tuple[Array, ...]:
    """The columns of `Profile` for one network and the loss u . y, u scaled to mean square 1."""
    probes = jnp.zeros((len(params["bias"]), *x.shape), x.dtype)
    y, pull, zs = jax.vjp(lambda params, probes: run(params, phi, x, probes), params, probes, has_aux=True)
    gradients, deltas = pull(jnp.broadcast_to(u / jnp.sqrt(jnp.mean(u**2)), y.shape))

    def squares(values: Array) -> Array:
        return jnp.mean(jnp.square(values), axis=(1, 2))

    return squares(zs), squares(deltas), squares(gradients["kernel"]), cosines(zs), cosines(deltas)


def cosines(values: Float[Array, "depth n width"]) -> Float[Array, " depth"]:
    """Of the first and the last example."""
    first, last = values[:, 0], values[:, -1]
    sizes = jnp.sqrt(jnp.sum(first**2, -1) * jnp.sum(last**2, -1))
    return jnp.sum(first * last, -1) / sizes


def profile(
    phi: Given, init: Init, depth: int, width: int, networks: int = 1, *, x: Array | None = None, seed: int = 0
) -> Profile:
    """Measure several stacks of so many layers.

    Args:
        phi: the activation.
        init: how all layers are drawn.
        x: what the first layer is given; None: one example of mean square 1.

    >>> profile("relu", Init(2.0), depth=10, width=8, networks=3).backward.shape
    (3, 10)
    """
    x = jnp.ones((1, width), jnp.float32) if x is None else x
    first, second = jax.random.split(jax.random.key(seed))
    keys, directions = jax.random.split(first, networks), jax.random.normal(second, (networks, width), x.dtype)
    rows = [
        columns(draw(key, depth, width, init), x, u, activation(phi)) for key, u in zip(keys, directions, strict=True)
    ]
    return Profile(*(np.asarray(column, np.float64) for column in map(np.stack, zip(*rows, strict=True))))


def expect(phi: Given, init: Init, depth: int, width: int, length: float = 1.0) -> Expected:
    """The same from theory, for one example of mean square `length`; the gradient at the last layer has mean square 1.

    >>> expect("relu", Init(1.0), depth=3, width=8).backward.round(6).tolist()
    [0.25, 0.5, 1.0]
    """
    phi, sources = activation(phi), Sources()
    noise: Noise = {}
    before, lengths, forward, returns = [length], list[float](), list[Noise](), list[tuple[Return, Noise, Noise]]()
    for _ in range(depth):
        q = init.weight_variance * before[-1] + init.bias_variance
        cov = np.full((1, 1), q)
        kept = init.is_orthogonal * (1 - init.bias_variance / q) ** 2 if q else 0.0
        (step,), back = (block := Pointwise(phi, cov)).forward(), block.backward(np.ones((1, 1)))
        cut = kept * gaussian_kappa(cov)
        local, _ = sources.add(Pair((gaussian_kappa(cov) - cut) / width))
        own = sources.add(
            Pair(
                (step.kappa - cut * step.response**2) / width,
                (back.kappa - cut * back.response**2 - 2 * init.is_orthogonal) / width,
                (back.both - cut * back.response * step.response) / width,
            )
        )
        lengths.append(q)
        forward.append(total((1, noise), (1, local)))
        returns.append((back, noise, own[1]))
        noise = total((step.response, noise), (1, own[0]))
        before.append(float(step.covariance[0, 0]))
    deltas, backward = backwards(returns, init.weight_variance)
    return Expected(np.array(lengths), deltas, deltas * np.array(before[:depth]), sources, forward, backward)


def backwards(
    returns: list[tuple[Return, Noise, Noise]], weight_variance: float
) -> tuple[Float[np.ndarray, " depth"], list[Noise]]:
    """E[delta^2] and its noise by layer, from the last one down."""
    deltas, noises = [1.0], [dict[int, float]()]
    for back, length_noise, own in returns[-2::-1]:
        deltas.append(deltas[-1] * weight_variance * float(back.covariances[0][0, 0]))
        noises.append(total((1, noises[-1]), (back.response, length_noise), (1, own)))
    return np.array(deltas[::-1]), noises[::-1]
