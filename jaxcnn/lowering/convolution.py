"""The three contractions of the trilinear form, each by the fastest form known for its platform and shape.

    T(x, w, y) = sum over n, o, t, c, k of  x[n, s o + d t - low, c] w[t, c, k] y[n, o, k]

    correlate(x, w)         = dT/dy    [n, *output, k]
    correlate_input(y, w)   = dT/dx    [n, *input, c]
    correlate_kernel(x, y)  = dT/dw    [*window, c // groups, k]

All forms of a contraction compute the same sums, in float32 at least; they differ in speed only. Which is taken is
written down in tables, first row that applies, with the measurement that justifies the row (float32, two CPU cores,
jaxlib 0.10.1, batch 32 or 64, 3x3 windows unless said).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from typing import NamedTuple

import jax
import numpy as np
from jax import lax

from jaxcnn.lowering import bands, blocks, depthwise, folded, gemm, groups, phases, toeplitz, xla
from jaxcnn.lowering.mesh import is_spread
from jaxcnn.lowering.window import Window

Contraction = Callable[[jax.Array, jax.Array, Window], jax.Array]

IMAGE = 5 * 2**20  # numbers built from an image, at most; with more it is cut into bands or planes


class Row(NamedTuple):
    """One line of a table: a form, where it applies, and why it is there."""

    form: Contraction
    applies: Callable[[int, int, Window], bool]  # channels of x, channels of y, window
    because: str


def is_depthwise(c: int, k: int, window: Window) -> bool:
    return window.groups == c > 1


def is_local_depthwise(c: int, k: int, window: Window) -> bool:
    return is_depthwise(c, k, window) and not is_spread()


def has_few_edges(c: int, k: int, window: Window) -> bool:
    """So few taps differ in the outputs that meet padding there that LLVM writes a loop for each and no branch."""
    if not is_depthwise(c, k, window) or k < 8 or sum(window.size) > 32:
        return False
    inside = [window.inside(axis) for axis in range(len(window.size))]
    different = prod(np.unique(along, axis=1).shape[1] for along in inside)
    return different - all(along.all(0).any() for along in inside) <= 8


def has_short_rows(c: int, k: int, window: Window) -> bool:
    """Rows of few enough terms, and of more than a few for each tap's sum."""
    row = window.output[-1]
    return is_local_depthwise(c, k, window) and prod(window.size) <= 2 * row <= 256


def is_grouped(c: int, k: int, window: Window) -> bool:
    return window.groups > 1


def is_grouped_on_a_mesh(c: int, k: int, window: Window) -> bool:
    return window.groups > 1 and is_spread()


def has_narrow_band(window: Window) -> bool:
    """The matrix of a block, and the slices it takes of its inputs, are bounded."""
    return window.groups == 1 and window.span[-1] <= 64


def is_narrow(c: int, k: int, window: Window) -> bool:
    return has_narrow_band(window) and c <= 8 and k <= 16 and c * k <= 64


def suits_strides(c: int, k: int, window: Window) -> bool:
    is_small = has_narrow_band(window) and len(window.size) <= 2 and max(c, k) <= 16 and (k > 1 or c > 8)
    inputs = toeplitz.inputs_per_block(window, toeplitz.outputs_per_block(k))
    is_image_larger = prod(window.size[:-1]) * inputs <= prod(map(kept, window.input, window.padding))
    return is_small and is_image_larger and inputs * k <= 28 * window.size[-1]  # one by one they are k / 28 as fast


def is_window_larger(c: int, k: int, window: Window) -> bool:
    is_larger = prod(window.size) > prod(map(kept, window.input, window.padding))
    return window.groups == 1 and is_larger and not is_spread()


def kept(n: int, padding: tuple[int, int]) -> int:
    """Of n inputs those that a negative padding does not crop."""
    return n + min(padding[0], 0) + min(padding[1], 0)


