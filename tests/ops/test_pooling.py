"""Pools: the winner's share, everybody's share, ties, overlaps, remainders, padding, dilation."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from jaxcnn import ops, reference
from jaxcnn.ops.geometry import window
from jaxcnn.ops.pooling import pick, put_back
from tests import oracles
from tests.ops.checks import DTYPES, adjoint, agrees, agrees_to_second_order, exact, integers, normal, refuses, run
from tests.ops.windows import WINDOWS, rows

INF, NAN = float("inf"), float("nan")
IMAGE = np.float32([[4, 5, 2, 2], [6, 3, 7, 1], [9, 7, 5, 2], [2, 5, 1, 4]])[None, :, :, None]  # seed 2, 1.2
UPSTREAM = np.float32([[1, 2], [3, 4]])[None, :, :, None]
ALL_DTYPES = ("1d", "2d-everything", "3d-everything")


def signal(*values):
    return np.float32(values).reshape(1, -1, 1)


def both(pool, x, *dy):
    """The pool of one signal and its gradient, as two lists."""
    return [leaf.ravel().tolist() for leaf in run(pool, [signal(*x)], signal(*dy))]


def test_max_pool_by_hand():
    """The picture of seed 2, section 1.2, completed: output (6 7 / 9 5), and the cotangents at the four winners."""
    y, dx = run(lambda x: ops.max_pool(x, 2), [IMAGE], UPSTREAM)
    np.testing.assert_array_equal(y[0, :, :, 0], [[6, 7], [9, 5]])
    np.testing.assert_array_equal(dx[0, :, :, 0], [[0, 0, 0, 0], [1, 0, 2, 0], [3, 0, 4, 0], [0, 0, 0, 0]])


def test_avg_pool_by_hand():
    """The same picture, averaged; a quarter of each cotangent to every input of its window (seed 0)."""
    y, dx = run(lambda x: ops.avg_pool(x, 2), [IMAGE], UPSTREAM)
    np.testing.assert_array_equal(y[0, :, :, 0], [[4.5, 3], [5.75, 3]])
    np.testing.assert_array_equal(
        dx[0, :, :, 0],
        [[0.25, 0.25, 0.5, 0.5], [0.25, 0.25, 0.5, 0.5], [0.75, 0.75, 1, 1], [0.75, 0.75, 1, 1]],
    )
    assert ops.global_avg_pool(IMAGE).tolist() == [[65 / 16]]


@pytest.mark.parametrize(
    ("x", "taps", "stride", "y", "dx"),
    [
        ((1, 3, 2), 2, 1, (3, 3), (0, 30, 0)),
        ((5, 1, 4, 2, 3), 2, 1, (5, 4, 4, 3), (10, 0, 50, 0, 40)),
        ((2, 9, 1, 8, 3, 7), 2, 1, (9, 9, 8, 8, 7), (0, 30, 0, 70, 0, 50)),
        ((3, 1, 2, 0, 1), 3, 1, (3, 2, 2), (10, 0, 50, 0, 0)),
        ((1, 2, 3, 4, 5), 2, 2, (2, 4), (0, 10, 0, 20, 0)),
        ((7, 1, 5, 3, 9, 2, 8), 3, 2, (7, 9, 9), (10, 0, 0, 0, 50, 0, 0)),
    ],
    ids=["both-windows", "overlap", "overlap-long", "three-taps", "remainder", "stride-2"],
)
def test_overlapping_windows_add_at_their_winner(x, taps, stride, y, dx):
    """Seed 1, question 2, as it should read: the sum over all windows that x_i wins (upstream 10, 20, 30, ...)."""

    upstream = (10 * (i + 1) for i in range(len(y)))
    assert both(lambda x: ops.max_pool(x, taps, stride=stride), x, *upstream) == [list(y), list(dx)]


@pytest.mark.parametrize("name", WINDOWS)
def test_max_pool_and_its_gradient_equal_the_oracle_at_every_tie(name):
    """Seven different integers: most windows hold their maximum more than once."""
    input, size, where = WINDOWS[name]
    where = {"stride": 1} | where
    x = integers(2, *input, 3)
    y, _ = oracles.max_pool(x, size, **where)
    dy = integers(*y.shape, seed=2)
    dx = oracles.max_pool_dx(x, dy, size, **where)
    exact(lambda x: ops.max_pool(x, size, **where), (x,), dy, (y, dx), DTYPES if name in ALL_DTYPES else [jnp.float32])


@pytest.mark.parametrize(
    ("size", "where"),
    [
        ((2, 2), {}),
        ((2, 2), {"stride": 1, "padding": "SAME"}),
        ((1, 4), {"stride": (2, 1), "padding": ((0, 0), (2, -1))}),
        ((2, 2), {"stride": (3, 2), "dilation": 2, "padding": 1}),
    ],
    ids=["2x2", "overlap-padded", "cropped", "dilated-remainder"],
)
def test_avg_pool_and_its_gradient_equal_the_oracle(size, where):
    """Windows of four inputs: the quotients are exact in every dtype."""
    x = integers(2, 5, 6, 3)
    total = oracles.pool_sum(x, size, **({"stride": size} | where))
    dy = integers(*total.shape, seed=2)
    dx = oracles.pool_sum_dx(dy, size, (5, 6), **({"stride": size} | where))
    exact(lambda x: ops.avg_pool(x, size, **where), (x,), dy, (total / 4, dx / 4))


def test_avg_pool_without_padding_divides_by_the_inputs_it_sees():
    windows = {"stride": 1, "padding": 1}
    assert both(lambda x: ops.avg_pool(x, 2, **windows), (4, 8, 12), 1, 2, 4, 8) == [[2, 6, 10, 6], [1.5, 3, 6]]
    seen = windows | {"count_include_pad": False}
    assert both(lambda x: ops.avg_pool(x, 2, **seen), (4, 8, 12), 1, 2, 4, 8) == [[4, 6, 10, 12], [2, 3, 10]]


@settings(max_examples=14, deadline=None, derandomize=True)
@given(rows(dilated=False, sees_input=True))
def test_max_pool_agrees_with_the_reference(row):
    input, size, where = row
    agrees(
        lambda x: ops.max_pool(x, size, **where), lambda x: reference.max_pool(x, size, **where), normal(2, *input, 2)
    )


@settings(max_examples=8, deadline=None, derandomize=True)
@given(rows(sees_input=True))
def test_max_pool_with_dilation_equals_the_oracle(row):
    """JAX cannot differentiate these; the oracle walks over every window."""
    input, size, where = row
    x = np.asarray(normal(2, *input, 2))
    y, _ = oracles.max_pool(x, size, **where)
    dy = integers(*y.shape)
    dx = oracles.max_pool_dx(x, dy, size, **where)
    exact(lambda x: ops.max_pool(x, size, **where), (x,), dy, (y, dx), [jnp.float64])
    np.testing.assert_array_equal(reference.max_pool(jnp.asarray(x), size, **where), y)


@pytest.mark.parametrize("count_include_pad", [True, False], ids=["padding-counts", "padding-does-not-count"])
@settings(max_examples=10, deadline=None, derandomize=True)
@given(row=rows(sees_input=True))
def test_avg_pool_agrees_with_the_reference(row, count_include_pad):
    input, size, where = row
    where = where | {"count_include_pad": count_include_pad}
    x = normal(2, *input, 2)
    agrees(
        lambda x: ops.avg_pool(x, size, **where),
        lambda x: reference.avg_pool(x, size, **where),
        x,
        multilinear=True,
    )


@pytest.mark.parametrize("shape", [(2, 5, 3), (2, 4, 3, 2), (1, 2, 3, 2, 2)], ids=["1d", "2d", "3d"])
def test_global_avg_pool_agrees_with_the_reference(shape):
    agrees(ops.global_avg_pool, reference.global_avg_pool, normal(*shape), multilinear=True)


@pytest.mark.parametrize("pool", [ops.global_avg_pool, lambda x: ops.avg_pool(x, 8, stride=1)], ids=["global", "whole"])
def test_an_average_of_the_whole_image_adds_no_term_for_each_tap(pool):
    program = str(jax.make_jaxpr(jax.grad(lambda x: pool(x).sum()))(np.ones((2, 8, 8, 3), np.float32)))
    assert "reduce_sum" in program
    assert not re.search(r"\badd\b", program)


def test_the_linear_maps_and_their_transposes_are_adjoint():
    where = {"stride": 1, "padding": ((1, 0), (-1, 2)), "dilation": (1, 2)}
    adjoint(lambda x: 6 * ops.avg_pool(x, (2, 3), **where), 2, 5, 6, 2)
    adjoint(lambda x: 4 * ops.global_avg_pool(x), 2, 2, 2, 3)
    geometry = window("max_pool", (5, 6), (2, 3), **where)
    winner = np.int8(np.random.default_rng(0).integers(0, 6, (2, *geometry.output, 2)))
    adjoint(lambda x: pick(winner, x, window=geometry), 2, 5, 6, 2)
    adjoint(lambda y: put_back(winner, y, window=geometry), *winner.shape)


@pytest.mark.parametrize(
    ("layer", "where"),
    [
        ("max_pool", {"window": 2, "stride": 1, "padding": "SAME"}),
        ("avg_pool", {"window": 2, "stride": 1, "padding": 1, "count_include_pad": False}),
        ("global_avg_pool", {}),
    ],
    ids=["max_pool", "avg_pool", "global_avg_pool"],
)
def test_a_pool_after_a_tanh_agrees_to_second_order(layer, where):
    hand, auto = (lambda x, m=module: getattr(m, layer)(jnp.tanh(x), **where) for module in (ops, reference))
    agrees_to_second_order(hand, auto, normal(2, 4, 3, 2))


@pytest.mark.parametrize(
    ("x", "where", "y", "dx"),
    [
        ((2, 2, 1), {}, (2, 2), (10, 20, 0)),
        ((1, 1, 1), {}, (1, 1), (10, 20, 0)),
        ((0.0, -0.0, 0.0), {}, (0, 0), (10, 20, 0)),
        ((1, NAN, 5), {}, (NAN, NAN), (0, 30, 0)),
        ((NAN, NAN, INF), {}, (NAN, NAN), (10, 20, 0)),
        ((INF, 1, INF), {}, (INF, INF), (10, 0, 20)),
        ((-INF, -INF, -INF), {}, (-INF, -INF), (10, 20, 0)),
        ((-1, -2, -3), {"padding": 1}, (-1, -1, -2, -3), (30, 30, 40)),
        ((-INF, -INF, 0), {"padding": 1}, (-INF, -INF, 0, 0), (30, 0, 70)),
    ],
    ids=["first", "constant", "signed-zeros", "nan", "first-nan", "inf", "minus-inf", "padding", "padding-minus-inf"],
)
def test_the_first_winner_takes_all_nan_wins_and_padding_never_does(x, where, y, dx):
    upstream = (10 * (i + 1) for i in range(len(y)))
    got = both(lambda x: ops.max_pool(x, 2, stride=1, **where), x, *upstream)
    np.testing.assert_array_equal(got[0], y)
    assert got[1] == list(dx)


def test_the_first_winner_is_first_in_row_major_order():
    x = np.float32([[0, 1], [1, 0]])[None, :, :, None]
    _, dx = run(lambda x: ops.max_pool(x, 2), [x], np.ones((1, 1, 1, 1), np.float32))
    np.testing.assert_array_equal(dx[0, :, :, 0], [[0, 1], [0, 0]])


def test_a_window_of_more_than_128_taps_finds_its_last_tap():
    assert both(lambda x: ops.max_pool(x, 144), range(144), 1) == [[143], [0] * 143 + [1]]


@pytest.mark.parametrize(("taps", "kept"), [(2, jnp.int8), (144, jnp.int16)], ids=["2-taps", "144-taps"])
def test_max_pool_keeps_one_index_per_output_and_not_its_input(taps, kept):
    x = jax.ShapeDtypeStruct((1, 144, 1), np.float32)
    _, backward = jax.eval_shape(lambda x: jax.vjp(lambda x: ops.max_pool(x, taps), x), x)
    assert [(leaf.dtype, leaf.shape) for leaf in jax.tree.leaves(backward)] == [(kept, (1, 144 // taps, 1))]


def test_inputs_that_no_window_reaches_get_gradient_zero():
    assert both(lambda x: ops.max_pool(x, 2), (1, 2, 3, 4, 9), 1, 1)[1] == [0, 1, 0, 1, 0]
    assert both(lambda x: ops.avg_pool(x, 2, stride=3), (1, 2, 3, 4, 5, 6), 2, 4)[1] == [1, 1, 0, 2, 2, 0]


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16], ids=["bfloat16", "float16"])
def test_half_precision_sums_are_carried_in_float32(dtype):
    """Whatever the order of the sum, 256 + 1 + 1 + 1 carried in bfloat16 loses the ones (float16: 2,048)."""
    big = 2 / float(jnp.finfo(dtype).eps)
    peak = np.asarray([0, 0, 0, 4, 0, 0, 0], dtype).reshape(1, 7, 1)
    for values in ([big, 1, 1, 1], [1, 1, 1, big]):
        four = np.asarray(values, dtype).reshape(1, 4, 1)
        y, _ = run(ops.global_avg_pool, [four], np.ones((1, 1), dtype))
        assert float(y[0, 0]) == (big + 4) / 4
        for pool, count in ((ops.max_pool, 1), (ops.avg_pool, 4)):
            _, dx = run(lambda x, pool=pool: pool(x, 4, stride=1), [peak], four)
            assert float(dx[0, 3, 0]) == (big + 4) / count


def image(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


MISTAKES = {
    "no-channel-axis": (ValueError, image(5, 5), 2, {}, ["x[5, 5]", "x[..., None]"]),
    "window-too-large": (ValueError, image(1, 3, 5, 1), 4, {}, ["spans 4", "axis 0", "only 3", "smaller window"]),
    "window-zero": (ValueError, image(1, 3, 1), 0, {}, ["window", "at least 1", "0"]),
    "window-float": (TypeError, image(1, 3, 1), 2.0, {}, ["window", "integer", "2.0"]),
    "window-entries": (ValueError, image(1, 3, 1), (2, 2), {}, ["window=(2, 2)", "1 spatial"]),
    "stride-zero": (ValueError, image(1, 3, 1), 2, {"stride": 0}, ["stride", "at least 1", "0"]),
    "dilation-zero": (ValueError, image(1, 3, 1), 2, {"dilation": 0}, ["dilation", "at least 1", "0"]),
    "padding-word": (ValueError, image(1, 3, 1), 2, {"padding": "valid"}, ["'valid'", '"VALID"']),
    "padding-crops-all": (ValueError, image(1, 3, 1), 1, {"padding": -3}, ["(-3, -3)", "3 positions", "at least one"]),
    "integer-images": (TypeError, image(1, 3, 1, dtype=jnp.uint8), 2, {}, ["x is uint8", "astype"]),
    "empty-batch": (ValueError, image(0, 3, 1), 2, {}, ["batch is empty", "x[0, 3, 1]"]),
}


@pytest.mark.parametrize("layer", ["max_pool", "avg_pool"])
@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_value_rule_and_remedy(layer, name):
    error, x, taps, where, words = MISTAKES[name]
    with refuses(error, f"{layer}: ", *words):
        getattr(ops, layer)(x, taps, **where)


@pytest.mark.parametrize("layer", ["max_pool", "avg_pool"])
def test_a_window_that_sees_padding_only_is_refused(layer):
    where = {"count_include_pad": False} if layer == "avg_pool" else {}
    with refuses(ValueError, f"{layer}: ", "(2, 2)", "output 0", "padding only", "pad less"):
        getattr(ops, layer)(image(1, 3, 1), 2, stride=1, padding=2, **where)


def test_a_mistake_in_a_global_average_is_named():
    with refuses(ValueError, "global_avg_pool: ", "x[2, 3]", "spatial"):
        ops.global_avg_pool(image(2, 3))
