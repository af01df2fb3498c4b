"""Dropout: one mask, forward and backward."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn import ops, reference
from tests.ops.checks import DTYPES, adjoint, agrees, agrees_to_second_order, normal, refuses, run

KEY = jax.random.key(0)


def test_dropout_by_hand():
    """At rate 3/4 what is kept is multiplied by 4, and the gradient comes back through the same holes."""
    y, dx = run(lambda x: ops.dropout(x, KEY, rate=0.75), [np.ones(400, np.float32)], np.full(400, 3, np.float32))
    assert set(y.tolist()) == {0, 4}
    np.testing.assert_array_equal(dx, 3 * y)
    assert 60 < np.sum(np.asarray(y) > 0) < 140  # 100 expected; 4.6 standard deviations either way


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_dropout_agrees_with_the_reference(rate):
    hand, auto = (lambda x, m=module: m.dropout(x, KEY, rate=rate) for module in (ops, reference))
    agrees(hand, auto, normal(3, 4))


def test_dropout_is_its_own_adjoint():
    adjoint(lambda x: ops.dropout(x, KEY, rate=0.5), 5, 6)
    hand, auto = (lambda x, m=module: m.dropout(x**3, KEY, rate=0.5) for module in (ops, reference))
    agrees_to_second_order(hand, auto, normal(3, 4))


def test_rate_zero_is_the_identity():
    assert ops.dropout(np.float32([1, -2]), KEY, rate=0.0).tolist() == [1, -2]


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
def test_the_dtype_is_kept(dtype):
    y, dx = run(lambda x: ops.dropout(x, KEY, rate=0.3), [np.ones(5, dtype)], np.ones(5, dtype))
    assert y.dtype == dx.dtype == dtype


def test_the_same_key_draws_the_same_mask_and_another_key_another():
    x = jnp.ones(64, jnp.float32)
    assert (ops.dropout(x, KEY) == ops.dropout(x, KEY)).all()
    assert (ops.dropout(x, KEY) != ops.dropout(x, jax.random.key(1))).any()


@pytest.mark.parametrize("rate", [1.0, -0.1, 1.5, float("nan")])
def test_a_rate_outside_zero_to_one_is_refused(rate):
    with refuses(ValueError, "dropout: ", "rate", str(rate), "[0, 1)"):
        ops.dropout(np.float32([1]), KEY, rate=rate)


def test_integers_are_refused():
    with refuses(TypeError, "dropout: ", "x is int32", "astype"):
        ops.dropout(np.int32([1]), KEY)
