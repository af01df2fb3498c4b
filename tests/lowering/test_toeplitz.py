"""Blocks of neighbouring outputs: how many they hold, and kernel gradients by them against integers."""

import jax
import numpy as np
import pytest

from jaxcnn.lowering import toeplitz
from jaxcnn.ops.geometry import window
from tests import oracles
from tests.ops.checks import integers, quick_jit

BLOCKED = {
    "plain": ((5, 8), (3, 5), {"padding": "SAME"}),
    "signal": ((16,), (3,), {"padding": [(0, 2)]}),
    "stride": ((6, 16), (3, 3), {"stride": (1, 2), "padding": [(1, 1), (0, 1)]}),
    "dilated": ((6, 12), (2, 3), {"dilation": (2, 2)}),
    "stride-and-dilation": ((4, 34), (2, 3), {"stride": (2, 3), "dilation": (1, 2), "padding": [(0, 0), (3, 2)]}),
    "cropped": ((4, 11), (2, 2), {"padding": [(0, 0), (-1, -1)]}),
    "cropped-low-padded-high": ((4, 8), (2, 3), {"padding": [(0, 0), (-1, 3)]}),
}


@pytest.mark.parametrize(("k", "outputs"), [(1, 16), (2, 16), (3, 8), (5, 4), (8, 4), (12, 2), (16, 2)])
def test_a_block_of_a_convolution_has_17_to_32_numbers(k, outputs):
    assert toeplitz.outputs_per_block(k) == outputs
    assert k == 1 or 16 < k * outputs <= 32


@pytest.mark.parametrize(
    ("c", "k", "length", "outputs"),
    [
        pytest.param(1, 4, 24, 4, id="fewest-channels"),
        pytest.param(1, 4, 26, 2, id="not-in-fours"),
        pytest.param(1, 4, 27, 1, id="not-in-twos"),
        pytest.param(1, 5, 24, 2, id="more-channels"),
        pytest.param(6, 16, 24, 1, id="many"),
    ],
)
def test_blocks_of_a_kernel_gradient_are_full(c, k, length, outputs):
    assert toeplitz.outputs_per_kernel_block(c, k, window("conv", (length,), (3,), padding="SAME")) == outputs


def test_devices_send_each_other_the_kernel_and_not_its_matrix(monkeypatch):
    monkeypatch.setattr(toeplitz, "is_spread", lambda: True)
    assert toeplitz.outputs_per_kernel_block(1, 4, window("conv", (24,), (3,), padding="SAME")) == 1


@pytest.mark.parametrize("block", [1, 2, 4])
@pytest.mark.parametrize("name", BLOCKED)
def test_a_kernel_gradient_by_blocks_equals_the_oracle(monkeypatch, name, block):
    input, size, settings = BLOCKED[name]
    where = window("conv", input, size, **settings)
    assert where.output[-1] % 4 == 0
    monkeypatch.setattr(toeplitz, "outputs_per_kernel_block", lambda c, k, window: block)
    x, y = integers(3, *input, 2), integers(3, *where.output, 4)
    w = quick_jit(lambda x, y: toeplitz.correlate_kernel_by_strides(x, y, where))(np.float32(x), np.float32(y))
    np.testing.assert_array_equal(w, oracles.conv_dw(x, y, size, **settings))


def test_numbers_of_the_matrix_that_belong_to_no_tap_do_not_reach_the_kernel():
    """An infinity that a tap meets under zeros is NaN there; under no window of y it is nothing."""
    x = np.ones((1, 10, 1), np.float32)
    x[0, 9] = np.inf
    y = np.zeros((1, 8, 1), np.float32)
    y[0, :4] = 1
    where = window("conv", (10,), (3,))
    w = jax.jit(lambda x, y: toeplitz.correlate_kernel_by_strides(x, y, where))(x, y)
    np.testing.assert_array_equal(np.isnan(w).ravel(), [False, False, True])
