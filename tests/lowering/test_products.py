"""Products of long sums: in parts or at once, the same integers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.lowering import products


@pytest.mark.parametrize(
    ("positions", "size", "part"),
    [
        pytest.param(64 * 16 * 16, 128 * 32, 8 * 16 * 16, id="64-of-16x16"),
        pytest.param(16 * 56 * 56, 96 * 96, 1024, id="large-images"),
        pytest.param(61 * 8 * 8, 96 * 96, 61 * 16, id="the-nearest-divisor"),
        pytest.param(61 * 61 * 61, 96 * 96, 61 * 61 * 61, id="no-divisor-near"),
        pytest.param(64 * 16 * 16, 512 * 512, 16 * 16 * 16, id="many-results"),
        pytest.param(64 * 32 * 32, 8 * 8, 64 * 32 * 32, id="few-multiplications"),
    ],
)
def test_a_product_has_enough_to_do(positions, size, part):
    assert products.near(positions, products.positions_per_product(positions, size, 1)) == part


def test_sums_between_reshaped_arrays_end_no_process():
    """jaxlib 0.10.1 would end it, if it added up these products while it computes them."""
    x, y = jnp.ones((40, 192, 112), jnp.float32), jnp.ones((8, 10, 56, 192), jnp.float32)
    run = jax.jit(lambda x, y: products.sum_of_products(x, y.reshape(40, 112, 192), (1, 0)).reshape(8, 24, 192))
    np.testing.assert_array_equal(run(x, y), np.full((8, 24, 192), 40 * 112))
