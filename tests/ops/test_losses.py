"""Losses and softmax: values in nats, gradients, and what the naive form cannot do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn import ops, reference
from tests.ops.checks import DTYPES, agrees, agrees_to_second_order, contracted, exact, integers, normal, refuses, run

INF = float("inf")
LOSSES = ("half_squared_error", "mean_squared_error")


def cross_entropy_of(labels):
    """The cross entropy as a function of the logits alone."""
    return lambda logits: ops.softmax_cross_entropy(logits, np.asarray(labels))


def probabilities(n, k):
    """Rows that sum to 1, with a zero in each."""
    p = np.abs(np.asarray(normal(n, k, seed=3)))
    p[np.arange(n), np.arange(n) % k] = 0
    return p / p.sum(-1, keepdims=True)


def test_cross_entropy_by_hand():
    """Two equal logits cost ln 2 nats; seed 2, eq. 17: the gradient is softmax minus label."""
    y, dx = run(cross_entropy_of([1]), [np.float64([[0, 0]])], np.float64([1]))
    assert y.tolist() == [np.log(2)]
    assert dx.tolist() == [[0.5, -0.5]]


def test_cross_entropy_of_seed_2():
    """Seed 2, eq. 15 to 18, at x = (1, 2, 1/2, -1) with the third class right."""
    y, dx = run(cross_entropy_of([2]), [np.float64([[1, 2, 0.5, -1]])], np.float64([1]))
    np.testing.assert_allclose(y, [1.995181898085856], rtol=1e-15)
    softmax = [0.22420781804820114, 0.6094600375988771, 0.13598891579350553 - 1, 0.030343228559416225]
    np.testing.assert_allclose(dx, [softmax], rtol=1e-14)


def test_cross_entropy_is_finite_where_the_naive_form_is_not():
    """Seed 2, eq. 18: logits (1000, 999, 0); the right class has a probability of 0 in float64."""
    y, dx = run(cross_entropy_of([2]), [np.float64([[1000, 999, 0]])], np.float64([1]))
    np.testing.assert_allclose(y, [1000.3132616875182], rtol=1e-15)
    np.testing.assert_allclose(dx, [[0.7310585786300049, 0.2689414213699951, -1]], rtol=1e-13)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
def test_cross_entropy_is_finite_for_logits_of_ten_thousand(dtype):
    logits = np.asarray([[1e4, -1e4, 0], [-1e4, -1e4, -1e4], [1e4, 1e4, -1e4]], dtype)
    y, dx = run(cross_entropy_of([1, 2, 0]), [logits], np.ones(3, dtype))
    assert y.dtype == dx.dtype == dtype
    want = np.asarray([float(np.asarray(1e4, dtype)) * 2, np.log(3), np.log(2)]).astype(dtype)
    np.testing.assert_allclose(np.float64(y), np.float64(want), rtol=2 * float(jnp.finfo(dtype).eps))
    rows = np.asarray([[1, -1, 0], [1 / 3, 1 / 3, -2 / 3], [-1 / 2, 1 / 2, 0]])
    np.testing.assert_allclose(np.float64(dx), rows, atol=float(jnp.finfo(dtype).eps))


def test_a_label_of_zero_costs_nothing_at_a_logit_of_minus_infinity():
    logits, labels = np.float64([[-INF, 0, 0]]), np.float64([[0, 0.25, 0.75]])
    y, dx, _ = run(ops.softmax_cross_entropy, [logits, labels], np.float64([1]))
    np.testing.assert_allclose(y, [np.log(2)], rtol=1e-15)
    np.testing.assert_allclose(dx, [[0, 0.25, -0.25]], atol=1e-16)
    _, dx = run(cross_entropy_of([1]), [logits], np.float64([1]))
    assert dx.tolist() == [[0, -0.5, 0.5]]


@settings(max_examples=6, deadline=None, derandomize=True)
@given(st.tuples(st.sampled_from([1, 4]), st.sampled_from([2, 5])), st.sampled_from([0.1, 1, 30]), st.booleans())
def test_cross_entropy_agrees_with_the_reference(shape, scale, has_classes):
    n, k = shape
    logits, classes = scale * normal(n, k), np.arange(n) % k
    if has_classes:
        agrees(cross_entropy_of(classes), lambda x: reference.softmax_cross_entropy(x, classes), logits)
    else:
        agrees(ops.softmax_cross_entropy, reference.softmax_cross_entropy, logits, probabilities(n, k))


def test_labels_need_not_sum_to_one():
    """The gradient is softmax times the sum of the labels, minus the labels."""
    logits, labels = normal(3, 4), np.asarray(normal(3, 4, seed=5)) ** 2
    agrees(ops.softmax_cross_entropy, reference.softmax_cross_entropy, logits, labels)
    _, dx, _ = run(ops.softmax_cross_entropy, [np.zeros((1, 2)), np.float64([[3, 1]])], np.float64([1]))
    assert dx.tolist() == [[-1, 1]]


def test_cross_entropy_agrees_to_second_and_third_order():
    arrays = normal(2, 3), probabilities(2, 3)
    agrees_to_second_order(ops.softmax_cross_entropy, reference.softmax_cross_entropy, *arrays)
    hand, auto = (contracted(contracted(m.softmax_cross_entropy)) for m in (ops, reference))
    agrees(hand, auto, *arrays, normal(2), normal(), bound=1e-11)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape", [(4,), (2, 5), (2, 3, 4)], ids=["vector", "batch", "images"])
def test_softmax_agrees_with_the_reference(name, shape):
    agrees(getattr(ops, name), getattr(reference, name), 3 * normal(*shape))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_agrees_to_second_order(name):
    agrees_to_second_order(getattr(ops, name), getattr(reference, name), normal(2, 4))


@pytest.mark.parametrize("name", LOSSES)
def test_a_squared_error_by_hand(name):
    """(1, 2) for (0, 4): half the sum of squares and their mean are both 5 / 2."""
    y, dp, dt = run(getattr(ops, name), [np.float64([[1, 2]]), np.float64([[0, 4]])], np.float64([1]))
    assert (y.tolist(), dp.tolist(), dt.tolist()) == ([2.5], [[1, -2]], [[-1, 2]])


def test_the_squared_errors_differ_in_their_factor():
    """Three outputs, each off by 2: 1/2 * 12 against 12 / 3; seed 4, question 2: (-0.8 - 1)^2 = 3.24."""
    prediction, target = np.zeros((1, 3)), 2 * np.ones((1, 3))
    assert ops.half_squared_error(prediction, target).tolist() == [6]
    assert ops.mean_squared_error(prediction, target).tolist() == [4]
    np.testing.assert_allclose(ops.mean_squared_error(np.float64([[-0.8]]), np.float64([[1]])), [3.24], rtol=1e-15)


def test_the_squared_errors_equal_the_integer_oracle():
    p, t, dy = integers(3, 2, 2), integers(3, 2, 2, seed=1), integers(3, seed=2)
    d = p - t
    half, mean = (d**2).sum((1, 2)) / 2, (d**2).mean((1, 2))
    weighted = dy[:, None, None] * d
    exact(ops.half_squared_error, (p, t), dy, (half, weighted, -weighted))
    exact(ops.mean_squared_error, (p, t), dy, (mean, weighted / 2, -weighted / 2))


@pytest.mark.parametrize("shape", [(3,), (3, 4), (2, 3, 2, 2)], ids=["scalars", "vectors", "images"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_squared_error_agrees_with_the_reference(name, shape):
    agrees(getattr(ops, name), getattr(reference, name), normal(*shape), normal(*shape, seed=1))


@pytest.mark.parametrize("name", LOSSES)
def test_a_squared_error_agrees_to_second_order(name):
    agrees_to_second_order(getattr(ops, name), getattr(reference, name), normal(3, 4), normal(3, 4, seed=1))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16], ids=["bfloat16", "float16"])
def test_half_precision_losses_are_carried_in_float32(dtype):
    """5,000 squares of 1; 5,000 equal logits; and nothing is rounded before the end."""
    ones, zeros = np.ones((1, 5000), dtype), np.zeros((1, 5000), dtype)
    assert float(ops.half_squared_error(ones, zeros)[0]) == float(np.asarray(2500, dtype))
    assert float(ops.mean_squared_error(ones, zeros)[0]) == 1
    assert float(ops.softmax_cross_entropy(zeros, np.int32([0]))[0]) == float(np.log(5000).astype(dtype))
    x, third = np.asarray([[0, -3.3, 1.7]], dtype), np.asarray([1 / 3], dtype)
    for function in (cross_entropy_of([1]), lambda x: ops.log_softmax(x)[:, 1], lambda x: ops.softmax(x)[:, 0]):
        got, want = run(function, [x], third), run(function, [np.float32(x)], np.float32(third))
        assert [leaf.tolist() for leaf in got] == [np.asarray(leaf).astype(dtype).tolist() for leaf in want]


def matrix(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


MISTAKES = {
    "vector-of-logits": (ValueError, matrix(3), np.int32([1]), ["logits[3]", "[n, k]"]),
    "integer-logits": (TypeError, matrix(2, 3, dtype=np.int32), np.int32([1, 2]), ["logits is int32", "astype"]),
    "empty-batch": (ValueError, matrix(0, 3), np.zeros(0, np.int32), ["batch is empty", "logits[0, 3]"]),
    "label-too-large": (ValueError, matrix(2, 3), np.int32([1, 3]), ["labels[1]", "3", "3 classes", "0..2"]),
    "label-negative": (ValueError, matrix(2, 3), np.int32([-1, 0]), ["labels[0]", "-1", "0..2"]),
    "too-few-labels": (ValueError, matrix(2, 3), np.int32([1]), ["labels[1]", "logits[2, 3]", "[n]"]),
    "one-hot-integers": (ValueError, matrix(2, 3), matrix(2, 3, dtype=np.int32), ["labels[2, 3]", "[n]"]),
    "probabilities-shape": (ValueError, matrix(2, 3), matrix(2, 4), ["labels[2, 4]", "logits[2, 3]", "integers"]),
    "float-classes": (ValueError, matrix(2, 3), matrix(2), ["labels[2]", "integers"]),
    "mixed-dtypes": (TypeError, matrix(2, 3), matrix(2, 3, dtype=np.float16), ["float32", "labels is float16"]),
    "boolean-labels": (TypeError, matrix(2, 3), np.ones((2, 3), bool), ["labels is bool"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_value_rule_and_remedy(name):
    error, logits, labels, words = MISTAKES[name]
    with refuses(error, "softmax_cross_entropy: ", *words):
        ops.softmax_cross_entropy(logits, labels)


def test_a_traced_label_out_of_range_shows_as_nan():
    y = jax.jit(ops.softmax_cross_entropy)(matrix(3, 3), np.int32([0, 3, -1]))
    assert np.isnan(y).tolist() == [False, True, True]


@pytest.mark.parametrize("name", LOSSES)
def test_a_squared_error_broadcasts_nothing(name):
    with refuses(ValueError, f"{name}: ", "prediction[2, 1]", "target[2]", "one shape"):
        getattr(ops, name)(matrix(2, 1), matrix(2))
    with refuses(ValueError, f"{name}: ", "batch is empty", "prediction[0, 3]"):
        getattr(ops, name)(matrix(0, 3), matrix(0, 3))
    with refuses(TypeError, f"{name}: ", "target is int32"):
        getattr(ops, name)(matrix(2), matrix(2, dtype=np.int32))
