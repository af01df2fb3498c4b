"""One input channel per group: forms that leave the padding out, wherever the padding is."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.lowering import convolution, depthwise
from jaxcnn.ops.geometry import window
from tests import oracles
from tests.ops.checks import integers, quick_jit
from tests.ops.windows import WINDOWS

NAMES = sorted(name for name, (input, *_) in WINDOWS.items() if np.prod(input) < 2000)


@pytest.fixture(params=NAMES)
def problem(request):
    """Integers x, kernel, y of 3 channels, twice as many after it; the window, and its settings for the oracle."""
    input, size, settings = WINDOWS[request.param]
    settings = settings | {"groups": 3}
    where = window("conv", input, size, **settings)
    arrays = integers(2, *input, 3), integers(*size, 1, 6), integers(2, *where.output, 6)
    return *(np.float32(a) for a in arrays), where, settings


def test_products_in_one_pass_equal_the_oracle(problem):
    x, kernel, _, where, settings = problem
    y = quick_jit(partial(depthwise.correlate_in_one_pass, window=where))(x, kernel)
    np.testing.assert_array_equal(y, oracles.conv(x.astype(int), kernel.astype(int), **settings))


def test_a_kernel_gradient_in_one_pass_equals_the_oracle(problem):
    x, _, y, where, settings = problem
    kernel = quick_jit(partial(depthwise.correlate_kernel_in_one_pass, window=where))(x, y)
    np.testing.assert_array_equal(kernel, oracles.conv_dw(x.astype(int), y.astype(int), where.size, **settings))


def test_an_infinity_at_the_edge_does_not_reach_the_padding():
    """The edge is read for positions outside of x; times 0, it would be NaN at eight taps."""
    where = window("conv", (1, 1), (3, 3), padding="SAME", groups=2)
    x, y = jnp.full((1, 1, 1, 2), jnp.inf), jnp.ones((1, 1, 1, 2))
    want = jnp.zeros((3, 3, 1, 2)).at[1, 1].set(jnp.inf)
    np.testing.assert_array_equal(depthwise.correlate_kernel_in_one_pass(x, y, where), want)


@pytest.mark.parametrize("form", [depthwise.correlate_in_one_pass, depthwise.correlate_kernel_in_one_pass])
def test_nothing_padded_is_written(form):
    where = window("conv", (32, 32), (3, 3), padding="SAME", groups=64)
    x, kernel = jnp.ones((8, 32, 32, 64), jnp.float32), jnp.ones((3, 3, 1, 64), jnp.float32)
    b = kernel if form is depthwise.correlate_in_one_pass else x
    run = jax.jit(partial(form, window=where)).lower(x, b).compile()
    assert run.memory_analysis().temp_size_in_bytes < x.nbytes / 3  # a sum for each of nine taps and row of 32


@pytest.mark.parametrize(
    ("input", "size", "forward", "kernel"),
    [
        pytest.param((32, 32), 3, "in_one_pass", "kernel_in_one_pass", id="image"),
        pytest.param((32, 32), 5, "", "kernel_in_one_pass", id="many-edges"),
        pytest.param((14, 14), 7, "", "kernel_by_rows", id="many-sums-for-short-rows"),
        pytest.param((512,), 3, "in_one_pass", "kernel_by_rows", id="signal"),
    ],
)
def test_depthwise_forms_depend_on_edges_and_rows(input, size, forward, kernel):
    where = window("conv", input, (size,) * len(input), padding="SAME", groups=64)
    for table, name in ((convolution.CORRELATE, forward), (convolution.CORRELATE_KERNEL, kernel)):
        form = convolution.choose(table["cpu"], 64, 64, where)
        assert form.__name__ == "_".join(filter(None, ("correlate", name)))
