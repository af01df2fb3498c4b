"""Windows side by side: every input lies in one of them, once, and the layer is a dense one of each window.

    y[n, o, k] = sum over t, c of X[(n, o), (t, c)] w[(t, c), k]          X[(n, o), (t, c)] = x[n, s o + t, c]

Where only the first axis has several windows (a signal; or an image that is one window) X is x as it lies in memory and
the kernel is a matrix as it lies there: nothing is copied. Else X is x in another order, written down once.
"""

from __future__ import annotations

from math import prod

import jax

from jaxcnn.lowering.dense import input_product, kernel_product, output_product
from jaxcnn.lowering.window import Window


def correlate(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """y[n, *output, k] from x[n, *input, c] and w[*window, c, k]."""
    y = output_product(tiles(x, window), kernel.reshape(-1, kernel.shape[-1]))  # [(n, o), k]
    return y.reshape(len(x), *window.output, -1)


def correlate_input(y: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """x[n, *input, c] from y[n, *output, k] and w[*window, c, k], where X is x as it lies in memory."""
    x = input_product(y.reshape(-1, y.shape[-1]), kernel.reshape(-1, kernel.shape[-1]))  # [(n, o), (t, c)]
    return x.reshape(len(y), *window.input, -1)


def correlate_kernel(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """w[*window, c, k] from x[n, *input, c] and y[n, *output, k]."""
    kernel = kernel_product(tiles(x, window), y.reshape(-1, y.shape[-1]))  # [(t, c), k]
    return kernel.reshape(*window.size, x.shape[-1], -1)


def tiles(x: jax.Array, window: Window) -> jax.Array:
    """x[n, *input, c] as X[(n, o), (t, c)]."""
    axes, c = len(window.size), x.shape[-1]
    pairs = [n for pair in zip(window.output, window.size, strict=True) for n in pair]
    x = x.reshape(-1, *pairs, c)  # [n, o1, t1, o2, t2, .., c]
    x = x.transpose(0, *range(1, 2 * axes, 2), *range(2, 2 * axes + 1, 2), 2 * axes + 1)  # [n, *output, *window, c]
    return x.reshape(-1, prod(window.size) * c)
