"""XLA's own convolution, forwards: the best form for dense channels on every platform.

The kernel gradient as a convolution is here too, for GPU and TPU, where it maps to a library call: batch and channels
trade places, x is the image, y the kernel, and stride and dilation trade places with them. On CPU the same convolution
falls to a naive loop as soon as it stands inside a `lax.scan` (see `gemm.py` for what stands in for it there).
"""

from __future__ import annotations

import jax
from jax import lax

from jaxcnn.lowering.precision import accumulator
from jaxcnn.lowering.taps import crop
from jaxcnn.lowering.window import Window

SPATIAL = {1: "W", 2: "HW", 3: "DHW"}


def correlate(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """y[n, o, k] = sum over t, c of x[n, s o + d t - low, c] w[t, c, k].

    What a negative padding crops is cut off before: with a negative low and a positive high padding XLA's CPU
    convolution reads outside its input (openxla/xla#48713, wrong in jaxlib 0.10.1).
    """
    axes = SPATIAL[len(window.size)]
    return lax.conv_general_dilated(
        crop(x, window.padding),
        kernel,
        window.stride,
        [(max(low, 0), max(high, 0)) for low, high in window.padding],
        rhs_dilation=window.dilation,
        dimension_numbers=(f"N{axes}C", f"{axes}IO", f"N{axes}C"),
        feature_group_count=window.groups,
        preferred_element_type=accumulator(x.dtype),
    )  # [n, *output, k]


def correlate_kernel(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """w[t, c, k] = sum over n, o of x[n, s o + d t - low, c] y[n, o, k], for one group."""
    axes = SPATIAL[len(window.size)]
    reach = [
        d * (f - 1) + s * (o - 1) + 1 - n - low  # the padding at the high end that gives exactly f taps
        for n, f, s, (low, _), d, o in zip(
            window.input, window.size, window.stride, window.padding, window.dilation, window.output, strict=True
        )
    ]
    padding = [(low, high) for (low, _), high in zip(window.padding, reach, strict=True)]
    return lax.conv_general_dilated(
        crop(x, padding),
        y,
        window.dilation,
        [(max(low, 0), max(high, 0)) for low, high in padding],
        rhs_dilation=window.stride,
        dimension_numbers=(f"C{axes}N", f"I{axes}O", f"{axes}NC"),
        preferred_element_type=accumulator(x.dtype),
    )  # [*window, c, k]
