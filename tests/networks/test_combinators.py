"""Combinators: order, nesting, sums."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn import ops
from jaxcnn.networks import conv, dense, identity, relu, residual, serial, tanh

KEY = jax.random.key(0)
X = np.random.default_rng(1).normal(size=(3, 4))


def test_serial_runs_in_the_order_written():
    b_first = serial(b=tanh(), a=relu()).apply({}, X)
    np.testing.assert_array_equal(b_first, ops.relu(ops.tanh(X)))
    np.testing.assert_array_equal(serial(a=relu(), b=tanh()).apply({}, X), ops.tanh(ops.relu(X)))


def test_nesting_nests_the_parameters_and_nothing_else():
    inner = serial(dense1=dense(4), act=tanh())
    network = serial(first=inner, second=inner)
    params = network.init(KEY, (4,), jnp.float64)
    assert jax.tree.map(jnp.shape, params["second"]) == {"dense1": {"kernel": (4, 4), "bias": (4,)}}
    expected = inner.apply(params["second"], inner.apply(params["first"], X))
    np.testing.assert_array_equal(network.apply(params, X), expected)


def test_residual_adds_the_identity():
    network = residual(dense(4))
    params = network.init(KEY, (4,), jnp.float64)
    assert set(params) == {"body"}
    np.testing.assert_allclose(network.apply(params, X), dense(4).apply(params["body"], X) + X, rtol=1e-15)


def test_residual_adds_a_projection():
    network = residual(serial(dense1=dense(5), act=relu()), shortcut=dense(5, bias=None))
    params = network.init(KEY, (4,), jnp.float64)
    assert set(params) == {"body", "shortcut"}
    y = ops.relu(X @ params["body"]["dense1"]["kernel"]) + X @ params["shortcut"]["kernel"]
    np.testing.assert_allclose(network.apply(params, X), y, rtol=1e-14)


def test_the_gradient_of_a_residual_is_the_sum_of_its_branches():
    network = residual(dense(4, bias=None))
    params = network.init(KEY, (4,), jnp.float64)
    dx = jax.grad(lambda x: jnp.sum(network.apply(params, x)))(X)
    np.testing.assert_allclose(dx, 1 + np.ones_like(X) @ params["body"]["kernel"].T, rtol=1e-14)


def test_residual_of_different_shapes_says_which_and_where():
    network = serial(block=residual(conv(4, 3), shortcut=identity()))
    with pytest.raises(ValueError, match=r"body gives .* \(3, 3, 4\) but shortcut \(5, 5, 2\)") as caught:
        network.init(KEY, (5, 5, 2))
    assert "in block, given one example of shape (5, 5, 2)" in caught.value.__notes__


def test_an_empty_serial_is_refused():
    with pytest.raises(ValueError, match=r"use identity\(\)"):
        serial()
