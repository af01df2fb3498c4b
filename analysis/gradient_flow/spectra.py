r"""Singular values of the Jacobian J = d z_L / d x: not only how long a gradient is, but in how many directions.

    E[s^2] = 1 on the critical line          Var[s^2] = L (mu2 / mu1^2 - 1 - s1),    mu_k = E[phi'^{2k}]

over the singular values s of a wide network of depth L, s1 = -1 for Gaussian weights and 0 for orthogonal ones
(Pennington, Schoenholz and Ganguli 2017). Deep linear networks: orthogonal weights keep every singular value at 1
(Saxe, McClelland and Ganguli 2014); Gaussian ones spread them up to (L + 1)^{L + 1} / L^L in the square.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from analysis.gradient_flow.initial import Init
from analysis.gradient_flow.layers import activation_layer
from analysis.gradient_flow.meanfield import Given
from analysis.gradient_flow.moments import Activation, activation
from analysis.gradient_flow.stack import Stacked, draw
from jaxcnn import ops
from jaxcnn.networks.network import Call


def variance(phi: Given, depth: int, length: float, is_orthogonal: bool) -> float:
    """Var[s^2] / E[s^2]^2 over the singular values of a network at constant length q.

    >>> variance("relu", 8, 1.0, is_orthogonal=True), variance("relu", 8, 1.0, is_orthogonal=False)
    (8.0, 16.0)
    """
    return depth * (spread_per_layer(phi, length) + (0 if is_orthogonal else 1))


def spread_per_layer(phi: Given, length: float) -> float:
    """mu2 / mu1^2 - 1 at length q: what one layer of orthogonal weights adds.

    >>> spread_per_layer("linear", 1.0)
    0.0
    """
    phi = activation(phi)
    return phi.moment(0, 4, length) / phi.moment(0, 2, length) ** 2 - 1


def largest_linear(depth: int) -> float:
    """The largest squared singular value of a product of so many Gaussian matrices of variance 1 / n, n large.

    >>> largest_linear(1), round(largest_linear(10), 1)
    (4.0, 28.5)
    """
    return (depth + 1) ** (depth + 1) / depth**depth


def squared_singular_values(
    phi: Given, init: Init, depth: int, width: int, seed: int = 0, length: float = 1.0
) -> Float[np.ndarray, "depth width"]:
    """Of the Jacobian from the input to every h_l = phi(z_l), at one input of mean square `length`, in falling order.

    Column by column with the layers' handwritten rules: J_l = D_l W_l^T J_{l-1}.
    """
    keys = jax.random.split(jax.random.key(seed))
    x = jax.random.normal(keys[1], (1, width), jnp.float32)
    x = x * jnp.sqrt(length / jnp.mean(x**2))
    jacobians = np.asarray(jacobian_stack(draw(keys[0], depth, width, init), x, activation(phi)), np.float64)
    return np.linalg.eigvalsh(jacobians @ jacobians.mT).clip(0)[:, ::-1]


@partial(jax.jit, static_argnames="phi")
def jacobian_stack(params: Stacked, x: Float[Array, "1 n"], phi: Activation) -> Float[Array, "depth n n"]:
    """The transposed Jacobian of every layer: rows are the gradients with respect to x."""
    layer, identity = activation_layer(phi), jnp.eye(x.shape[-1], dtype=x.dtype)

    def advance(carry: tuple[Array, Array], leaves: Stacked) -> tuple[tuple[Array, Array], Array]:
        h, jacobian = carry  # [1, n], [n, inputs]
        z, pull_dense = jax.vjp(lambda h: ops.dense(h, **leaves), h)
        h, pull_phi = jax.vjp(lambda z: layer.forward(z, Call("", {}, {}))[0], z)
        rows = jax.vmap(lambda dy: pull_dense(*pull_phi(dy[None]))[0][0])(identity)
        jacobian = rows @ jacobian
        return (h, jacobian), jacobian

    return jax.lax.scan(advance, (x, identity), params)[1]
