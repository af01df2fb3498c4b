"""The product with a large kernel's transpose: by rows or at once, the same integers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.lowering import dense
from tests.ops.checks import DTYPES, integers

SHAPES = {
    "rows": (3, 1024, 8),
    "rows-of-66": (2, 198, 4),
    "a-prime-of-them": (2, 1021, 4),
    "many-examples": (200, 128, 4),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_product_by_rows_is_exact(monkeypatch, shape):
    monkeypatch.setattr(dense, "LARGE", 1)
    n, i, o = SHAPES[shape]
    y, kernel = integers(n, o), integers(i, o)
    assert loops(np.float32(y), np.float32(kernel)) == shape.startswith("rows")
    np.testing.assert_array_equal(jax.jit(dense.input_product)(np.float32(y), np.float32(kernel)), y @ kernel.T)


def loops(y, kernel):
    """Whether the product is taken in parts; a function of its own each time, or JAX remembers the program."""
    return "scan" in str(jax.make_jaxpr(lambda y, kernel: dense.input_product(y, kernel))(y, kernel))


def test_a_small_kernel_and_one_on_a_mesh_are_multiplied_at_once(monkeypatch):
    y, kernel = jnp.ones((2, 1024), jnp.float32), jnp.ones((4096, 1024), jnp.float32)
    assert loops(y, kernel)
    assert not loops(y, kernel[:2048])
    monkeypatch.setattr(dense, "is_spread", lambda: True)
    assert not loops(y, kernel)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
def test_sums_are_carried_in_float32_at_least(monkeypatch, dtype):
    monkeypatch.setattr(dense, "LARGE", 1)
    x = dense.input_product(jnp.ones((1, 3000), dtype), jnp.ones((128, 3000), dtype))
    assert (x.dtype, x[0, 0]) == (jnp.promote_types(dtype, jnp.float32), 3000)
