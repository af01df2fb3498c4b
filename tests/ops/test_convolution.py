"""Convolution and its transpose: three contractions of one trilinear form, and the bias."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn import ops, reference
from jaxcnn.ops.convolution import conv_dw, conv_dx, conv_y
from jaxcnn.ops.geometry import window
from tests import oracles
from tests.ops.checks import (
    DTYPES,
    adjoint,
    agrees,
    agrees_to_second_order,
    contracted,
    exact,
    integers,
    normal,
    refuses,
    run,
)
from tests.ops.windows import CONVS, GROUPS, rows

ALL_DTYPES = ("1d-dense", "2d-everything-depthwise", "3d-everything-groups")
TRANSPOSED = [name for name in CONVS if "beyond-window" not in name]


def test_conv_by_hand():
    """Seed 3, exercise 3: a 6 x 6 image, two filters; the tables printed there."""
    image = [[0] * 6, [0, 1, 2, 0, 3, 0], [0, 1, 2, 0, 1, 0], [0, 4, 1, 1, 2, 0], [0, 0, 0, 2, 1, 0], [0] * 6]
    filters = [[[0, 1, 0], [1, 0, 1], [0, 1, 0]], [[0, 1, 1], [0, 1, 0], [1, 1, 0]]]
    printed = [
        [[3, 3, 5, 1], [7, 4, 4, 5], [2, 7, 5, 3], [4, 3, 2, 4]],
        [[2, 5, 2, 4], [8, 9, 5, 7], [7, 3, 4, 6], [5, 2, 5, 3]],
    ]
    x, kernel = np.float32(image)[None, :, :, None], np.moveaxis(np.float32(filters), 0, -1)[:, :, None, :]
    y = ops.conv(x, kernel)
    np.testing.assert_array_equal(np.moveaxis(np.asarray(y[0]), -1, 0), printed)
    pooled = np.moveaxis(np.asarray(ops.max_pool(ops.relu(y), 2)[0]), -1, 0)
    np.testing.assert_array_equal(pooled, [[[7, 5], [7, 5]], [[9, 7], [7, 6]]])


def test_conv_is_the_matrix_of_seed_4_question_5_and_its_gradient_the_transpose():
    """Two channels of four inputs, two filters of three taps; w[i][j] leads from channel i to channel j."""
    w = np.float32([[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]])  # [c, k, tap]
    x, dy = np.float32([[1, -2, 3, 0], [2, 1, -1, 4]]).T[None], np.float32([[1, -2], [3, 5]]).T[None]
    y, dx = run(lambda x: ops.conv(x, np.transpose(w, (2, 0, 1))), [x], dy)
    np.testing.assert_array_equal(y[0].T, [[19, 39], [31, 54]])
    np.testing.assert_array_equal(dx[0].T, [[13, 35, 42, 24], [37, 77, 84, 42]])


def test_conv_transpose_by_hand():
    """Each input spreads its copy of the kernel, two apart; where copies meet they add."""
    x, kernel = np.float32([1, 10]).reshape(1, 2, 1), np.float32([1, 2, 3]).reshape(3, 1, 1)
    assert ops.conv_transpose(x, kernel, stride=2).ravel().tolist() == [1, 2, 13, 20, 30]


@pytest.mark.parametrize("name", CONVS)
def test_conv_and_its_gradients_equal_the_integer_oracle(name):
    input, size, settings = CONVS[name]
    x, kernel = integers(2, *input, 4), integers(*size, 4 // settings.get("groups", 1), 8, seed=1)
    y = oracles.conv(x, kernel, **settings)
    dy = integers(*y.shape, seed=2)
    dx, dw = oracles.conv_dx(dy, kernel, input, **settings), oracles.conv_dw(x, dy, size, **settings)
    dtypes = DTYPES if name in ALL_DTYPES else [jnp.float32]
    exact(lambda x, w: ops.conv(x, w, **settings), (x, kernel), dy, (y, dx, dw), dtypes)


@pytest.mark.parametrize("name", TRANSPOSED)
def test_conv_transpose_and_its_gradients_equal_the_integer_oracle(name):
    input, size, settings = CONVS[name]
    x, kernel = integers(2, *input, 8), integers(*size, 4 // settings.get("groups", 1), 8, seed=1)
    y = oracles.conv_transpose(x, kernel, **settings)
    dy = integers(*y.shape, seed=2)
    dx = oracles.conv_transpose_dx(dy, kernel, input, **settings)
    dw = oracles.conv_transpose_dw(x, dy, size, **settings)
    dtypes = DTYPES if name in ALL_DTYPES else [jnp.float32]
    exact(lambda x, w: ops.conv_transpose(x, w, **settings), (x, kernel), dy, (y, dx, dw), dtypes)


@pytest.mark.parametrize("bias", [(3,), (4, 5, 3)], ids=["per-channel", "per-position"])
@pytest.mark.parametrize("layer", ["conv", "conv_transpose"])
def test_bias_and_its_gradient_equal_the_integer_oracle(layer, bias):
    shape = {"conv": (2, 5, 6, 2), "conv_transpose": (2, 3, 4, 2)}[layer]
    kernel = integers(2, 2, *{"conv": (2, 3), "conv_transpose": (3, 2)}[layer])
    x, b, dy = integers(*shape), integers(*bias, seed=1), integers(2, 4, 5, 3, seed=2)
    y = getattr(oracles, layer)(x, kernel)
    function = getattr(ops, layer)
    exact(
        lambda b: function(jnp.asarray(x, b.dtype), jnp.asarray(kernel, b.dtype), b),
        (b,),
        dy,
        (y + b, oracles.bias_db(dy, bias)),
    )


@st.composite
def convolutions(draw):
    """A window, groups, the number of features (few and many take different forms), and the form of the bias."""
    input, size, where = draw(rows())
    where = where | draw(st.sampled_from(list(GROUPS.values())))
    return input, size, where, draw(st.sampled_from([8, 16])), draw(st.sampled_from(["none", "channel", "position"]))


def arrays_with_bias(layer, x, kernel, bias, where):
    """x, kernel and, if wanted, a bias of the form named."""
    y = jax.eval_shape(lambda x, w: layer(x, w, **where), x, kernel)
    return [x, kernel, *({"channel": [normal(y.shape[-1])], "position": [normal(*y.shape[1:])]}.get(bias, []))]


@settings(max_examples=16, deadline=None, derandomize=True)
@given(convolutions())
def test_conv_agrees_with_the_reference(case):
    input, size, where, k, bias = case
    x, kernel = normal(2, *input, 4), normal(*size, 4 // where.get("groups", 1), k)
    arrays = arrays_with_bias(reference.conv, x, kernel, bias, where)
    agrees(lambda *a: ops.conv(*a, **where), lambda *a: reference.conv(*a, **where), *arrays, multilinear=True)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(convolutions())
def test_conv_transpose_agrees_with_the_reference(case):
    input, size, where, k, bias = case
    output, _ = oracles.transposed(
        input, size, *(where.get(k, v) for k, v in (("stride", 1), ("padding", 0), ("dilation", 1)))
    )
    where = where if min(output) > 0 else where | {"padding": "VALID"}
    x, kernel = normal(2, *input, k), normal(*size, 4 // where.get("groups", 1), k)
    arrays = arrays_with_bias(reference.conv_transpose, x, kernel, bias, where)
    agrees(
        lambda *a: ops.conv_transpose(*a, **where),
        lambda *a: reference.conv_transpose(*a, **where),
        *arrays,
        multilinear=True,
    )


SETTINGS = {"stride": (2, 1), "padding": ((1, 0), (-1, 2)), "dilation": (1, 2), "groups": 2}
X, KERNEL, BIAS = (2, 5, 6, 4), (3, 2, 2, 4), (2, 5, 4)


def test_each_of_the_three_contractions_is_the_adjoint_of_the_others():
    where = window("conv", X[1:-1], KERNEL[:-2], **SETTINGS)
    x, kernel, dy = (np.float64(integers(*shape)) for shape in (X, KERNEL, (2, *where.output, 4)))
    adjoint(lambda x: conv_y(x, kernel, window=where), *X)
    adjoint(lambda kernel: conv_y(x, kernel, window=where), *KERNEL)
    adjoint(lambda dy: conv_dx(dy, kernel, window=where), *dy.shape)
    adjoint(lambda kernel: conv_dx(dy, kernel, window=where), *KERNEL)
    adjoint(lambda dy: conv_dw(x, dy, window=where), *dy.shape)
    adjoint(lambda x: conv_dw(x, dy, window=where), *X)
    y, dx, dw = run(lambda x, kernel: conv_y(x, kernel, window=where), [x, kernel], dy)
    assert np.vdot(y, dy) == np.vdot(x, dx) == np.vdot(kernel, dw)


def test_conv_agrees_to_second_order():
    hand, auto = (lambda *a, f=module.conv: f(*a, **SETTINGS) for module in (ops, reference))
    agrees_to_second_order(hand, auto, normal(*X), normal(*KERNEL), normal(*BIAS))


def test_conv_transpose_agrees_to_second_order():
    hand, auto = (lambda *a, f=module.conv_transpose: f(*a, stride=2, groups=2) for module in (ops, reference))
    agrees_to_second_order(hand, auto, normal(2, 2, 3, 4), normal(3, 2, 2, 4), normal(4))


def test_conv_agrees_to_third_order():
    """tanh makes the third derivative more than the trilinear form's own."""
    hand, auto = (lambda *a, f=module.conv: jnp.tanh(f(*a, stride=2)) for module in (ops, reference))
    x, kernel = normal(1, 5, 2), normal(2, 2, 2)
    dy = normal(1, 2, 2, seed=10)
    agrees(contracted(contracted(hand)), contracted(contracted(auto)), x, kernel, dy, normal(), bound=1e-11)


