"""XLA's own convolution, forwards: the best form for dense channels on every platform.

The kernel gradient is a convolution too: x is the image and y the kernel, batch and channels trade places, and so do
stride and dilation.
"""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
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


def correlate_apart(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """The same where the image has fewer positions than the window has taps.

    XLA takes such an image for the kernel and the kernel for the image (`SwapConvOperands`), and its CPU convolution of
    that is a naive loop. Padded first, the image is the larger one; XLA would put the padding back into the convolution
    if there were not one image more.
    """
    more = ((0, 1, 0), *((*p, 0) for p in window.padding), (0, 0, 0))
    x = lax.pad(x, jnp.zeros((), x.dtype), more)
    return correlate(x, kernel, replace(window, input=x.shape[1:-1], padding=((0, 0),) * len(window.size)))[:-1]


def correlate_with_a_row_more(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """The same with an output row more than there are rows of inputs, which is thrown away.

    On CPU XLA gives convolutions to YNNPACK, which is slow for kernels of many numbers, but those with more output than
    input positions along an axis to Eigen.
    """
    (low, high), *rest = window.padding
    return correlate(x, kernel, replace(window, padding=((low, high + 1), *rest)))[:, :-1]


def correlate_evenly(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """The same with an even number of channels: on CPU three take twice the time of four."""
    return correlate(*evened(x, kernel), window)


def evened(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, jax.Array]:
    """x[n, i, c] and w[t, c, k] with a channel of zeros more where c is odd and not one."""
    if x.shape[-1] % 2 == 0 or x.shape[-1] == 1:
        return x, kernel
    zero, more, rest = jnp.zeros((), x.dtype), (0, 1, 0), [(0, 0, 0)] * (x.ndim - 2)
    return lax.pad(x, zero, [(0, 0, 0), *rest, more]), lax.pad(kernel, zero, [*rest, more, (0, 0, 0)])


def correlate_kernel(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """w[t, c, k] = sum over n, o of x[n, s o + d t - low, c] y[n, o, k], for one group."""
    axes, padding = SPATIAL[len(window.size)], padding_for_taps(window)
    numbers = (f"C{axes}N", f"I{axes}O", f"{axes}NC")
    padded = [(max(low, 0), max(high, 0)) for low, high in padding]
    return kernel_convolution(crop(x, padding), y, window, numbers, padded)  # [*window, c, k]


def correlate_kernel_in_order(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """The same with the axes transposed beforehand into the order that XLA's CPU convolution works in.

    Left to itself XLA transposes them in a program's main computation only (`ConvCanonicalization`); in the body of a
    loop a convolution in any other order is a naive loop, 100 to 240 times slower. So is one whose y is larger than x:
    x is padded beforehand, too (see `correlate_apart`).
    """
    axes, none = SPATIAL[len(window.size)], [(0, 0)] * len(window.size)
    x = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), *((*p, 0) for p in padding_for_taps(window)), (0, 0, 0)))
    x, y = jnp.moveaxis(x, (0, -1), (-1, 0)), jnp.moveaxis(y, 0, -2)  # [c, *padded, n], [*output, n, k]
    kernel = kernel_convolution(x, y, window, (f"N{axes}C", f"{axes}IO", f"N{axes}C"), none)
    return jnp.moveaxis(kernel, 0, -2)  # [*window, c, k]


def padding_for_taps(window: Window) -> list[tuple[int, int]]:
    """The window's padding, at the high end changed to what gives exactly its taps."""
    sizes = zip(window.input, window.size, window.stride, window.padding, window.dilation, window.output, strict=True)
    return [(low, d * (f - 1) + s * (o - 1) + 1 - n - low) for n, f, s, (low, _), d, o in sizes]


def kernel_convolution(
    x: jax.Array, y: jax.Array, window: Window, numbers: tuple[str, str, str], padding: list[tuple[int, int]]
) -> jax.Array:
    """x convolved with y as the kernel: the axes of x, y and the result are named by `numbers`."""
    return lax.conv_general_dilated(
        x,
        y,
        window.dilation,
        padding,
        rhs_dilation=window.stride,
        dimension_numbers=numbers,
        preferred_element_type=accumulator(x.dtype),
    )
