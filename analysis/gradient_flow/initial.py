"""What weights are meant to be: an initialiser's variance per tap of the window, and a family with both variances.

The theory asks two numbers of an initialiser: the variance of a kernel's entries, tap by tap, and of the biases.
Those of `jaxcnn.networks.initialisers` are known; of any other they are measured on a few large draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcnn.networks import initialisers

Shape = tuple[int, ...]
Initialiser = Callable[..., Array]
SAMPLE = 2**18  # numbers drawn to learn the variance of an unknown initialiser


@dataclass(frozen=True)
class Init:
    """Gaussian kernels of variance sw2 / fan_in and biases N(0, sb2): a point (sw2, sb2) of the phase diagram.

    With `is_orthogonal` a kernel is sqrt(sw2) times an orthogonal matrix at its centre tap (delta-orthogonal).

    >>> Init(1.5, 0.05)
    Init(weight_variance=1.5, bias_variance=0.05, is_orthogonal=False)
    """

    weight_variance: float  # sw2
    bias_variance: float = 0.0  # sb2
    is_orthogonal: bool = False

    def kernel(self, key: Array, shape: Shape, dtype: Any = jnp.float32) -> Array:
        """An initialiser for `kernel_init`."""
        draw = initialisers.delta_orthogonal if self.is_orthogonal else initialisers.lecun
        return self.weight_variance**0.5 * draw(key, shape, dtype)

    def bias(self, key: Array, shape: Shape, dtype: Any = jnp.float32) -> Array:
        """An initialiser for `bias_init`."""
        return self.bias_variance**0.5 * jax.random.normal(key, shape, dtype)

    def layer(self) -> dict[str, Any]:
        """What a layer's constructor takes: dense(64, **init.layer())."""
        return {"kernel_init": self.kernel, "bias_init": self.bias}


HE = Init(2.0)
LECUN = Init(1.0)
ORTHOGONAL = Init(1.0, is_orthogonal=True)


def tap_variances(initialiser: Initialiser, shape: Shape) -> Float[np.ndarray, " taps"]:
    """The variance of a kernel's entries [*window, i, o] at each tap of the window, in row-major order.

    >>> tap_variances(initialisers.he, (3, 3, 2, 4)).round(4).tolist() == [round(2 / 18, 4)] * 9
    True
    """
    *window, inputs, outputs = shape
    taps = prod(window)
    owner = getattr(initialiser, "__self__", None)
    if isinstance(owner, Init):
        known = initialisers.delta_orthogonal if owner.is_orthogonal else initialisers.lecun
        return owner.weight_variance * tap_variances(known, shape)
    if initialiser is initialisers.delta_orthogonal:
        centre = np.ravel_multi_index([(size - 1) // 2 for size in window], window) if window else 0
        return np.eye(taps)[centre] / max(inputs, outputs)
    variances = {
        initialisers.he: 2 / (taps * inputs),
        initialisers.lecun: 1 / (taps * inputs),
        initialisers.xavier: 2 / (taps * (inputs + outputs)),
        initialisers.unit_normal: 1.0,
    }
    if initialiser in variances:
        return np.full(taps, variances[initialiser])
    return mean_square(initialiser, shape).reshape(taps, -1).mean(axis=1)


def bias_variance(initialiser: Initialiser, shape: Shape) -> float:
    """The second moment of biases.

    >>> bias_variance(jax.nn.initializers.ones, (4,)), bias_variance(Init(1.0, 0.25).bias, (4,))
    (1.0, 0.25)
    """
    owner = getattr(initialiser, "__self__", None)
    if isinstance(owner, Init):
        return owner.bias_variance
    return 0.0 if initialiser is jax.nn.initializers.zeros else float(mean_square(initialiser, shape).mean())


def is_orthogonal(initialiser: Initialiser) -> bool:
    """Whether a kernel keeps the norm of what it is given, rather than only its mean.

    >>> is_orthogonal(initialisers.delta_orthogonal), is_orthogonal(initialisers.he)
    (True, False)
    """
    owner = getattr(initialiser, "__self__", None)
    return initialiser is initialisers.delta_orthogonal or (isinstance(owner, Init) and owner.is_orthogonal)


def mean_square(initialiser: Initialiser, shape: Shape) -> Float[np.ndarray, "..."]:
    """The entrywise mean square over as many draws as make SAMPLE numbers."""
    draws = max(1, -(-SAMPLE // prod(shape)))
    drawn = jax.vmap(lambda key: initialiser(key, shape, jnp.float32))(jax.random.split(jax.random.key(0), draws))
    return np.square(np.asarray(drawn, np.float64)).mean(axis=0)
