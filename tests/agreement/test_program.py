"""Programs run in plain float64 arithmetic give what the function itself gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.agreement.kinks import Deciding
from jaxcnn.agreement.program import run, trace
from jaxcnn.agreement.raising import Raised

X = np.linspace(-1.5, 2.0, 6)


def looped(x):
    return jax.lax.scan(lambda c, y: (c * 0.5 + y, jnp.sin(c)), 0.25, x)


def repeated(x):
    return jax.lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, jnp.tanh(c[1])), (0, x))[1]


def branched(x):
    return jax.lax.cond(x[0] > 0, jnp.cos, lambda x: x * x, x)


def reduced(x):
    """In one pass the sum and the product of each row, and the product of the sums."""
    start, rows = (np.float64(0), np.float64(1)), x.reshape(2, 3)
    sums, products = jax.lax.reduce((rows, rows), start, lambda a, b: (a[0] - (-b[0]), a[1] * b[1]), (1,))
    return sums, products, jax.lax.reduce(sums, start[1], lambda a, b: -(a * -b), (0,))


def ruled(x):
    square = jax.custom_vjp(lambda x: x * x)
    square.defvjp(lambda x: (x * x, x), lambda x, dy: (dy,))
    return jax.checkpoint(lambda x: jax.nn.relu(square(x)))(x)


FUNCTIONS = {
    "scan": looped,
    "while": repeated,
    "cond": branched,
    "reduce": reduced,
    "rules and remat": ruled,
    "sort": jnp.sort,
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_a_program_computes_its_function(function):
    results = run(trace(function, X), Raised(), [jnp.asarray(X)])
    for got, right in zip(results, jax.tree.leaves(function(X)), strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-15)


@pytest.mark.parametrize("loop", ["scan", "reduce"])
def test_what_a_loop_decides_is_recorded(loop):
    """The largest of 1, 3, 3, 2 from 0 on: in four comparisons one tie."""

    def largest(x):
        if loop == "scan":
            return jax.lax.scan(lambda most, number: (jnp.maximum(most, number), None), 0.0, x)[0]
        return jax.lax.reduce(x, np.float64(0), lambda most, number: jnp.maximum(most, number) * 1, (0,))

    x, decisions = jnp.asarray([1.0, 3.0, 3.0, 2.0]), Deciding()
    (got,) = run(trace(largest, x), decisions, [x])
    assert got == 3
    assert [kept.tolist() for kept in decisions.recorded] == [[-1, -1, 0, 1]]


def test_raising_lifts_a_float32_accumulation_that_the_function_insists_on():
    x = jnp.asarray(np.full(8, 1 / 3))

    def narrow(x):
        return jnp.dot(x.astype(jnp.float32), x.astype(jnp.float32), preferred_element_type=jnp.float32)

    (got,) = run(trace(narrow, x), Raised(), [x])
    assert abs(float(got) - 8 / 9) < 1e-15 < abs(float(narrow(x)) - 8 / 9)


def test_bit_patterns_are_left_alone():
    def bits(key):
        return jax.random.uniform(key, (4,), jnp.float32)

    key = jax.random.key(3)
    (got,) = run(trace(bits, key), Raised(), [key])
    np.testing.assert_array_equal(got, bits(key))
