"""Running a max pool before the ReLU that stands in front of it changes no bit, and keeps less."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn import networks, reference
from jaxcnn import ops as handwritten
from jaxcnn.networks.commuting import pools_first

WINDOWS = [(2, 2, "VALID"), (3, 1, "SAME"), (3, 2, "VALID"), (2, 3, "SAME")]


def pair(window, stride, padding):
    return networks.serial(act=networks.relu(), pool=networks.max_pool(window, stride=stride, padding=padding))


def few_values(shape, seed=0):
    """Ties, zeros, windows without a positive number, and now and then no number at all."""
    draw = np.random.default_rng(seed)
    x = draw.integers(-2, 3, shape).astype(np.float32)
    x[:, : shape[1] // 2] = -np.abs(x[:, : shape[1] // 2])
    return np.where(draw.random(shape) < 0.02, np.float32(np.nan), x)


@pytest.mark.parametrize(("window", "stride", "padding"), WINDOWS, ids=str)
def test_both_orders_give_equal_bits(window, stride, padding):
    network = pair(window, stride, padding)
    swapped = pools_first(network)
    assert [name for name, _ in swapped.children] == ["pool", "act"]
    x = few_values((3, 9, 9, 2))

    def value_and_pullback(network):
        """In the order in which the children stand: `run` leaves it as it is."""
        y, back = jax.vjp(lambda x: network.run(x, in_place), jnp.asarray(x))
        dy = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
        return np.asarray(y), np.asarray(back(dy)[0])

    for written, moved in zip(value_and_pullback(network), value_and_pullback(swapped), strict=True):
        np.testing.assert_array_equal(written, moved)
        np.testing.assert_array_equal(np.signbit(written), np.signbit(moved))  # of zeros, too


def in_place(path, layer, x):
    return layer.forward(x, networks.network.Call(path, {}, {}))[0]


def test_apply_agrees_with_the_reference_in_the_order_written():
    network, x = pair(3, 2, "SAME"), few_values((2, 8, 8, 3))
    hand, auto = (network.apply({}, x, ops=ops) for ops in (handwritten, reference))
    np.testing.assert_array_equal(hand, auto)


def test_paths_and_parameters_stay():
    network = networks.serial(
        block=networks.serial(conv=networks.conv(4, 3), act=networks.relu(), pool=networks.max_pool(2)),
        act=networks.relu(),
        pool1=networks.max_pool(2),
        pool2=networks.max_pool(2),
        other=networks.tanh(),
        pool3=networks.max_pool(1),
    )
    swapped = pools_first(network)
    assert [name for name, _ in swapped.children] == ["block", "pool1", "pool2", "act", "other", "pool3"]
    assert [name for name, _ in swapped.children[0][1].children] == ["conv", "pool", "act"]
    shapes = [jax.tree.map(jnp.shape, n.init(jax.random.key(0), (16, 16, 1))) for n in (network, swapped)]
    assert shapes[0] == shapes[1]


def test_the_pair_keeps_winners_and_the_pooled_output_only():
    network, x = pair(2, 2, "VALID"), jnp.ones((1, 16, 16, 8), jnp.float32)
    _, back = jax.vjp(lambda x: network.apply({}, x), x)
    kept = sum(leaf.nbytes for leaf in jax.tree.leaves(back) if leaf.shape)
    assert kept == x.size // 4 * (1 + 4)  # a byte for the winner, four for the output
