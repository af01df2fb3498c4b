"""Where fusion is stopped: what is computed once, and what is computed again."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.lowering.fusion import after, once


def test_once_is_a_conditional_that_fusion_cannot_see_through():
    x = jnp.arange(4, dtype=jnp.float32)
    np.testing.assert_array_equal(jax.jit(lambda x: once(lambda x: 2 * x, x))(x), 2 * x)
    assert "conditional" in jax.jit(lambda x: once(lambda x: 2 * x, x)).lower(x).compile().as_text()


@pytest.mark.parametrize("first", [0.0, -0.0, 1.0, np.inf, np.nan], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, jnp.bfloat16], ids=["float32", "bfloat16"])
def test_after_is_the_vector_itself_whatever_comes_before(first, dtype):
    vector, dy = jnp.asarray([1, -0.0, np.nan, np.inf], dtype), jnp.asarray([[first, 2]], np.float32)
    np.testing.assert_array_equal(np.asarray(jax.jit(after)(vector, dy)).tobytes(), np.asarray(vector).tobytes())


def test_after_is_not_the_same_expression():
    """Without it the compiler computes both products at once, and keeps the result."""

    def products(matrix, vector, dy, wait):
        return matrix @ vector, dy * (matrix @ wait(vector, dy))

    matrix, vector = jnp.ones((64, 64), jnp.float32), jnp.ones(64, jnp.float32)
    counts = [
        jax.jit(partial(products, wait=wait)).lower(matrix, vector, vector).compile().as_text().count(" dot(")
        for wait in (lambda vector, dy: vector, after)
    ]
    assert counts == [1, 2]
