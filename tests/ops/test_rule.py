"""The one place that registers rules: dtypes, settings, what is kept, mesh axes, higher orders."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.ops import rule as module
from jaxcnn.ops.rule import rule
from tests.ops.checks import DTYPES


def _scaled(x, w, *, factor):
    return factor * x * w


def _scaled_backward(kept, dy, *, factor):
    x, w = kept
    return scaled(dy, w, factor=factor), scaled(x, dy, factor=factor)


scaled = rule(_scaled, _scaled_backward)


def test_the_handwritten_backward_is_the_one_that_runs():
    wrong = rule(lambda x: x * x, lambda kept, dy: (7 * dy,))
    assert jax.grad(wrong)(jnp.float32(3)) == 7


def test_a_rule_made_of_rules_has_derivatives_of_every_order():
    def f(x):
        return scaled(scaled(x, x, factor=2), x, factor=3)  # 6 x^3

    x = jnp.float64(2)
    for order, want in enumerate([48, 72, 72, 36, 0]):
        derivative = f
        for _ in range(order):
            derivative = jax.grad(derivative)
        assert derivative(x) == want


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
def test_a_cotangent_takes_its_primals_dtype(dtype):
    """The backward hands back float64 whatever came in; JAX itself would not say a word."""
    careless = rule(lambda x: x * 2, lambda kept, dy: (2 * dy.astype(jnp.float64),))
    assert jax.grad(lambda x: careless(x).sum())(np.ones(2, dtype)).dtype == dtype


def test_an_argument_without_a_gradient_has_none():
    chosen = rule(lambda x, i: x[i], lambda kept, dy: (jnp.zeros(3, dy.dtype).at[kept[1]].set(dy), None))
    assert jax.grad(chosen)(jnp.float32([1, 2, 3]), jnp.int32(1)).tolist() == [0, 1, 0]


def test_what_is_kept_is_what_keep_says():
    tanh = rule(jnp.tanh, lambda y, dy: (dy * (1 - y * y),), lambda arrays, y: y)
    y, backward = jax.vjp(tanh, jnp.float32([0.5]))
    assert [leaf.tolist() for leaf in jax.tree.leaves(backward)] == [y.tolist()]


def test_a_rule_keeps_the_name_and_the_words_of_its_function():
    def halve(x):
        """x / 2."""
        return x / 2

    named = rule(halve, lambda kept, dy: (dy / 2,))
    assert (named.__name__, named.__doc__) == ("halve", "x / 2.")


def test_a_forgotten_cotangent_is_an_error():
    forgetful = rule(lambda x, w: x * w, lambda kept, dy: (dy * kept[1],))
    with pytest.raises(ValueError, match="argument 2 is longer"):
        jax.grad(forgetful)(jnp.float32(1), jnp.float32(2))


def test_a_cotangent_is_summed_over_the_mesh_axes_its_primal_does_not_vary_on():
    product = rule(lambda w, x: w * x, lambda kept, dy: (jnp.sum(dy * kept[1], keepdims=True), dy * kept[0]))
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))

    def gradient(w, x):
        return jax.grad(lambda w: product(w, x).sum())(w)

    sharded = jax.shard_map(gradient, mesh=mesh, in_specs=(jax.P(), jax.P("batch")), out_specs=jax.P())
    assert jax.jit(sharded)(jnp.ones(1), jnp.arange(4.0)).tolist() == [6]


def test_outside_a_mesh_nothing_varies():
    assert module.varying(jax.typeof(jnp.ones(1))) == frozenset()
