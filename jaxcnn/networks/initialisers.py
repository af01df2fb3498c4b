r"""Initialisers: `(key, shape, dtype) -> array`, the interface of `jax.nn.initializers`, so that any of those will do.

Kernels are [*window, inputs, outputs]. One output sums fan_in = window * inputs products and one input reaches
fan_out = window * outputs of them; each scheme keeps a mean square constant from layer to layer:

    he       Var w = 2 / fan_in                 forward, through ReLU                He et al. 2015
    lecun    Var w = 1 / fan_in                 forward, through a linear layer      LeCun et al. 1998
    xavier   Var w = 2 / (fan_in + fan_out)     forward and backward, on average     Glorot and Bengio 2010

All draws are Gaussian and not truncated, which is what the theory of signal propagation assumes.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn import initializers
from jaxtyping import Array, Float

Shape = tuple[int, ...]
Initialiser = Callable[..., Array]


def he(key: Array, shape: Shape, dtype: Any = jnp.float32) -> Float[Array, "*window i o"]:
    """Gaussian of variance 2 / fan_in: a ReLU, which drops half of the mean square, keeps it constant.

    >>> bool(jnp.abs(jnp.std(he(jax.random.key(0), (3, 3, 32, 64))) - (2 / 288) ** 0.5) < 1e-3)
    True
    """
    return gaussian(key, shape, 2 / prod(shape[:-1]), dtype)


def xavier(key: Array, shape: Shape, dtype: Any = jnp.float32) -> Float[Array, "*window i o"]:
    """Gaussian of variance 2 / (fan_in + fan_out).

    >>> bool(jnp.abs(jnp.std(xavier(jax.random.key(0), (100, 300))) - (2 / 400) ** 0.5) < 1e-3)
    True
    """
    *window, inputs, outputs = shape
    return gaussian(key, shape, 2 / (prod(window) * (inputs + outputs)), dtype)


def lecun(key: Array, shape: Shape, dtype: Any = jnp.float32) -> Float[Array, "*window i o"]:
    """Gaussian of variance 1 / fan_in.

    >>> bool(jnp.abs(jnp.std(lecun(jax.random.key(0), (3, 3, 32, 64))) - (1 / 288) ** 0.5) < 1e-3)
    True
    """
    return gaussian(key, shape, 1 / prod(shape[:-1]), dtype)


def unit_normal(key: Array, shape: Shape, dtype: Any = jnp.float32) -> Float[Array, "*window i o"]:
    """N(0, 1), whatever the fan: every layer multiplies the mean square by about fan_in, and gradients explode.

    This is how seed 2's full network can fail to train (ledger S2.34, S2.37).

    >>> bool(jnp.abs(jnp.std(unit_normal(jax.random.key(0), (100, 300))) - 1) < 0.02)
    True
    """
    return gaussian(key, shape, 1.0, dtype)


def gaussian(key: Array, shape: Shape, variance: float, dtype: Any) -> Array:
    """N(0, variance), drawn as a vector: XLA would unroll a kernel's short axes and compile for a second."""
    return initializers.normal(variance**0.5)(key, (prod(shape),), dtype).reshape(shape)


def uniform(fan_in: int) -> Initialiser:
    """Uniform within 1 / sqrt(fan_in), of variance 1 / (3 fan_in): how PyTorch draws kernels and biases alike.

    Behind a ReLU the mean square falls to a sixth in every layer.

    >>> bool(jnp.abs(jnp.std(uniform(100)(jax.random.key(0), (100, 300))) - 300**-0.5) < 1e-3)
    True
    """

    def draw(key: Array, shape: Shape, dtype: Any = jnp.float32) -> Array:
        return jax.random.uniform(key, (prod(shape),), dtype, -(fan_in**-0.5), fan_in**-0.5).reshape(shape)

    return draw


def delta_orthogonal(key: Array, shape: Shape, dtype: Any = jnp.float32) -> Float[Array, "*window i o"]:
    """A random matrix with orthonormal rows at the window's centre tap and zero elsewhere (Xiao et al. 2018).

    Where the window stays inside the image, the layer keeps the norm of what it is given. For a dense kernel there is
    one tap only and the matrix is orthogonal, by its shorter side where it is not square.

    Raises:
        ValueError: a convolution to fewer channels than it has inputs, which cannot keep every norm.

    >>> kernel = delta_orthogonal(jax.random.key(0), (3, 3, 2, 4))
    >>> jnp.abs(kernel[1, 1] @ kernel[1, 1].T).round(5).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    *window, inputs, outputs = shape
    if window and outputs < inputs:
        raise ValueError(
            f"delta_orthogonal: {inputs} channels do not fit into {outputs} without loss of norm; "
            f"give the layer at least {inputs} features or another initialiser"
        )
    draw = initializers.delta_orthogonal() if window else initializers.orthogonal()
    return draw(key, shape, jnp.promote_types(dtype, jnp.float32)).astype(dtype)


def grouped(initialiser: Initialiser, groups: int) -> Initialiser:
    """For a kernel [*window, inputs // groups, outputs]: one draw per group, side by side along the outputs.

    A grouped convolution is `groups` separate convolutions: fans and orthogonality are those of each.
    """

    if groups == 1:
        return initialiser

    def draw(key: Array, shape: Shape, dtype: Any = jnp.float32) -> Array:
        one = (*shape[:-1], shape[-1] // groups)
        kernels = jax.vmap(lambda part: initialiser(part, one, dtype))(jax.random.split(key, groups))
        return jnp.moveaxis(kernels, 0, -2).reshape(shape)  # [*window, inputs // groups, outputs]

    return draw


def transposed(initialiser: Initialiser) -> Initialiser:
    """For the kernel [*window, outputs, inputs] of a transposed convolution."""

    def draw(key: Array, shape: Shape, dtype: Any = jnp.float32) -> Array:
        *window, outputs, inputs = shape
        return jnp.swapaxes(initialiser(key, (*window, inputs, outputs), dtype), -1, -2)

    return draw
