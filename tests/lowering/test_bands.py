"""Bands of large images: when they are cut, into how many rows, and that nothing depends on it."""

from itertools import product

import numpy as np
import pytest

from jaxcnn.lowering import bands, convolution, xla
from jaxcnn.ops.geometry import window
from tests.ops.checks import integers, quick_jit


@pytest.mark.parametrize(
    ("c", "k", "size"), [(8, 16, 3), (3, 16, 5), (4, 4, 3)], ids=["crossed", "columns", "in-order"]
)
def test_a_large_image_is_taken_in_bands(c, k, size):
    where = window("conv", (512, 600), (size, size), padding="SAME")
    assert convolution.choose(convolution.CORRELATE_KERNEL["cpu"], c, k, where) is convolution.kernel_by_bands
    x, y = np.float32(integers(1, 512, 600, c)), np.float32(integers(1, 512, 600, k))
    forms = [convolution.kernel_by_bands, xla.correlate_kernel]
    in_bands, at_once = quick_jit(lambda x, y: [form(x, y, where) for form in forms])(x, y)
    np.testing.assert_array_equal(in_bands, at_once)


@pytest.mark.parametrize(
    ("rows", "size", "width", "band"),
    [
        pytest.param(224, 3, 640, 28, id="a-divisor"),
        pytest.param(509, 3, 59, 128, id="of-nearly-equal-size"),
        pytest.param(32, 3, 640, 32, id="one-band"),
        pytest.param(300, 11, 10_000, 10, id="as-many-as-are-shared"),
        pytest.param(51, 11, 10_000, 11, id="not-fewer-than-are-shared"),
        pytest.param(57, 3, 10**6, 3, id="of-a-few-rows"),
    ],
)
def test_a_band_has_rows_enough(rows, size, width, band):
    where = window("conv", (rows, rows), (size, size), padding="SAME")
    assert bands.rows_per_band(where, width) == band


@pytest.mark.parametrize(("size", "stride", "dilation"), [(1, 1, 1), (3, 1, 1), (3, 2, 2), (5, 4, 1), (11, 1, 1)])
def test_a_band_is_not_cut_again_and_shares_no_more_than_it_has(size, stride, dilation):
    for rows, width in product(range(1, 80), (1, 10**4, 3 * 10**4, 10**6)):
        where = window("conv", (rows, 8), (size, 1), stride=[stride, 1], dilation=[dilation, 1], padding="SAME")
        r, shared = bands.rows_per_band(where, width), bands.shared_rows(where)
        of_band = window("conv", (r * stride + shared, 8), (size, 1), stride=[stride, 1], dilation=[dilation, 1])
        assert of_band.output[0] == bands.rows_per_band(of_band, width) == r <= where.output[0]
        assert r == where.output[0] or shared <= r * stride
