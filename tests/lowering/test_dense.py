"""Products with a large kernel and with its transpose: in parts or at once, the same integers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.lowering import dense, products
from tests.ops.checks import DTYPES, integers

SHAPES = {  # n, i, o, and whether the kernel's rows make parts
    "parts": (3, 1024, 8, True),
    "parts-of-3": (2, 48, 4, True),
    "a-prime-of-rows": (2, 1021, 4, False),
    "many-examples": (200, 128, 4, False),
}
PRODUCTS = {"output": (dense.output_product, "OUTPUT"), "input": (dense.input_product, "INPUT")}


@pytest.fixture
def of_any_size(monkeypatch):
    """Limits that a kernel of any size keeps."""
    for _, name in PRODUCTS.values():
        monkeypatch.setattr(dense, name, getattr(dense, name)._replace(numbers=1))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("product", PRODUCTS)
def test_a_product_in_parts_is_exact(of_any_size, product, shape):
    n, i, o, is_in_parts = SHAPES[shape]
    kernel = integers(i, o)
    matrix = kernel if product == "output" else kernel.T
    a = integers(n, len(matrix))
    run, _ = PRODUCTS[product]
    assert in_parts(run, np.float32(a), np.float32(kernel)) == is_in_parts
    np.testing.assert_array_equal(jax.jit(run)(np.float32(a), np.float32(kernel)), a @ matrix)


def in_parts(run, a, kernel):
    """Whether the product is taken in parts; a function of its own each time, or JAX remembers the program."""
    return "platform_index" in str(jax.make_jaxpr(lambda a, kernel: run(a, kernel))(a, kernel))


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_small_kernel_and_one_on_a_mesh_are_multiplied_at_once(monkeypatch, product):
    run, name = PRODUCTS[product]
    side = int(getattr(dense, name).numbers ** 0.5)
    a, kernel = jax.ShapeDtypeStruct((2, side), jnp.float32), jax.ShapeDtypeStruct((side, side), jnp.float32)
    less = jax.ShapeDtypeStruct((side // 2, side // 2), jnp.float32)
    assert in_parts(run, a, kernel)
    assert not in_parts(run, less, less)
    monkeypatch.setattr(dense, "is_spread", lambda: True)
    assert not in_parts(run, a, kernel)


def test_the_kernel_s_gradient_of_many_examples_is_exact(monkeypatch):
    """In parts on this platform; at once where the examples may lie on several devices, and of few."""
    for module in (dense, products):
        monkeypatch.setattr(module, "PART", 8)
    monkeypatch.setattr(products, "WORK", 1)
    x, y = integers(40, 3), integers(40, 5, seed=1)
    run, pair = dense.kernel_product, (np.float32(x), np.float32(y))
    assert in_parts(run, *pair)
    assert not in_parts(run, *(a[:8] for a in pair))
    np.testing.assert_array_equal(jax.jit(run)(*pair), x.T @ y)
    np.testing.assert_array_equal(jax.jit(run)(*pair[::-1]), y.T @ x)
    monkeypatch.setattr(dense, "is_spread", lambda: True)
    assert not in_parts(run, *pair)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("product", PRODUCTS)
def test_sums_are_carried_in_float32_at_least(of_any_size, product, dtype):
    run, _ = PRODUCTS[product]
    x = run(jnp.ones((1, 4096), dtype), jnp.ones((4096, 4096), dtype))
    assert (x.dtype, x[0, 0]) == (jnp.promote_types(dtype, jnp.float32), 4096)
    assert run(jnp.ones((1, 3008), dtype), jnp.ones((3008, 3008), dtype))[0, 0] == 3008  # no number of bfloat16
