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
from typing import NamedTuple

import jax
from jax import lax

from jaxcnn.lowering import bands, blocks, depthwise, folded, gemm, groups, phases, tiles, toeplitz, when, xla
from jaxcnn.lowering.window import Window

Contraction = Callable[[jax.Array, jax.Array, Window], jax.Array]


class Row(NamedTuple):
    """One line of a table: a form, where it applies, and why it is there."""

    form: Contraction
    applies: Callable[[int, int, Window], bool]  # channels of x, channels of y, window
    because: str


def input_by_blocks(y: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    return blocks.correlate_input(y, kernel, window, correlate_input)


def input_by_phases(y: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    return phases.correlate_input(y, kernel, window, correlate)


def kernel_by_blocks(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    return blocks.correlate_kernel(x, y, window, correlate_kernel)


def correlate_by_planes(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    return folded.correlate_by_inputs(x, kernel, window, correlate)


def correlate_by_outputs(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    of_others = correlate_by_planes if len(window.size) == 3 else correlate
    return folded.correlate_by_outputs(x, kernel, window, of_others)


def kernel_by_bands(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    rows = bands.rows_per_band(window, when.built(x.shape[-1], y.shape[-1], window))
    return bands.correlate_kernel(x, y, window, rows, correlate_kernel)


def kernel_by_planes(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    return folded.correlate_kernel(x, y, window, correlate_kernel)


def kernel_of_few_channels(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    """A single example by columns: under `vmap`, convolutions in order become one of a group for each example."""
    is_single = x.shape[0] == 1 and when.suits_columns(x.shape[-1], y.shape[-1], window)
    form = gemm.correlate_kernel_by_columns if is_single else toeplitz.correlate_kernel_by_strides
    return form(x, y, window)


def correlate_by_groups(x: jax.Array, kernel: jax.Array, window: Window) -> jax.Array:
    return groups.one_by_one(x, kernel, window, correlate)


def kernel_by_groups(x: jax.Array, y: jax.Array, window: Window) -> jax.Array:
    return groups.one_by_one(x, y, window, correlate_kernel)


CORRELATE = {
    "cpu": (
        Row(
            depthwise.correlate_in_one_pass,
            when.has_few_edges,
            "64 channels at 32x32: 1.0 ms against 1.4 as a padded copy",
        ),
        Row(depthwise.correlate, when.is_depthwise, "64 channels, 5x5 at 32x32: 3.4 ms against 18 in one pass"),
        Row(correlate_by_groups, when.is_grouped, "4 groups of 16 to 16 at 32x32: 6.0 ms against 7.5 at once"),
        Row(
            tiles.correlate,
            when.are_tiles_in_order,
            "7x7, 512 to 1024 at 7x7, batch 16: 18 ms against 84 as a convolution",
        ),
        Row(
            gemm.correlate_of_one_tap,
            when.is_product,
            "1x1, 512 to 2048 at 7x7, batch 16: 5.3 ms against 8.2 (0.12.0: 14); 8 to 8 at 32x32: 0.3, 0.7 by columns",
        ),
        Row(
            correlate_by_outputs,
            when.has_few_outputs,
            "3x3x3, 4 to 8 at 32x32x32, batch 2: 1.4 ms, 4.5 by columns; 5x5, 4 to 1 at 24x24, padded by 4: 0.5, 1.5",
        ),
        Row(toeplitz.correlate_by_strides, when.suits_strides, "16 to 16 at 32x32: 2.1 ms against 3.0 one by one"),
        Row(
            toeplitz.correlate_by_columns,
            when.is_narrow,
            "5x5, stride 2, 1 to 1 at 28x28: 0.5 ms against 1.0 as a convolution",
        ),
        Row(correlate_by_planes, when.is_volume, "3x3x3, 1 to 32 at 32x32x32, batch 1: 0.8 ms against 1.6 of outputs"),
        Row(xla.correlate_apart, when.is_window_larger, "3x3, 512 to 512 at 2x2: 12 ms against 388 as it is"),
        Row(xla.correlate_evenly, when.is_odd, "3 to 32 at 32x32: 1.7 ms against 2.9"),
        Row(
            xla.correlate_with_a_row_more,
            when.has_a_large_kernel,
            "192 to 384 at 13x13: 17 ms against 22; 5x5, 64 to 192 at 27x27: 33 against 39; 64 to 64 as it is",
        ),
        Row(xla.correlate, when.always, "32 to 32 at 32x32: 7.4 ms against 15 as matrix products by chunks"),
    ),
    "default": (
        Row(
            depthwise.correlate,
            when.is_depthwise,
            "grouped convolutions with one channel each are slow, jax#23713, #26266",
        ),
        Row(
            correlate_by_groups, when.is_grouped_on_a_mesh, "XLA gathers a batch on several devices for groups at once"
        ),
        Row(tiles.correlate, when.are_tiles_in_order, "a product as it lies in memory"),
        Row(xla.correlate, when.always, "one library call"),
    ),
}

CORRELATE_INPUT = {
    "default": (
        Row(
            tiles.correlate_input,
            when.are_tiles_in_order,
            "7x7, 512 to 1024 at 7x7, batch 16: 5 ms against 285 by phases",
        ),
        Row(input_by_blocks, when.fits_blocks, "11x11, stride 4, 64 to 3 at 224x224: 33 ms against 244 by 16 phases"),
        Row(input_by_phases, when.always, "stride 2, 64 to 32 at 32x32: no zeros are multiplied"),
    ),
}

CORRELATE_KERNEL = {
    "cpu": (
        Row(
            depthwise.correlate_kernel_in_one_pass,
            when.has_short_rows,
            "64 channels at 32x32: 1.4 ms against 2.6 by rows",
        ),
        Row(
            depthwise.correlate_kernel_by_rows,
            when.is_local_depthwise,
            "128 channels, length 512, batch 8: 0.6 ms, 3.3 at once, 7.1 in one pass",
        ),
        Row(
            depthwise.correlate_kernel_at_once, when.is_depthwise, "images on several devices are not taken one by one"
        ),
        Row(
            tiles.correlate_kernel,
            when.are_tiles_in_order,
            "7x7, 512 to 1024 at 7x7, batch 16: 36 ms against 92 and 206 MB by columns",
        ),
        Row(
            gemm.correlate_kernel_of_one_tap, when.is_pointwise, "1x1, 128 to 32 at 16x16: 1.5 ms against 7.2 in order"
        ),
        Row(
            tiles.correlate_kernel,
            when.suits_tiles,
            "4x4, stride 4, 3 to 96 at 224x224, batch 16: 6.0 ms against 7.7 by columns (0.12.0: 5.4, 11.8)",
        ),
        Row(kernel_by_planes, when.suits_planes, "16 to 64 at 32x32x32, batch 2: 33 ms against 39 by bands"),
        Row(
            kernel_by_bands,
            when.suits_bands,
            "64 to 64 at 224x224, batch 4: 161 ms and 41 MB against 166 ms and 90 MB at once",
        ),
        Row(
            kernel_of_few_channels,
            when.is_thin,
            "5x5, 1 to 4 at 28x28: 0.5 ms, 0.6 in order, 1.2 by columns; 256 times for one example: 14 in order, 4.4",
        ),
        Row(
            gemm.correlate_kernel_by_short_columns,
            when.suits_short_columns,
            "3 to 32 at 32x32: 1.9 ms, 3.5 by chunks of columns",
        ),
        Row(
            gemm.correlate_kernel_crossed,
            when.suits_crossing,
            "32 to 32 at 32x32: 11 ms, 16 by columns, 39 in order; length 4096, 32 to 64, batch 8: 5.9, 7.7, 6.1",
        ),
        Row(
            gemm.correlate_kernel_by_columns,
            when.suits_columns,
            "16 to 128 at 16x16: 4.7 ms, 5.8 crossed, 9.9 in order; 2 groups of 64, stride 2: 16 ms, 21 one by one",
        ),
        Row(
            kernel_by_blocks,
            when.fits_blocks_of_two_axes,
            "11x11, stride 4, 3 to 64 at 224x224: 37 ms against 60 in order",
        ),
        Row(
            kernel_by_groups,
            when.is_grouped,
            "11x11, 2 groups of 64 at 32x32, batch 16: 290 ms against 1070 by taps, 440 by columns",
        ),
        Row(kernel_by_planes, when.is_volume, "7x7x7, 16 to 16 at 16x16x16, batch 2: 13 ms against 171 in three axes"),
        Row(
            xla.correlate_kernel_in_order,
            when.always,
            "11x11, 64 to 64 at 32x32, batch 16: 165 ms against 194 by columns",
        ),
    ),
    "default": (
        Row(depthwise.correlate_kernel_at_once, when.is_depthwise, "batch groups fall to slow kernels, jax#13800"),
        Row(tiles.correlate_kernel, when.are_tiles_in_order, "a product as it lies in memory"),
        Row(xla.correlate_kernel, when.is_unit_stride, "one library call"),
        Row(kernel_by_blocks, when.fits_blocks_of_two_axes, "11x11, stride 4: one library call, not 121 products"),
        Row(
            gemm.correlate_kernel_by_taps, when.always, "dilated or grouped by a stride or by groups: jax#37922, #13800"
        ),
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
