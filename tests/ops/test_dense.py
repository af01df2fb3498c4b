"""Dense layer: three contractions of one bilinear form; and flattening."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn import ops, reference
from jaxcnn.ops.dense import dense_dw, dense_dx, dense_y
from tests import oracles
from tests.ops.checks import adjoint, agrees, agrees_to_second_order, contracted, exact, integers, normal, refuses, run


def test_dense_by_hand():
    """Seed 4, question 2: bias units, two tanh layers, a linear output, e = (y - 1)^2 at x = 2."""

    def with_bias_unit(x):
        return jnp.concatenate([jnp.ones((1, 1), jnp.float64), x], axis=1)

    def error(w1, w2, w3):
        x1 = ops.tanh(ops.dense(with_bias_unit(np.float64([[2]])), w1))
        x2 = ops.tanh(ops.dense(with_bias_unit(x1), w2))
        y = ops.dense(with_bias_unit(x2), w3)
        return ops.mean_squared_error(y, np.float64([[1]]))[0], (x1, x2, y)

    w1, w2, w3 = np.float64([[0.1, 0.2], [0.3, 0.4]]), np.float64([[0.2], [1], [-3]]), np.float64([[1], [2]])
    (dw1, dw2, dw3), (x1, x2, y) = jax.jit(jax.grad(error, argnums=(0, 1, 2), has_aux=True))(w1, w2, w3)
    assert np.round(np.asarray(x1), 2).tolist() == [[0.6, 0.76]]
    assert [round(float(a[0, 0]), 1) for a in (x2, y, dw3)] == [-0.9, -0.8, -3.6]
    # The later printed digits carry the rounding of the earlier ones (-1.368, 3.24, ...); these are exact.
    np.testing.assert_allclose(dw3.ravel(), [-3.60618261349147, 3.2511382604620422], rtol=1e-14)
    np.testing.assert_allclose(dw2.ravel(), [-1.3502660925153804, -0.8160573168501987, -1.0283547650449398], rtol=1e-14)
    np.testing.assert_allclose(
        dw1, [[-0.8570673459304291, 1.7012313396236718], [-1.7141346918608582, 3.4024626792473436]], rtol=1e-14
    )


def test_dense_and_its_gradients_equal_the_integer_oracle():
    x, kernel, bias, dy = integers(3, 5), integers(5, 4), integers(4), integers(3, 4, seed=1)
    want = oracles.dense(x, kernel) + bias, oracles.dense_dx(dy, kernel), oracles.dense_dw(x, dy), dy.sum(0)
    exact(ops.dense, (x, kernel, bias), dy, want)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.tuples(*[st.sampled_from([1, 2, 5])] * 3), st.booleans())
def test_dense_agrees_with_the_reference(sizes, has_bias):
    n, i, o = sizes
    arrays = [normal(n, i), normal(i, o), *([normal(o)] if has_bias else [])]
    agrees(ops.dense, reference.dense, *arrays, multilinear=True)


def test_each_of_the_three_contractions_is_the_adjoint_of_the_others():
    x, kernel, dy = (np.float64(integers(*shape)) for shape in ((3, 5), (5, 4), (3, 4)))
    adjoint(lambda x: dense_y(x, kernel), 3, 5)
    adjoint(lambda kernel: dense_y(x, kernel), 5, 4)
    adjoint(lambda dy: dense_dx(dy, kernel), 3, 4)
    adjoint(lambda kernel: dense_dx(dy, kernel), 5, 4)
    adjoint(lambda dy: dense_dw(x, dy), 3, 4)
    adjoint(lambda x: dense_dw(x, dy), 3, 5)


def test_dense_agrees_to_second_order():
    agrees_to_second_order(ops.dense, reference.dense, normal(3, 5), normal(5, 4), normal(4))


def test_dense_agrees_to_third_order():
    hand, auto = (lambda x, w, f=module.dense: jnp.tanh(f(x, w)) for module in (ops, reference))
    arrays = normal(3, 5), normal(5, 2), normal(3, 2), normal()
    agrees(contracted(contracted(hand)), contracted(contracted(auto)), *arrays, bound=1e-11)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16], ids=["bfloat16", "float16"])
def test_half_precision_sums_are_carried_in_float32(dtype):
    """5,000 ones: a sum carried in bfloat16 stops at 256, in float16 at 2,048."""
    want = float(np.asarray(5000, dtype))
    ones = partial(np.ones, dtype=dtype)
    y, _, _ = run(ops.dense, [ones((1, 5000)), ones((5000, 1))], ones((1, 1)))
    _, dx, _ = run(ops.dense, [ones((1, 1)), ones((1, 5000))], ones((1, 5000)))
    _, _, dw, db = run(ops.dense, [ones((5000, 1)), ones((1, 1)), ones(1)], ones((5000, 1)))
    assert [float(a.squeeze()) for a in (y, dx, dw, db)] == [want] * 4


def test_flatten_is_row_major_and_its_gradient_has_the_shape_of_its_argument():
    x = integers(2, 3, 2, 2)
    exact(ops.flatten, (x,), integers(2, 12, seed=1), (x.reshape(2, 12), integers(2, 12, seed=1).reshape(x.shape)))
    adjoint(ops.flatten, 2, 3, 4)
    agrees_to_second_order(lambda x: ops.flatten(x**2), lambda x: reference.flatten(x**2), normal(2, 3, 4))


def matrix(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


MISTAKES = {
    "images": (ValueError, (matrix(2, 4, 4, 1), matrix(16, 3)), ["x[2, 4, 4, 1]", "flatten"]),
    "one-example": (ValueError, (matrix(4), matrix(4, 3)), ["x[4]", "[n, i]"]),
    "features": (ValueError, (matrix(2, 4), matrix(5, 3)), ["4 features", "expects 5", "kernel[5, 3]"]),
    "bias-shape": (ValueError, (matrix(2, 4), matrix(4, 3), matrix(2)), ["[3]", "bias[2]"]),
    "bias-per-example": (ValueError, (matrix(2, 4), matrix(4, 3), matrix(2, 3)), ["[3]", "bias[2, 3]"]),
    "integer-input": (TypeError, (matrix(2, 4, dtype=jnp.int32), matrix(4, 3)), ["x is int32", "astype"]),
    "mixed-dtypes": (TypeError, (matrix(2, 4), matrix(4, 3, dtype=jnp.float16)), ["float32", "kernel is float16"]),
    "empty-batch": (ValueError, (matrix(0, 4), matrix(4, 3)), ["batch is empty", "x[0, 4]"]),
    "no-features": (ValueError, (matrix(2, 0), matrix(0, 3)), ["empty", "x[2, 0]"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_value_rule_and_remedy(name):
    error, arrays, words = MISTAKES[name]
    with refuses(error, "dense: ", *words):
        ops.dense(*arrays)


def test_a_mistake_in_flatten_is_named():
    with refuses(ValueError, "flatten: ", "x[3]", "batch axis"):
        ops.flatten(matrix(3))
