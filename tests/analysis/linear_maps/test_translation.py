"""Equivariance where it must be exact, its three causes of failure, invariance by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.linear_maps import equivariance_errors, invariance_errors, invariances, shift
from jaxcnn import networks, ops
from jaxcnn.networks import (
    batch_norm,
    conv,
    dense,
    flatten,
    global_avg_pool,
    identity,
    max_pool,
    relu,
    residual,
    serial,
)

X = jax.random.normal(jax.random.key(0), (1, 14, 14, 1), jnp.float32)
SHIFTS = [(0, 0), (0, 1), (2, -2), (4, 0)]


def errors(network: networks.Network, x: jax.Array = X, interior: bool = True) -> dict[str, np.ndarray]:
    params = network.init(jax.random.key(1), x.shape[1:])
    return equivariance_errors(network, params, x, SHIFTS, interior=interior)


def test_shift_moves_and_fills_with_zeros() -> None:
    x = jnp.arange(6.0).reshape(1, 2, 3, 1)
    np.testing.assert_array_equal(shift(x, (1, -1))[0, :, :, 0], [[0, 0, 0], [1, 2, 0]])


@pytest.mark.parametrize("padding", ["VALID", "SAME"])
def test_a_convolution_of_stride_1_is_equivariant_inside(padding: str) -> None:
    np.testing.assert_allclose(errors(serial(c=conv(2, 3, padding=padding), r=relu()))["r"], 0, atol=1e-6)


def test_a_stride_is_equivariant_for_its_multiples_only() -> None:
    """(0, 1) is no multiple of 2: no shift of the output does; the best of the two nearest is far off."""
    found = errors(serial(a=conv(2, 3), b=max_pool(2)))["b"]
    np.testing.assert_allclose(found[[0, 2, 3]], 0, atol=1e-6)
    assert found[1] > 0.1


def test_the_border_is_what_breaks_it() -> None:
    """Zeros move in where pixels were: at the border the shifted output is another."""
    found = errors(serial(c=conv(2, 3, padding="SAME")), interior=False)["c"]
    assert found[0] == 0
    assert np.all(found[1:] > 0.05)


def test_a_background_of_zeros_moves_without_error() -> None:
    x = jnp.zeros((1, 14, 14, 1), jnp.float32).at[:, 6:8, 6:8].set(1.0)
    np.testing.assert_allclose(errors(serial(c=conv(2, 3, padding="SAME", bias=None)), x, False)["c"], 0, atol=1e-6)


def test_layers_after_the_images_are_left_out() -> None:
    assert list(errors(serial(c=conv(2, 3), flat=flatten(), out=dense(2)))) == ["c"]


def test_invariances_of_a_global_maximum() -> None:
    x = jnp.zeros((1, 5, 5, 1)).at[0, 0, 2, 0].set(1.0)
    same = invariances(lambda x: ops.max_pool(x, 5), x)[:, :, 0, 0, 0]
    np.testing.assert_array_equal(same, [[False] * 3, [True] * 3, [True] * 3])  # moved up, the one pixel is lost


def test_invariance_errors_by_hand() -> None:
    """One pixel of 1 moves by one: the image changes by sqrt(2) of its norm, a global mean not at all."""
    x = jnp.zeros((1, 5, 5, 1)).at[0, 2, 2, 0].set(1.0)
    found = invariance_errors(serial(same=identity(), mean=global_avg_pool()), {}, x, [(0, 0), (0, 1)])
    np.testing.assert_allclose(found["same"], [0, 2**0.5], rtol=1e-6)
    np.testing.assert_allclose(found["mean"], [0, 0], atol=1e-7)


def test_a_residual_network_with_batch_norm() -> None:
    """Equivariant inside; layers are listed in running order."""
    block = serial(c=conv(2, 3, padding="SAME"), bn=batch_norm(), r=relu())
    network = serial(first=conv(2, 3), block=residual(block), pool=max_pool(2))
    params, state = network.init(jax.random.key(1), (14, 14, 1)), network.init_state((14, 14, 1))
    found = equivariance_errors(network, params, X, [(2, 0)], state=state, interior=True)
    names = ["first", "block/body/c", "block/body/bn", "block/body/r", "block/shortcut", "pool"]
    assert list(found) == names
    np.testing.assert_allclose([error[0] for error in found.values()], 0, atol=1e-6)
