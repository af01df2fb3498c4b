"""Sums and maxima over windows: what is stored."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.lowering import pooling
from jaxcnn.ops.geometry import window


@pytest.mark.parametrize(
    ("size", "dtype"), [((2, 2), "int8"), ((8, 16), "int8"), ((13, 13), "int16")], ids=["4", "128", "169"]
)
def test_a_winner_is_one_byte_up_to_128_taps(size, dtype):
    x = jnp.zeros((1, 20, 20, 1), jnp.float32)
    best, winner = pooling.window_max(x, window("max_pool", (20, 20), size))
    assert (best.dtype, winner.dtype) == (jnp.float32, dtype)


def test_the_last_of_128_taps_can_win():
    x = jnp.zeros((1, 8, 16, 1), jnp.float32).at[0, -1, -1, 0].set(1)
    assert pooling.window_max(x, window("max_pool", (8, 16), (8, 16)))[1].item() == 127


def test_padding_never_wins_even_against_minus_infinity():
    where = window("max_pool", (2,), (3,), padding=1)
    best, winner = pooling.window_max(jnp.full((1, 2, 1), -jnp.inf, jnp.float32), where)
    assert np.asarray(winner).ravel().tolist() == [1, 0]
    assert np.asarray(best).ravel().tolist() == [-np.inf, -np.inf]
