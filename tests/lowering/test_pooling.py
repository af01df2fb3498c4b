"""Sums and maxima over windows: what is stored."""

from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.lowering import pooling
from jaxcnn.lowering.taps import taps
from jaxcnn.ops.geometry import window


@pytest.mark.parametrize(
    ("size", "dtype"), [((2, 2), "int8"), ((8, 16), "int8"), ((13, 13), "int16")], ids=["4", "128", "169"]
)
def test_a_winner_is_one_byte_up_to_128_taps(size, dtype):
    where, x = window("max_pool", (20, 20), size), jnp.zeros((1, 20, 20, 1), jnp.float32)
    best, winner = jax.eval_shape(lambda x: pooling.window_max(x, where), x)
    assert (best.dtype, winner.dtype) == (jnp.float32, dtype)


def seen(x, where, padding):
    """By NumPy: for every tap what it meets, [taps, n, *output, c]."""
    x = np.pad(x, ((0, 0), *where.padding, (0, 0)), constant_values=padding)
    axes = zip(where.dilation, where.size, where.stride, where.output, strict=True)
    at = [np.add.outer(np.multiply(d, range(f)), np.multiply(s, range(o))) for d, f, s, o in axes]  # [taps, outputs]
    return np.stack([x[:, at[0][i]][:, :, at[1][j]] for i, j in taps(where)])


@pytest.mark.parametrize("form", [pooling.first_largest, partial(reduce, pooling.larger)], ids=["cpu", "default"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize(
    ("size", "settings"),
    [
        pytest.param((1, 1), {}, id="1"),
        pytest.param((1, 2), {"stride": 1}, id="2"),
        pytest.param((3, 3), {"stride": 1, "padding": 1}, id="9-padded"),
        pytest.param((3, 3), {"stride": 2, "dilation": 2, "padding": ((2, 0), (0, 2))}, id="9-dilated"),
        pytest.param((4, 8), {"stride": 2}, id="32"),
        pytest.param((3, 11), {"stride": 3, "padding": 2}, id="33-two-reductions"),
        pytest.param((9, 9), {"stride": 1, "padding": 4}, id="81-padded"),
    ],
)
def test_values_and_winners_are_numpys_first_largest(size, settings, dtype, form):
    """Ties, both zeros, infinities and NaN: the first NaN of a window, or else the first of its largest."""
    where = window("max_pool", (13, 14), size, **{"stride": 1, **settings})
    drawn = np.random.default_rng(0).choice(
        [-np.inf, -1, -0.0, 0, 2, np.inf, np.nan], (2, 13, 14, 5), p=[0.4, *[0.1] * 6]
    )
    with jax.enable_x64(True):
        x = jnp.asarray(drawn, dtype)
        best, winner = jax.jit(lambda x: form(pooling.met_by_taps(x, where)))(x)
    met, inside = seen(np.asarray(x, float), where, -np.inf), seen(np.ones(x.shape, bool), where, False)
    first = np.argmax(met, 0)  # a padding where everything is minus infinity
    first = np.where(np.take_along_axis(inside, first[None], 0)[0], first, np.argmax(inside, 0))
    np.testing.assert_array_equal(winner, first)
    largest = np.take_along_axis(met, first[None], 0)[0]
    np.testing.assert_array_equal(best.astype(float), largest)
    np.testing.assert_array_equal(np.signbit(best.astype(float)), np.signbit(largest))


def test_values_and_winners_are_computed_together_and_once():
    """Every tap is compared once, by one reduction, though both results and the backward pass use what it finds."""

    def both(x, dy):
        best, winner = pooling.window_max(x, where)
        return best, pooling.put_back(winner, dy, where)

    where = window("max_pool", (16, 16), (3, 3), stride=1)
    x, dy = jnp.ones((4, 16, 16, 8), jnp.float32), jnp.ones((4, 14, 14, 8), jnp.float32)
    text = jax.jit(both).lower(x, dy).compile().as_text()
    assert "conditional" not in text
    assert text.count("direction=GT") == 4 + 3 + 1  # chains of 5 and of 4 taps, and what reduces the two
    assert text.count(" reduce(") == 1


def test_the_last_of_128_taps_can_win():
    where, x = window("max_pool", (8, 16), (8, 16)), jnp.zeros((1, 8, 16, 1), jnp.float32).at[0, -1, -1, 0].set(1)
    assert jax.jit(pooling.window_max, static_argnums=1)(x, where)[1].item() == 127


def test_padding_never_wins_even_against_minus_infinity():
    where = window("max_pool", (2,), (3,), padding=1)
    best, winner = pooling.window_max(jnp.full((1, 2, 1), -jnp.inf, jnp.float32), where)
    assert np.asarray(winner).ravel().tolist() == [1, 0]
    assert np.asarray(best).ravel().tolist() == [-np.inf, -np.inf]
