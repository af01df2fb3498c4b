"""Dense layer and flattening in plain `jax.numpy`."""

from __future__ import annotations

from jaxtyping import Array, Float

from jaxcnn.reference.convolution import with_bias
from jaxcnn.reference.precision import wide


def dense(
    x: Float[Array, "n i"], kernel: Float[Array, "i o"], bias: Float[Array, " o"] | None = None
) -> Float[Array, "n o"]:
    """y[n, o] = sum over i of x[n, i] kernel[i, o], plus bias[o].

    >>> import jax.numpy as jnp
    >>> dense(jnp.float32([[1, 2]]), jnp.float32([[3], [4]]), jnp.float32([5])).tolist()
    [[16.0]]
    """
    return with_bias(wide(x) @ wide(kernel), bias).astype(x.dtype)


def flatten(x: Float[Array, " n *rest"]) -> Float[Array, "n features"]:
    """y[n, :] = all features of example n in row-major order.

    >>> import jax.numpy as jnp
    >>> flatten(jnp.zeros((2, 3, 4))).shape
    (2, 12)
    """
    return x.reshape(x.shape[0], -1)