def test_inputs_that_no_window_reaches_get_gradient_zero():
    x = normal(1, 8, 1)
    for taps, reached in ((2, [1, 1, 0, 1, 1, 0, 1, 1]), (3, [1, 1, 1, 1, 1, 1, 0, 0])):
        y = (8 - taps) // 3 + 1
        _, dx = run(lambda x, taps=taps: ops.conv(x, np.ones((taps, 1, 1)), stride=3), [x], np.ones((1, y, 1)))
        assert dx.ravel().tolist() == reached


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16], ids=["bfloat16", "float16"])
def test_half_precision_sums_are_carried_in_float32(dtype):
    """5,000 ones: a sum carried in bfloat16 stops at 256, in float16 at 2,048."""
    want = float(np.asarray(5000, dtype))
    ones = partial(np.ones, dtype=dtype)
    y, dx, dw, db = run(ops.conv, [ones((1, 100, 50, 1)), ones((1, 1, 1, 1)), ones(1)], ones((1, 100, 50, 1)))
    assert (float(dw.squeeze()), float(db.squeeze())) == (want, want)
    y, dx, dw = run(ops.conv, [ones((1, 1, 5000)), ones((1, 5000, 1))], ones((1, 1, 1)))
    assert float(y.squeeze()) == want
    y, dx, dw = run(ops.conv_transpose, [ones((1, 1, 5000)), ones((1, 1, 5000))], ones((1, 1, 1)))
    assert float(y.squeeze()) == want
    y, dx, dw = run(ops.conv, [ones((1, 1, 1)), ones((1, 1, 5000))], ones((1, 1, 5000)))
    assert float(dx.squeeze()) == want


