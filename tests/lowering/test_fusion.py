"""Where fusion is stopped: what is computed once, and what is computed again."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.lowering import convolution, folded, moves, pooling
from jaxcnn.lowering.fusion import after, stored
from jaxcnn.ops.geometry import window


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_stored_changes_no_bit(dtype):
    with jax.enable_x64(True):
        tiny = jnp.finfo(dtype).tiny
        x = jnp.asarray([1 / 3, -7, 0.0, -0.0, jnp.finfo(dtype).max, tiny, -np.inf, np.nan], dtype)
        np.testing.assert_array_equal(np.asarray(jax.jit(stored)(x)).tobytes(), np.asarray(x).tobytes())


def by_outputs(y):
    where = window("conv", (16, 16), (3, 3), padding=1)
    return folded.correlate_by_outputs(y, jnp.ones((3, 3, 32, 4), jnp.float32), where, convolution.correlate)


def of_max_pool(y):
    where = window("max_pool", (16, 16), (3, 3), stride=2, padding=1)
    return pooling.put_back(jnp.zeros(y.shape, jnp.int8), y, where)


def of_avg_pool(y):
    return pooling.window_spread(y, window("avg_pool", (16, 16), (3, 3), stride=2, padding=1))


@pytest.mark.parametrize("chain", [by_outputs, of_max_pool, of_avg_pool], ids=lambda chain: chain.__name__)
def test_what_several_use_is_computed_once(chain, monkeypatch):
    """Transposed, and multiplied by the library: without it both hold all additions."""

    def users(y):
        x = chain(y)
        return jnp.moveaxis(x, 0, -1).copy(), x @ jnp.ones((x.shape[-1], 32), jnp.float32)

    def additions(function, y):
        return len(re.findall(r"f32\[32,\S+ add\(", jax.jit(function).lower(y).compile().as_text()))

    y = jnp.ones((32, 16, 16, 32) if chain is by_outputs else (32, 8, 8, 32), jnp.float32)
    once = additions(users, y)
    for module in folded, moves:
        monkeypatch.setattr(module, "stored", lambda x: x)
    assert additions(lambda y: users(y), y) == 2 * once > 0


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
