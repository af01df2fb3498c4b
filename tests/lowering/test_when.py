"""Which form of a contraction is taken for which channels and windows."""

from itertools import product

import pytest

from jaxcnn.lowering import convolution, gemm, tiles, xla
from jaxcnn.ops.geometry import window
from tests.lowering.test_convolution import TABLES


def test_a_long_kernel_is_no_band():
    where = window("conv", (44100,), (4000,))
    for table, channels in product(TABLES.values(), (1, 16)):
        rows = table.get("cpu", table["default"])
        assert "toeplitz" not in convolution.choose(rows, channels, channels, where).__module__


@pytest.mark.parametrize(
    ("rows", "size", "c", "k", "settings", "is_chosen"),
    [
        pytest.param(32, 3, 4, 1, {"padding": 1}, True, id="one-output"),
        pytest.param(32, 3, 1, 1, {"padding": 1}, True, id="one-of-one"),
        pytest.param(32, 3, 8, 4, {"padding": 1}, True, id="half-as-many"),
        pytest.param(32, 3, 4, 4, {"padding": 1}, False, id="as-many"),
        pytest.param(32, 3, 32, 3, {"padding": 1}, False, id="many-inputs"),
        pytest.param(30, 3, 32, 3, {"padding": 2}, True, id="many-inputs-padded"),
        pytest.param(8, 5, 64, 64, {"padding": 4}, True, id="many-rows-of-padding"),
        pytest.param(16, 3, 64, 64, {"padding": 2}, False, id="few-rows-of-padding"),
        pytest.param(32, 3, 4, 1, {"padding": 1, "stride": 2}, False, id="stride"),
        pytest.param(32, (1, 3), 4, 1, {"padding": [(0, 0), (1, 1)]}, False, id="one-tap-on-the-first-axis"),
        pytest.param(32, (17, 3), 4, 1, {}, False, id="many-taps"),
    ],
)
def test_images_of_few_outputs_are_convolved_row_by_row(rows, size, c, k, settings, is_chosen):
    where = window("conv", (rows, rows), (size, size) if isinstance(size, int) else size, **settings)
    form = convolution.choose(convolution.CORRELATE["cpu"], c, k, where)
    assert (form is convolution.correlate_by_outputs) == is_chosen


@pytest.mark.parametrize(
    ("rows", "size", "c", "k", "form"),
    [
        pytest.param(16, 3, 128, 128, xla.correlate_with_a_row_more, id="large"),
        pytest.param(14, 3, 128, 128, xla.correlate, id="fewer-rows"),
        pytest.param(7, 3, 512, 512, xla.correlate_with_a_row_more, id="larger-and-fewer-rows"),
        pytest.param(4, 3, 1024, 1024, xla.correlate, id="very-few-rows"),
        pytest.param(56, 3, 64, 64, xla.correlate, id="small"),
        pytest.param(27, 5, 64, 192, xla.correlate_with_a_row_more, id="three-times-as-many-outputs"),
        pytest.param(16, 3, 64, 256, xla.correlate, id="four-times-as-many-outputs"),
    ],
)
def test_large_kernels_are_given_a_row_more(rows, size, c, k, form):
    where = window("conv", (rows, rows), (size, size), padding="SAME")
    assert convolution.choose(convolution.CORRELATE["cpu"], c, k, where) is form


@pytest.mark.parametrize(
    ("input", "c", "settings", "is_chosen"),
    [
        pytest.param((16, 16), 128, {}, True, id="image"),
        pytest.param((8, 8, 8), 4, {}, True, id="volume"),
        pytest.param((16, 16), 1, {}, True, id="one-channel"),
        pytest.param((16, 16), 17, {}, True, id="odd-and-many"),
        pytest.param((16, 16), 3, {}, False, id="odd-and-few"),
        pytest.param((1024,), 128, {}, False, id="signal"),
        pytest.param((16, 16), 128, {"stride": 2}, False, id="stride"),
        pytest.param((16, 16), 128, {"padding": 1}, False, id="padding"),
        pytest.param((16, 16), 128, {"groups": 2}, False, id="groups"),
    ],
)
def test_one_tap_is_a_product(input, c, settings, is_chosen):
    where = window("conv", input, (1,) * len(input), **settings)
    form = convolution.choose(convolution.CORRELATE["cpu"], c, 32, where)
    assert (form is gemm.correlate_of_one_tap) == is_chosen


@pytest.mark.parametrize(
    ("input", "size", "settings", "is_chosen"),
    [
        pytest.param((7, 7), (7, 7), {}, True, id="image"),
        pytest.param((7, 7), (7, 7), {"stride": 2}, True, id="any-stride"),
        pytest.param((44,), (4,), {"stride": 4}, True, id="signal"),
        pytest.param((8, 7), (2, 7), {"stride": 2}, True, id="rows"),
        pytest.param((7, 7), (7, 6), {}, False, id="overlap"),
        pytest.param((45,), (4,), {"stride": 4}, False, id="remainder"),
        pytest.param((7, 7), (7, 7), {"padding": 1}, False, id="padding"),
        pytest.param((7, 8), (7, 4), {"stride": 4, "dilation": [1, 2]}, False, id="dilation"),
        pytest.param((7, 7), (7, 7), {"groups": 2}, False, id="groups"),
        pytest.param((8, 8), (4, 4), {"stride": 4}, False, id="not-in-order"),
    ],
)
def test_tiles_in_order_are_a_dense_layer(input, size, settings, is_chosen):
    where = window("conv", input, size, **settings)
    for table, platform in product(TABLES.values(), ("cpu", "default")):
        form = convolution.choose(table.get(platform, table["default"]), 24, 32, where)
        assert (form.__module__ == tiles.__name__) == is_chosen