def image(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


MISTAKES = {
    "no-batch-axis": (ValueError, (image(5, 5), image(3, 3, 1, 1)), {}, ["x[5, 5]", "x[None]"]),
    "four-spatial-axes": (ValueError, (image(1, 2, 2, 2, 2, 1), image(1, 1, 1, 1, 1, 1)), {}, ["x[1, 2, 2, 2, 2, 1]"]),
    "kernel-of-other-rank": (ValueError, (image(1, 5, 5, 1), image(3, 1, 1)), {}, ["kernel[3, 1, 1]", "[*window"]),
    "channels": (
        ValueError,
        (image(2, 8, 8, 3), image(3, 3, 8, 16)),
        {},
        ["3 channels", "expects 8", "kernel[3, 3, 8, 16]"],
    ),
    "channels-and-groups": (
        ValueError,
        (image(2, 8, 8, 4), image(3, 3, 4, 8)),
        {"groups": 2},
        ["4 channels", "groups=2"],
    ),
    "groups-do-not-divide": (
        ValueError,
        (image(2, 8, 8, 4), image(3, 3, 2, 5)),
        {"groups": 2},
        ["groups=2", "5", "divide"],
    ),
    "groups-zero": (ValueError, (image(2, 8, 1), image(3, 1, 1)), {"groups": 0}, ["groups", "at least 1", "0"]),
    "groups-float": (TypeError, (image(2, 8, 1), image(3, 1, 1)), {"groups": 1.0}, ["groups", "integer", "1.0"]),
    "kernel-too-large": (
        ValueError,
        (image(2, 4, 9, 1), image(5, 1, 1, 1)),
        {},
        ["axis 0", "5", "4", "smaller", "padding"],
    ),
    "dilated-kernel-too-large": (
        ValueError,
        (image(2, 4, 1), image(3, 1, 1)),
        {"dilation": 2},
        ["spans 5", "dilation 2"],
    ),
    "stride-zero": (ValueError, (image(2, 4, 1), image(3, 1, 1)), {"stride": 0}, ["stride", "at least 1", "0"]),
    "stride-negative": (ValueError, (image(2, 4, 4, 1), image(3, 3, 1, 1)), {"stride": (1, -2)}, ["stride", "-2"]),
    "stride-float": (TypeError, (image(2, 4, 1), image(3, 1, 1)), {"stride": 1.5}, ["stride", "integer", "1.5"]),
    "stride-entries": (
        ValueError,
        (image(2, 4, 1), image(3, 1, 1)),
        {"stride": (1, 1)},
        ["stride=(1, 1)", "1 spatial"],
    ),
    "dilation-zero": (ValueError, (image(2, 4, 1), image(3, 1, 1)), {"dilation": 0}, ["dilation", "at least 1"]),
    "padding-word": (
        ValueError,
        (image(2, 4, 1), image(3, 1, 1)),
        {"padding": "same"},
        ["'same'", '"SAME"', '"VALID"'],
    ),
    "padding-float": (TypeError, (image(2, 4, 1), image(3, 1, 1)), {"padding": 0.5}, ["padding", "0.5"]),
    "padding-not-pairs": (TypeError, (image(2, 4, 4, 1), image(3, 3, 1, 1)), {"padding": (1, 1)}, ["padding", "pair"]),
    "padding-entries": (
        ValueError,
        (image(2, 4, 4, 1), image(3, 3, 1, 1)),
        {"padding": [(1, 1)]},
        ["padding", "2 spatial"],
    ),
    "padding-crops-all": (
        ValueError,
        (image(2, 4, 1), image(1, 1, 1)),
        {"padding": [(-2, -2)]},
        ["(-2, -2)", "4", "at least one"],
    ),
    "padding-crops-too-much": (ValueError, (image(2, 4, 1), image(3, 1, 1)), {"padding": -1}, ["(-1, -1)", "spans 3"]),
    "integer-images": (TypeError, (image(2, 4, 1, dtype=jnp.uint8), image(3, 1, 1)), {}, ["x is uint8", "astype"]),
    "integer-kernel": (TypeError, (image(2, 4, 1), image(3, 1, 1, dtype=jnp.int32)), {}, ["kernel is int32", "astype"]),
    "mixed-dtypes": (
        TypeError,
        (image(2, 4, 1), image(3, 1, 1, dtype=jnp.bfloat16)),
        {},
        ["float32", "bfloat16", "astype"],
    ),
    "mixed-bias": (
        TypeError,
        (image(2, 4, 1), image(3, 1, 1), image(1, dtype=jnp.float16)),
        {},
        ["x is float32", "bias is float16"],
    ),
    "bias-shape": (ValueError, (image(2, 4, 1), image(3, 1, 1), image(3)), {}, ["shape [1]", "[2, 1]", "bias[3]"]),
    "empty-batch": (ValueError, (image(0, 4, 1), image(3, 1, 1)), {}, ["batch is empty", "x[0, 4, 1]"]),
    "empty-axis": (ValueError, (image(2, 0, 1), image(3, 1, 1)), {}, ["empty", "x[2, 0, 1]"]),
    "empty-kernel": (ValueError, (image(2, 4, 1), image(3, 1, 0)), {}, ["kernel[3, 1, 0]", "empty"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_value_rule_and_remedy(name):
    error, arrays, where, words = MISTAKES[name]
    with refuses(error, "conv: ", *words):
        ops.conv(*arrays, **where)


@pytest.mark.parametrize(
    ("arrays", "where", "words"),
    [
        ((image(2, 4, 3), image(3, 1, 2)), {}, ["3 channels", "expects 2"]),
        ((image(2, 2, 1), image(2, 1, 1)), {"padding": 2}, ["(2, 2)", "no output", "pad less"]),
        ((image(2, 2, 1), image(2, 1, 1)), {"padding": "full"}, ["'full'", '"SAME"']),
        ((image(2, 2, 1), image(2, 1, 1), image(2)), {}, ["shape [1]", "[3, 1]", "bias[2]"]),
    ],
    ids=["channels", "padding-leaves-nothing", "padding-word", "bias-shape"],
)
def test_a_mistake_in_a_transposed_convolution_is_named(arrays, where, words):
    with refuses(ValueError, "conv_transpose: ", *words):
        ops.conv_transpose(*arrays, **where)
