"""Every kind of step alone, against jax.grad at one point; ties as JAX splits them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.autodiff import PRIMITIVES, differentiate, trace
from tests.analysis.autodiff.programs import STEPS

X = jnp.asarray(np.random.default_rng(0).normal(size=(4, 6)))
WEIGHTS = jnp.asarray(np.random.default_rng(1).normal(size=(4, 6)))


@pytest.mark.parametrize("name", STEPS)
def test_a_step(name: str) -> None:
    program = lambda x: jnp.sum(WEIGHTS * STEPS[name](x))  # noqa: E731
    found, expected = jax.jit(lambda x: (differentiate(trace(program, x))["0"], jax.grad(program)(x)))(X)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: jnp.maximum(x[0], x[1]),
        lambda x: jnp.minimum(x[0], x[1]),
        jnp.max,
        jnp.min,
        lambda x: jnp.sum(jnp.abs(x - 2)),
    ],
    ids=["max", "min", "reduce_max", "reduce_min", "abs"],
)
def test_ties_are_split_as_jax_splits_them(function: object) -> None:
    x = jnp.array([2.0, 2.0], jnp.float64)
    np.testing.assert_array_equal(differentiate(trace(function, x))["0"], jax.grad(function)(x))


def test_at_least_thirty_primitives() -> None:
    assert len(PRIMITIVES) >= 30