def has_a_large_kernel(c: int, k: int, window: Window) -> bool:
    """So large that a row more, of seven at least, is the smaller cost."""
    is_plain = window.groups == 1 and len(window.size) == 2 and window.stride[0] == 1
    is_same = window.output[0] == window.input[0] >= 7
    return is_plain and is_same and c * k * prod(window.size) >= 2**19


def is_odd(c: int, k: int, window: Window) -> bool:
    return window.groups == 1 and c % 2 == 1 and 1 < c < 16 < k < 48


def fits_blocks(c: int, k: int, window: Window) -> bool:
    filled = prod(-(-f // s) * s for f, s in zip(window.size, window.stride, strict=True))
    is_plain = window.groups == 1 and set(window.dilation) == {1} and prod(window.stride) > 1
    most = 1.25 if c > 1 or len(window.size) < 3 else 3  # one channel of a volume: a product for all phases at once
    return is_plain and filled <= most * prod(window.size)


def fits_blocks_of_two_axes(c: int, k: int, window: Window) -> bool:
    return fits_blocks(c, k, window) and len(window.size) == 2  # 256 taps, stride 64: 2.1 ms against 1.2 in order


def is_volume(c: int, k: int, window: Window) -> bool:
    return window.groups == 1 and len(window.size) == 3


def is_unit_stride(c: int, k: int, window: Window) -> bool:
    return window.groups == 1 and set(window.stride) == {1}


def is_pointwise(c: int, k: int, window: Window) -> bool:
    return window.groups == 1 and prod(window.size) == 1


def is_thin(c: int, k: int, window: Window) -> bool:
    return window.groups == 1 and c <= 4 and k <= 8 and len(window.size) < 3


def suits_crossing(c: int, k: int, window: Window) -> bool:
    """Less is built than by columns, or hardly more; of a volume its planes are crossed."""
    is_plane = len(window.size) < 3 and prod(window.size) <= prod(window.output)
    if not is_plane or window.stride[0] > 1 or not suits_columns(c, k, window):
        return False
    c, k = c // window.groups, k // window.groups
    is_compiled_long = 48 < c < 128 and prod(window.output) <= 64  # 64 to 64 at 8x8: 0.29 s, 0.17 by columns
    is_less = k <= max(c, min(2 * c, 32)) or crossed(c, k, window) < columns(c, k, window)
    return c >= 8 and is_less and not is_compiled_long


def crossed(c: int, k: int, window: Window) -> int:
    """Numbers that are laid side by side for each output position, crossed."""
    return prod(window.size[1:]) * c + window.size[0] * k


def columns(c: int, k: int, window: Window) -> int:
    """The same by columns, and those of y."""
    return prod(window.size) * c + k


def built(c: int, k: int, window: Window) -> int:
    """The same in the way that is taken."""
    return (crossed if suits_crossing(c, k, window) else columns)(c, k, window)


def suits_bands(c: int, k: int, window: Window) -> bool:
    """Images from which more is built than stays in cache."""
    width = built(c, k, window)
    is_large = width * prod(window.output) > IMAGE and bands.rows_per_band(window, width) < window.output[0]
    return is_large and suits_columns(c, k, window)


def suits_planes(c: int, k: int, window: Window) -> bool:
    """Volumes that can be crossed once they are planes, or whose columns would not stay in cache."""
    if not is_volume(c, k, window):
        return False
    is_large = c * prod(window.size) * prod(window.output) > IMAGE
    return is_large or suits_crossing(c * window.size[0], k, folded.flat(window))


def suits_columns(c: int, k: int, window: Window) -> bool:
    """Images; or signals with no large kernel, which are faster in order."""
    is_image = len(window.size) > 1 or c * k // window.groups**2 * prod(window.size) <= 2**20
    return is_image and suits_chunks(window)


def suits_chunks(window: Window) -> bool:
    """Few slices, one per tap of each axis, which are slow to compile; and a batch that can be taken in parts."""
    return sum(window.size) <= 16 and not is_spread()


def always(c: int, k: int, window: Window) -> bool:
    return True


def input_by_blocks(y: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    return blocks.correlate_input(y, kernel, window, correlate_input)


def input_by_phases(y: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    return phases.correlate_input(y, kernel, window, correlate)


def kernel_by_blocks(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    return blocks.correlate_kernel(x, y, window, correlate_kernel)


def correlate_by_planes(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    return folded.correlate(x, kernel, window, correlate)


def kernel_by_bands(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    rows = bands.rows_per_band(window, built(x.shape[-1], y.shape[-1], window))
    return bands.correlate_kernel(x, y, window, rows, correlate_kernel)


def kernel_by_planes(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    return folded.correlate_kernel(x, y, window, correlate_kernel)


def kernel_of_few_channels(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """A single example by columns: under `vmap`, convolutions in order become one of a group for each example."""
    is_single = x.shape[0] == 1 and suits_columns(x.shape[-1], y.shape[-1], window)
    form = gemm.correlate_kernel_by_columns if is_single else xla.correlate_kernel_in_order
    return form(x, y, window)


def correlate_by_groups(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    return groups.one_by_one(x, kernel, window, correlate)


def kernel_by_groups(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    return groups.one_by_one(x, y, window, correlate_kernel)


CORRELATE = {
    "cpu": (
        Row(
            depthwise.correlate_in_one_pass, has_few_edges, "64 channels at 32x32: 1.0 ms against 1.4 as a padded copy"
        ),
        Row(depthwise.correlate, is_depthwise, "64 channels, 5x5 at 32x32: 3.4 ms against 18 in one pass"),
        Row(correlate_by_groups, is_grouped, "4 groups of 16 to 16 at 32x32: 6.0 ms against 7.5 at once"),
        Row(toeplitz.correlate_by_strides, suits_strides, "16 to 16 at 32x32: 2.1 ms against 3.0 one by one"),
        Row(toeplitz.correlate_by_columns, is_narrow, "5x5, 4 to 1 at 24x24: 0.95 ms against 5.5 as a convolution"),
        Row(correlate_by_planes, is_volume, "3x3x3, 16 to 16 at 16x16x16: 3.4 ms against 23 in three axes"),
        Row(xla.correlate_apart, is_window_larger, "3x3, 512 to 512 at 2x2: 12 ms against 388 as it is"),
        Row(xla.correlate_evenly, is_odd, "3 to 32 at 32x32: 1.7 ms against 2.9"),
        Row(
            xla.correlate_with_a_row_more,
            has_a_large_kernel,
            "192 to 384 at 13x13: 17 ms against 22; 512 to 512 at 7x7: 31 against 48; 128 to 128 as it is",
        ),
        Row(xla.correlate, always, "32 to 32 at 32x32: 7.4 ms against 15 as matrix products by chunks"),
    ),
    "default": (
        Row(
            depthwise.correlate, is_depthwise, "grouped convolutions with one channel each are slow, jax#23713, #26266"
        ),
        Row(correlate_by_groups, is_grouped_on_a_mesh, "XLA gathers a batch on several devices for groups at once"),
        Row(xla.correlate, always, "one library call"),
    ),
}

CORRELATE_INPUT = {
    "default": (
        Row(input_by_blocks, fits_blocks, "11x11, stride 4, 64 to 3 at 224x224: 33 ms against 244 by 16 phases"),
        Row(input_by_phases, always, "stride 2, 64 to 32 at 32x32: no zeros are multiplied"),
    ),
}

CORRELATE_KERNEL = {
    "cpu": (
        Row(depthwise.correlate_kernel_in_one_pass, has_short_rows, "64 channels at 32x32: 1.4 ms against 2.6 by rows"),
        Row(
            depthwise.correlate_kernel_by_rows,
            is_local_depthwise,
            "128 channels, length 512, batch 8: 0.6 ms, 3.3 at once, 7.1 in one pass",
        ),
        Row(depthwise.correlate_kernel_at_once, is_depthwise, "images on several devices are not taken one by one"),
        Row(gemm.correlate_kernel_of_one_tap, is_pointwise, "1x1, 128 to 32 at 16x16: 1.5 ms against 7.2 in order"),
        Row(
            kernel_by_planes, suits_planes, "16 to 16 at 64x64x64: 97 ms and 68 MB against 290 ms and 609 MB by columns"
        ),
        Row(
            kernel_by_bands,
            suits_bands,
            "64 to 64 at 224x224, batch 4: 183 ms and 41 MB against 185 ms and 90 MB at once, 273 and 167 by columns",
        ),
        Row(
            kernel_of_few_channels,
            is_thin,
            "5x5, 1 to 4 at 28x28: 0.41 ms in order, 0.65 by columns; 256 times for one example: 14 and 4.4",
        ),
        Row(
            gemm.correlate_kernel_crossed,
            suits_crossing,
            "32 to 32 at 32x32: 11 ms, 16 by columns, 39 in order; 512 to 512 at 7x7: 35, 39, 36",
        ),
        Row(
            gemm.correlate_kernel_by_columns,
            suits_columns,
            "16 to 128 at 16x16: 4.7 ms, 5.8 crossed, 9.9 in order; 2 groups of 64, stride 2: 16 ms, 21 one by one",
        ),
        Row(
            kernel_by_blocks, fits_blocks_of_two_axes, "11x11, stride 4, 3 to 64 at 224x224: 37 ms against 60 in order"
        ),
        Row(
            kernel_by_groups,
            is_grouped,
            "11x11, 2 groups of 64 at 32x32, batch 16: 290 ms against 1070 by taps, 440 by columns",
        ),
        Row(kernel_by_planes, is_volume, "7x7x7, 16 to 16 at 16x16x16, batch 2: 13 ms against 171 in three axes"),
        Row(xla.correlate_kernel_in_order, always, "11x11, 64 to 64 at 32x32, batch 16: 165 ms against 194 by columns"),
    ),
    "default": (
        Row(depthwise.correlate_kernel_at_once, is_depthwise, "batch groups fall to slow kernels, jax#13800"),
        Row(xla.correlate_kernel, is_unit_stride, "one library call"),
        Row(gemm.correlate_kernel_by_taps, always, "dilated or grouped by a stride or by groups: jax#37922, #13800"),
    ),
}


def choose(rows: tuple[Row, ...], c: int, k: int, window: Window) -> Contraction:
    return next(row.form for row in rows if row.applies(c, k, window))


def dispatch(
    table: Mapping[str, tuple[Row, ...]], c: int, k: int, a: jax.Array, b: jax.Array, window: Window
) -> jax.Array:
    """The chosen form, per platform, at compile time, for c channels of x and k of y."""
    forms = {platform: choose(rows, c, k, window) for platform, rows in table.items()}
    if len(set(forms.values())) == 1:
        return forms["default"](a, b, window)
    return lax.platform_dependent(a, b, **{name: partial(call, form, window) for name, form in forms.items()})


def call(form: Contraction, window: Window, a: jax.Array, b: jax.Array) -> jax.Array:
    return form(a, b, window)


def correlate(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """y[n, o, k] = sum over t, c of x[n, s o + d t - low, c] w[t, c, k]."""
    return dispatch(CORRELATE, x.shape[-1], kernel.shape[-1], x, kernel, window)


def correlate_input(y: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    """x[n, i, c] = sum over t, k of y[n, (i + low - d t) / s, k] w[t, c, k], where the division is exact."""
    return dispatch(CORRELATE_INPUT, kernel.shape[-2] * window.groups, y.shape[-1], y, kernel, window)


def correlate_kernel(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """w[t, c, k] = sum over n, o of x[n, s o + d t - low, c] y[n, o, k]."""
    return dispatch(CORRELATE_KERNEL, x.shape[-1], y.shape[-1], x, y, window)