@pytest.mark.parametrize(
    ("c", "size", "is_chosen"),
    [
        pytest.param(3, 16, True, id="few-channels"),
        pytest.param(32, 2, True, id="few-taps"),
        pytest.param(96, 2, False, id="many-channels"),
        pytest.param(1, 4, False, id="one-channel"),
    ],
)
def test_kernel_gradients_of_tiles_of_short_runs_are_a_product(c, size, is_chosen):
    where = window("conv", (32, 32), (size, size), stride=size)
    form = convolution.choose(convolution.CORRELATE_KERNEL["cpu"], c, 64, where)
    assert (form is tiles.correlate_kernel) == is_chosen


@pytest.mark.parametrize(
    ("c", "k", "stride", "form"),
    [
        pytest.param(16, 8, 1, convolution.correlate_by_outputs, id="few-outputs"),
        pytest.param(16, 16, 1, convolution.correlate_by_planes, id="a-number-of-outputs-that-is-slow"),
        pytest.param(3, 16, 1, convolution.correlate_by_outputs, id="the-same-of-few-inputs"),
        pytest.param(64, 64, 1, convolution.correlate_by_outputs, id="as-many-as-inputs"),
        pytest.param(3, 20, 1, convolution.correlate_by_planes, id="fewer-inputs"),
        pytest.param(16, 8, 2, convolution.correlate_by_planes, id="not-every-plane"),
    ],
)
def test_volumes_are_convolved_in_two_axes(c, k, stride, form):
    where = window("conv", (8, 8, 8), (3, 3, 3), stride=stride)
    assert convolution.choose(convolution.CORRELATE["cpu"], c, k, where) is form


@pytest.mark.parametrize(
    ("input", "size", "c", "k", "g", "form"),
    [
        pytest.param((16, 16), 3, 64, 64, 1, gemm.correlate_kernel_crossed, id="less-is-built"),
        pytest.param((7, 7), 3, 512, 512, 1, gemm.correlate_kernel_crossed, id="many-channels"),
        pytest.param((16, 16), 3, 16, 128, 1, gemm.correlate_kernel_by_columns, id="more-would-be-built"),
        pytest.param((512,), 3, 32, 64, 1, gemm.correlate_kernel_crossed, id="twice-as-many-of-a-signal"),
        pytest.param((512,), 3, 64, 128, 1, gemm.correlate_kernel_by_columns, id="twice-as-many-and-more-channels"),
        pytest.param((8, 8), 3, 64, 64, 1, gemm.correlate_kernel_crossed, id="small-images"),
        pytest.param((32, 32), 3, 3, 32, 1, gemm.correlate_kernel_by_short_columns, id="short-columns"),
        pytest.param((32, 32), 3, 3, 8, 1, convolution.kernel_of_few_channels, id="few-channels"),
        pytest.param((14, 14), 5, 6, 16, 1, convolution.kernel_of_few_channels, id="few-channels-and-long-columns"),
        pytest.param((14, 14), 3, 6, 16, 1, gemm.correlate_kernel_by_columns, id="few-channels-and-shorter-columns"),
        pytest.param((32, 32), 5, 3, 16, 1, gemm.correlate_kernel_by_columns, id="short-columns-of-fewer-outputs"),
        pytest.param((2, 2), 3, 512, 512, 1, gemm.correlate_kernel_by_columns, id="window-larger"),
        pytest.param((16, 16, 16), 3, 16, 16, 1, gemm.correlate_kernel_crossed, id="volume"),
        pytest.param((16, 16, 16), 3, 2, 4, 1, gemm.correlate_kernel_by_columns, id="volume-of-few-channels"),
        pytest.param((64, 64, 64), 3, 16, 16, 1, convolution.kernel_by_planes, id="large-volume"),
        pytest.param((16, 16, 16), 7, 16, 16, 1, convolution.kernel_by_planes, id="volume-with-many-taps"),
        pytest.param((1024,), 3, 1000, 1000, 1, xla.correlate_kernel_in_order, id="signal-with-a-large-kernel"),
        pytest.param((1024,), 3, 1200, 1200, 2, convolution.kernel_by_groups, id="the-same-in-groups"),
    ],
)
def test_kernel_gradients_are_crossed_where_that_builds_less(input, size, c, k, g, form):
    where = window("conv", input, (size,) * len(input), padding="SAME", groups=g)
    assert convolution.choose(convolution.CORRELATE_KERNEL["cpu"], c, k, where) is form
