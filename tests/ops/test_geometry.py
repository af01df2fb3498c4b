"""From settings to static windows: sizes, padding words, and the transposed convolution's window."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings

from jaxcnn.ops.geometry import padding_pairs, per_axis, transposed_window, window
from tests import oracles
from tests.ops.checks import refuses
from tests.ops.windows import WINDOWS, rows


def test_the_shape_rule_of_seed_3():
    """Seed 3, eq. 7: (n + 2p - f) / s + 1; exercise 2: n = 4, f = 3 keeps its size with p = 1."""
    assert window("conv", (4,), (3,), padding=1).output == (4,)
    assert window("conv", (227, 227), (11, 11), stride=4).output == (55, 55)
    assert window("conv", (4,), (3,), stride=2).output == (1,)  # (4 - 3) / 2 + 1 = 1.5: the floor


@pytest.mark.parametrize(("input", "size", "where"), WINDOWS.values(), ids=WINDOWS)
def test_outputs_positions_and_padding_are_those_of_the_oracle(input, size, where):
    geometry = window("conv", input, size, **where)
    for axis, seen in enumerate(oracles.reaches(input, size, **where)):
        assert seen.shape == (geometry.output[axis], size[axis], input[axis])
        inside = geometry.inside(axis)
        np.testing.assert_array_equal(inside, seen.any(2))
        np.testing.assert_array_equal(geometry.positions(axis)[inside], seen.argmax(2)[inside])


@settings(max_examples=50, deadline=None, derandomize=True)
@given(rows())
def test_outputs_are_those_of_lax(row):
    input, size, where = row
    geometry = window("conv", input, size, **where)
    x, kernel = (jax.ShapeDtypeStruct(s, np.float32) for s in ((1, 1, *input), (1, 1, *size)))
    y = jax.eval_shape(
        lambda x, w: jax.lax.conv_general_dilated(
            x, w, geometry.stride, geometry.padding, rhs_dilation=geometry.dilation
        ),
        x,
        kernel,
    )
    assert y.shape[2:] == geometry.output


@pytest.mark.parametrize(
    ("n", "f", "stride", "dilation", "pads"),
    [(5, 3, 1, 1, (1, 1)), (5, 4, 1, 1, (1, 2)), (6, 3, 2, 1, (0, 1)), (5, 1, 3, 1, (0, 0)), (7, 3, 1, 2, (2, 2))],
    ids=["odd", "even-window", "stride", "nothing", "dilated"],
)
def test_same_pads_the_odd_one_at_the_high_end(n, f, stride, dilation, pads):
    where = window("conv", (n,), (f,), padding="SAME", stride=stride, dilation=dilation)
    assert where.padding == (pads,)
    assert where.output == (-(-n // stride),)


@pytest.mark.parametrize(
    ("padding", "stride", "output"),
    [("VALID", 2, 9), ("VALID", 5, 20), ("SAME", 2, 8), (1, 2, 7), ([(1, 0)], 2, 8), ([(1, -1)], 2, 9)],
    ids=["valid", "valid-stride-beyond-window", "same", "both-ends", "low", "output-padding"],
)
def test_the_output_of_a_transposed_convolution(padding, stride, output):
    """Four inputs, three taps: (n - 1) s + f - low - high; a negative high is PyTorch's output_padding."""
    where = transposed_window("conv_transpose", (4,), (3,), stride=stride, padding=padding, dilation=1, groups=1)
    assert where.input == (output,)
    assert where.output == (4,)


def test_settings_may_be_numpy_integers_and_lists():
    assert window("conv", (5, 6), (2, 2), stride=[np.int64(2), 1], padding=np.int32(1)).stride == (2, 1)
    assert per_axis("conv", "stride", np.int64(3), 2) == (3, 3)
    assert padding_pairs("conv", [[0, np.int64(1)]], (5,), (2,), (1,), (1,)) == ((0, 1),)


def test_a_window_is_static():
    """Equal settings give equal, hashable windows: one compilation for both."""
    assert hash(window("conv", (5,), (3,), padding="SAME")) == hash(window("conv", (5,), (3,), padding=1))
    assert window("conv", (5,), (3,), padding="SAME") == window("conv", (5,), (3,), padding=[(1, 1)])


@pytest.mark.parametrize("stride", [True, "2", None, 2.0, (1.0,)])
def test_a_setting_that_is_no_integer_is_refused(stride):
    with refuses(TypeError, "conv: ", "stride", repr(stride), "integer"):
        window("conv", (5,), (3,), stride=stride)


def test_an_empty_axis_is_refused():
    with refuses(ValueError, "conv: ", "spatial axis 1", "empty"):
        window("conv", (5, 0), (1, 1))
