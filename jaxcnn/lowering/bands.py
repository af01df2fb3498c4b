"""Kernel gradients of large images, band by band of their rows: what is built from a few bands stays in cache.

    X[b, i, ..] = x[s r b + i - low, ..]     i < s (r - 1) + span: what r rows of outputs meet
    Y[b, o, ..] = y[r b + o, ..]             o < r, zeros behind the last row

    w = sum over n of contraction(X_n, Y_n)

The bands of an image (of a volume, of its planes) are a batch of small ones. They are cut from one image after the
other, so that no second copy of all images is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import ceil, prod

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.lowering.chunks import images_within, summed
from jaxcnn.lowering.window import Window

Contraction = Callable[[jax.Array, jax.Array, Window], jax.Array]

BAND = 2**22  # numbers built from a band: 16 to 16 at 64x64x64 take 132 ms, with 2**21 175; in one piece 184


def rows_per_band(window: Window, width: int) -> int:
    """Rows of outputs in a band, where `width` numbers are built for each position.

    A divisor of all rows if one is near, so that y need not be copied; and as many as two neighbours share inputs.
    """
    rows, least = window.output[0], max(1, ceil(shared_rows(window) / window.stride[0]))
    most = max(least, BAND // (width * prod(window.output[1:])))
    divisor = images_within(rows, most)
    bands = max(1, min(ceil(rows / most), rows // least))
    return divisor if divisor >= max(least, most // 2) else ceil(rows / bands)


def shared_rows(window: Window) -> int:
    """Rows of inputs that belong to two neighbouring rows of outputs."""
    return max(window.span[0] - window.stride[0], 0)


def correlate_kernel(x: jax.Array, y: jax.Array, window: Window, r: int, contraction: Contraction) -> jax.Array:
    """w[*window, c // groups, k], by `contraction` over bands of r rows, one image after the other."""
    bands, step, shared = ceil(window.output[0] / r), r * window.stride[0], shared_rows(window)
    band = replace(window, input=(step + shared, *window.input[1:]), padding=((0, 0), *window.padding[1:]))

    def of_image(x: jax.Array, y: jax.Array) -> jax.Array:
        low = window.padding[0][0]
        x = padded_rows(x[0], low, (bands + 1) * step).reshape(bands + 1, step, *x.shape[2:])
        y = padded_rows(y[0], 0, bands * r).reshape(bands, r, *y.shape[2:])
        return contraction(lax.concatenate((x[:-1], x[1:, :shared]), 1), y, band)

    return summed(of_image, 1, x, y, (*window.size, x.shape[-1] // window.groups, y.shape[-1]))


def padded_rows(a: jax.Array, low: int, rows: int) -> jax.Array:
    """So many rows of a[i, .., c], of which the first is row -low."""
    rest = ((0, 0, 0),) * (a.ndim - 1)
    return lax.pad(a, jnp.zeros((), a.dtype), ((low, rows - low - a.shape[0], 0), *rest))
