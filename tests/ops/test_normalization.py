"""Batch normalisation: training mode through its statistics, inference mode without."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn import ops, reference
from tests.ops.checks import DTYPES, agrees, agrees_to_second_order, contracted, normal, refuses, run

SHAPES = {"vectors": (6, 3), "signals": (3, 4, 2), "images": (2, 3, 4, 2), "volumes": (2, 2, 3, 2, 2)}


def affine(c):
    return [normal(c, seed=1), normal(c, seed=2)]


def running(c):
    return [normal(c, seed=3), jnp.abs(normal(c, seed=4)) + 0.5]


def test_batch_norm_by_hand():
    """(1, 3) has mean 2 and variance 1. A gradient of (1, 0) has no part left: mean and slope take it all."""
    x, ones = np.float64([[1], [3]]), np.float64([1])
    y, dx, dscale, doffset = run(
        lambda *a: ops.batch_norm(*a, epsilon=1e-30), [x, 2 * ones, 5 * ones], np.float64([[1], [0]])
    )
    assert y.tolist() == [[3], [7]]
    assert (dx.tolist(), dscale.tolist(), doffset.tolist()) == ([[0], [0]], [-1], [1])


def test_batch_norm_of_seed_4():
    """Seed 4, question 4, for N x C: four examples, three channels."""
    x = np.float64([[1, 2, 0], [3, -1, 4], [0, 5, 2], [2, 2, -2]])
    dy = np.float64([[1, 0, -1], [2, 1, 0], [-1, 3, 1], [0, -2, 2]])
    y, dx, dscale, doffset = run(ops.batch_norm, [x, np.float64([1, 2, 0.5]), np.float64([0, -1, 0.25])], dy)
    mean, variance = ops.batch_statistics(x)
    assert (mean.tolist(), variance.tolist()) == ([1.5, 2, 1], [1.25, 4.5, 5])
    np.testing.assert_allclose(y[1], [1.3416354199689269, -3.828423982054623, 0.9208197224305499], rtol=1e-14)
    np.testing.assert_allclose(dx[0], [0.8049783898486906, -0.4714039970091038, -0.3801310866015275], rtol=1e-13)
    np.testing.assert_allclose(dscale, [3.5776944532504715, 2.8284239820546224, -1.788852593148133], rtol=1e-14)
    assert doffset.tolist() == [2, 2, 2]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_batch_norm_agrees_with_the_reference(shape):
    c = shape[-1]
    agrees(ops.batch_norm, reference.batch_norm, 3 + normal(*shape), *affine(c))
    agrees(ops.batch_norm, reference.batch_norm, 3 + normal(*shape), *affine(c), *running(c))


@pytest.mark.parametrize("epsilon", [1e-5, 1e-3, 1.0])
def test_batch_norm_agrees_with_the_reference_at_any_epsilon(epsilon):
    hand, auto = (lambda *a, m=module: m.batch_norm(*a, epsilon=epsilon) for module in (ops, reference))
    agrees(hand, auto, 0.01 * normal(5, 2), *affine(2))


@pytest.mark.parametrize("which", [0, 1], ids=["mean", "variance"])
def test_batch_statistics_agree_with_the_reference(which):
    hand, auto = (lambda x, m=module: m.batch_statistics(x)[which] for module in (ops, reference))
    agrees(hand, auto, normal(2, 3, 2))
    agrees_to_second_order(hand, auto, normal(2, 3, 2))


def test_batch_norm_agrees_to_second_order():
    agrees_to_second_order(ops.batch_norm, reference.batch_norm, normal(5, 2), *affine(2), bound=1e-11)
    agrees_to_second_order(ops.batch_norm, reference.batch_norm, normal(5, 2), *affine(2), *running(2))


def test_batch_norm_agrees_to_third_order():
    hand, auto = (contracted(contracted(module.batch_norm)) for module in (ops, reference))
    agrees(hand, auto, normal(5, 1), *affine(1), normal(5, 1, seed=7), normal(), bound=1e-10)


def test_a_gradient_through_the_statistics_has_no_constant_and_no_slope():
    x, scale, offset = normal(8, 3), *affine(3)
    y, dx, _, _ = run(ops.batch_norm, [x, scale, offset], normal(8, 3, seed=9))
    np.testing.assert_allclose(np.sum(dx, 0), 0, atol=1e-14)
    np.testing.assert_allclose(np.sum(np.asarray(dx) * np.asarray(y - offset), 0), 0, atol=1e-4)  # epsilon's share


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
def test_every_gradient_has_the_dtype_of_its_primal(dtype):
    x = np.asarray(normal(6, 2), dtype)
    vector = np.asarray([1, 2], dtype)
    statistics = np.ones(2, np.float32)
    for arrays in ([x, vector, vector], [x, vector, vector, statistics, statistics]):
        y, *gradients = run(ops.batch_norm, arrays, np.ones_like(x))
        assert y.dtype == dtype
        assert [g.dtype for g in gradients] == [a.dtype for a in arrays]


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16], ids=["bfloat16", "float16"])
def test_half_precision_statistics_are_carried_in_float32(dtype):
    """2,500 times 1 and 2,500 times 3: neither the count nor the sum fits a half type."""
    x = np.asarray([1, 3] * 2500, dtype).reshape(-1, 1)
    mean, variance = ops.batch_statistics(x)
    assert (mean.dtype, float(mean[0]), float(variance[0])) == (jnp.float32, 2, 1)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16], ids=["bfloat16", "float16"])
def test_half_precision_gradients_are_carried_in_float32(dtype):
    """2,500 times 1 and 2,500 times -1, whose mean is 0 without rounding: z is x up to epsilon."""
    x, one = np.asarray([1, -1] * 2500, dtype).reshape(-1, 1), np.ones(1, dtype)
    for dy, want in ((np.ones_like(x), (0, 5000)), (x, (5000, 0))):
        _, _, dscale, doffset = run(ops.batch_norm, [x, one, one], dy)
        assert (float(dscale[0]), float(doffset[0])) == tuple(float(np.asarray(number, dtype)) for number in want)


def test_the_variance_does_not_cancel():
    """A mean of 1e4 in float32: E[x^2] - E[x]^2 would have no digit right."""
    x = np.float32([[1e4 - 1], [1e4 + 1]])
    assert ops.batch_statistics(x)[1].tolist() == [1]


def ones(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


MISTAKES = {
    "vector": (ValueError, (ones(3), ones(3), ones(3)), {}, ["x[3]", "[n, c]"]),
    "scale-shape": (ValueError, (ones(4, 3), ones(1), ones(3)), {}, ["scale[1]", "3 channels"]),
    "offset-shape": (ValueError, (ones(4, 3), ones(3), ones(4, 3)), {}, ["offset[4, 3]", "3 channels"]),
    "mean-shape": (ValueError, (ones(4, 3), ones(3), ones(3), ones(2), ones(3)), {}, ["mean[2]", "3 channels"]),
    "mean-alone": (ValueError, (ones(4, 3), ones(3), ones(3), ones(3)), {}, ["mean and variance", "both"]),
    "epsilon-zero": (ValueError, (ones(4, 3), ones(3), ones(3)), {"epsilon": 0.0}, ["epsilon", "positive", "0.0"]),
    "epsilon-nan": (
        ValueError,
        (ones(4, 3), ones(3), ones(3)),
        {"epsilon": float("nan")},
        ["epsilon", "positive", "nan"],
    ),
    "integers": (TypeError, (ones(4, 3, dtype=np.int32), ones(3), ones(3)), {}, ["x is int32", "astype"]),
    "mixed-dtypes": (TypeError, (ones(4, 3), ones(3, dtype=np.float16), ones(3)), {}, ["scale is float16"]),
    "empty-batch": (ValueError, (ones(0, 3), ones(3), ones(3)), {}, ["batch is empty", "x[0, 3]"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_value_rule_and_remedy(name):
    error, arrays, where, words = MISTAKES[name]
    with refuses(error, "batch_norm: ", *words):
        ops.batch_norm(*arrays, **where)


def test_a_mistake_in_the_statistics_names_them():
    with refuses(ValueError, "batch_statistics: ", "batch is empty", "x[0, 3]"):
        ops.batch_statistics(ones(0, 3))
