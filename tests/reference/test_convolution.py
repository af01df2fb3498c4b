"""The reference against the integer oracles, and its padding words against `jax.lax.conv_transpose`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn import reference
from tests import oracles
from tests.ops.checks import exact, integers
from tests.ops.windows import CONVS, WINDOWS


@pytest.mark.parametrize(("input", "size", "settings"), CONVS.values(), ids=CONVS)
def test_conv_and_its_gradients_equal_the_oracle(input, size, settings):
    x, kernel = integers(2, *input, 4), integers(*size, 4 // settings.get("groups", 1), 8, seed=1)
    y = oracles.conv(x, kernel, **settings)
    dy = integers(*y.shape, seed=2)
    dx, dw = oracles.conv_dx(dy, kernel, input, **settings), oracles.conv_dw(x, dy, size, **settings)
    exact(lambda x, w: reference.conv(x, w, **settings), (x, kernel), dy, (y, dx, dw), [jnp.float32])


@pytest.mark.parametrize("name", [name for name in CONVS if "beyond-window" not in name])
def test_conv_transpose_and_its_gradients_equal_the_oracle(name):
    input, size, settings = CONVS[name]
    x, kernel = integers(2, *input, 8), integers(*size, 4 // settings.get("groups", 1), 8, seed=1)
    y = oracles.conv_transpose(x, kernel, **settings)
    dy = integers(*y.shape, seed=2)
    dx = oracles.conv_transpose_dx(dy, kernel, input, **settings)
    dw = oracles.conv_transpose_dw(x, dy, size, **settings)
    exact(lambda x, w: reference.conv_transpose(x, w, **settings), (x, kernel), dy, (y, dx, dw), [jnp.float32])


@pytest.mark.parametrize("padding", ["VALID", "SAME"])
@pytest.mark.parametrize(("stride", "taps"), [(1, 2), (2, 3), (3, 2), (3, 1)])
def test_the_padding_words_of_conv_transpose_are_those_of_lax(padding, stride, taps):
    x, kernel = jnp.float32(integers(2, 4, 5, 3)), jnp.float32(integers(taps, taps, 2, 3))
    lax = jax.lax.conv_transpose(x, kernel, (stride, stride), padding, transpose_kernel=True)
    np.testing.assert_array_equal(reference.conv_transpose(x, kernel, stride=stride, padding=padding), lax)


def test_every_window_of_the_table_has_an_output():
    for input, size, settings in WINDOWS.values():
        assert all(axis.shape[0] > 0 for axis in oracles.reaches(input, size, **settings))
