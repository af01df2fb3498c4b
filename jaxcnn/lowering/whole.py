"""A window as large as the image: one output position, and so a dense layer of all inputs at once.

    y[n, k] = sum over i, c of x[n, (i, c)] w[(i, c), k]

Nothing is copied: images and kernel are matrices as they lie in memory.
"""

from __future__ import annotations

import jax

from jaxcnn.lowering.dense import input_product, kernel_product, output_product
from jaxcnn.lowering.window import Window


def correlate(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """y[n, *ones, k] from x[n, *input, c] and w[*input, c, k]."""
    y = output_product(x.reshape(len(x), -1), kernel.reshape(-1, kernel.shape[-1]))  # [n, k]
    return y.reshape(len(x), *window.output, -1)


def correlate_input(y: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """x[n, *input, c] from y[n, *ones, k] and w[*input, c, k]."""
    x = input_product(y.reshape(len(y), -1), kernel.reshape(-1, kernel.shape[-1]))  # [n, (i, c)]
    return x.reshape(len(y), *window.input, -1)


def correlate_kernel(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """w[*input, c, k] from x[n, *input, c] and y[n, *ones, k]."""
    kernel = kernel_product(x.reshape(len(x), -1), y.reshape(len(y), -1))  # [(i, c), k]
    return kernel.reshape(*window.size, x.shape[-1], -1)
