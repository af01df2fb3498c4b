"""Activations: value, slope, the convention at the kink, and what happens far out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn import ops, reference
from tests.ops.checks import DTYPES, agrees, agrees_to_second_order, contracted, exact, integers, normal, refuses, run

NAMES = ("relu", "leaky_relu", "sigmoid", "tanh", "identity")
LINE = np.float64([-3, -1, -0.5, 0, 0.25, 1, 2])


def test_relu_by_hand():
    """Seed 0, exercise 2: max(0, x), slope 1 above zero and 0 elsewhere; at 0 the convention is 0."""
    y, dx = run(ops.relu, [np.float32([-2, 0, 3])], np.float32([5, 7, 11]))
    assert (y.tolist(), dx.tolist()) == ([0, 0, 3], [0, 0, 11])


def test_leaky_relu_by_hand():
    """Seed 0, exercise 2, slope 0.1; at 0 the convention is 1."""
    y, dx = run(ops.leaky_relu, [np.float64([-2, 0, 3])], np.float64([5, 7, 11]))
    assert (y.tolist(), dx.tolist()) == ([-0.2, 0, 3], [0.5, 7, 11])
    assert ops.leaky_relu(np.float32([-2]), negative_slope=0.25).tolist() == [-0.5]


def test_sigmoid_by_hand():
    """sigmoid(ln 3) = 3 / 4, with slope 3 / 4 * 1 / 4."""
    y, dx = run(ops.sigmoid, [np.log([1.0, 3, 1 / 3])], np.float64([1, 1, 1]))
    np.testing.assert_allclose(y, [1 / 2, 3 / 4, 1 / 4], rtol=1e-15)
    np.testing.assert_allclose(dx, [1 / 4, 3 / 16, 3 / 16], rtol=1e-15)


def test_tanh_by_hand():
    """Seed 4, question 1: tanh' = 1 - tanh^2; tanh(ln 2) = 3 / 5."""
    y, dx = run(ops.tanh, [np.log([1.0, 2, 1 / 2])], np.float64([1, 1, 1]))
    np.testing.assert_allclose(y, [0, 3 / 5, -3 / 5], rtol=1e-15, atol=1e-16)
    np.testing.assert_allclose(dx, [1, 16 / 25, 16 / 25], rtol=1e-15)


def test_relu_and_identity_equal_the_integer_oracle():
    x, dy = integers(4, 9), integers(4, 9, seed=1)
    exact(ops.relu, (x,), dy, (np.maximum(x, 0), dy * (x > 0)))
    exact(ops.identity, (x,), dy, (x, dy))
    exact(
        lambda x: ops.leaky_relu(x, negative_slope=0.5),
        (x,),
        dy,
        (np.where(x < 0, x / 2, x), np.where(x < 0, dy / 2, dy)),
    )


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=4, deadline=None, derandomize=True)
@given(values=st.lists(st.floats(-40, 40), min_size=6, max_size=6))
def test_an_activation_agrees_with_the_reference(name, values):
    agrees(getattr(ops, name), getattr(reference, name), np.float64([*values, *LINE]))


@settings(max_examples=4, deadline=None, derandomize=True)
@given(st.sampled_from([0.0, 0.1, 0.3, 1.0, 2.0, -0.5]))
def test_leaky_relu_agrees_with_the_reference_at_any_slope(slope):
    hand, auto = (lambda x, m=module: m.leaky_relu(x, negative_slope=slope) for module in (ops, reference))
    agrees(hand, auto, LINE)


@pytest.mark.parametrize("name", NAMES)
def test_an_activation_agrees_to_second_order(name):
    """Squared before and after, so that no second derivative is zero throughout."""
    hand, auto = (lambda x, m=module: getattr(m, name)(x * x - 1) ** 2 for module in (ops, reference))
    agrees_to_second_order(hand, auto, normal(9))


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_a_smooth_activation_agrees_to_third_order(name):
    hand, auto = (contracted(contracted(getattr(module, name))) for module in (ops, reference))
    agrees(hand, auto, normal(5), normal(5, seed=1), normal(seed=2), bound=1e-11)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_an_activation_is_finite_far_out_and_keeps_the_dtype(name, dtype):
    far = np.asarray([-1e4, -1e3, -90, -20, -1, 0, 1, 20, 90, 1e3, 1e4], dtype)
    y, dx = run(getattr(ops, name), [far], np.ones_like(far))
    assert y.dtype == dx.dtype == dtype
    assert np.isfinite(np.float64(y)).all()
    assert np.isfinite(np.float64(dx)).all()
    assert (np.float64(dx) >= 0).all()


def test_the_slope_of_tanh_keeps_its_digits_near_saturation():
    """1 - y^2 in float32 at x = 8 would lose all but one digit; (1 - y)(1 + y) has the error of y alone."""
    x = np.float32([2, 4])
    _, dx = run(ops.tanh, [x], np.ones_like(x))
    y = np.float64(ops.tanh(x))
    np.testing.assert_allclose(np.float64(dx), (1 - y) * (1 + y), rtol=3e-7)


@pytest.mark.parametrize("name", NAMES)
def test_integers_are_refused(name):
    with refuses(TypeError, f"{name}: ", "x is int32", "astype"):
        getattr(ops, name)(np.int32([1, 2]))


@pytest.mark.parametrize("slope", [float("nan"), float("inf")])
def test_a_slope_that_is_no_number_is_refused(slope):
    with refuses(ValueError, "leaky_relu: ", "negative_slope", str(slope), "finite"):
        ops.leaky_relu(np.float32([1]), negative_slope=slope)


def test_a_nan_stays_visible():
    for name in NAMES:
        assert jnp.isnan(getattr(ops, name)(jnp.float32(jnp.nan))), name
    assert jax.grad(ops.relu)(jnp.float32(0)) == 0
