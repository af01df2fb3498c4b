"""Counts against counting by hand, for every way to pad."""

import jax.numpy as jnp
import numpy as np
import pytest

from analysis.linear_maps import MODES, contributions, gradient_weight, pad
from analysis.linear_maps.padding import taps_met

INDEX = {"valid": None, "same": None, "circular": "wrap", "reflect": "reflect"}


def counted(n: int, size: int, mode: str) -> np.ndarray:
    """Write down which position every tap of every output reads, and count."""
    each = 0 if mode == "valid" else (size - 1) // 2
    positions = np.arange(n)
    padded = np.pad(positions, each, mode=INDEX[mode]) if INDEX[mode] else np.pad(positions, each, constant_values=-1)
    reads = np.lib.stride_tricks.sliding_window_view(padded, size)
    return np.array([np.sum(reads == position) for position in positions])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [1, 3, 5])
def test_counts(mode: str, size: int) -> None:
    np.testing.assert_array_equal(contributions(9, size, mode), counted(9, size, mode))


@pytest.mark.parametrize("mode", MODES)
def test_two_dimensions_are_a_product(mode: str) -> None:
    one = contributions(7, 3, mode)
    np.testing.assert_array_equal(contributions(7, 3, mode, axes=2), np.multiply.outer(one, one))


def test_which_taps_the_border_meets() -> None:
    np.testing.assert_array_equal(taps_met(5, 3, "valid")[0], [True, False, False])
    np.testing.assert_array_equal(taps_met(5, 3, "same")[0], [True, True, False])
    assert taps_met(5, 3, "circular").all()


def test_the_gradient_weighs_the_border_less() -> None:
    np.testing.assert_allclose(gradient_weight(7, 3, "same"), [2 / 3, 1, 1, 1, 1, 1, 2 / 3])
    np.testing.assert_array_equal(gradient_weight(7, 3, "circular"), np.ones(7))


def test_mistakes_are_named() -> None:
    x = jnp.zeros((1, 5, 1))
    with pytest.raises(ValueError, match="unknown mode 'mirror'"):
        pad(x, 3, "mirror")
    with pytest.raises(ValueError, match="window of 4 has no middle"):
        pad(x, 4, "same")
