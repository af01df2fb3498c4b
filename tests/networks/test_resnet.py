"""Tests of residual networks: shapes, counts, equal trees without shortcuts, statistics that thread through."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.networks import NAMED, resnet18, resnet34, resnet50, resnet_small


def leaves(network, shape):
    """What `init` would build, without building it."""
    return jax.tree.leaves(jax.eval_shape(lambda key: network.init(key, shape), jax.random.key(0)))


def count(network, shape):
    return sum(leaf.size for leaf in leaves(network, shape))


SMALL = {8: 75_290, 14: 172_506, 20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018}


@pytest.mark.parametrize(("depth", "parameters"), SMALL.items())
def test_small_networks_are_as_deep_as_they_say(depth, parameters):
    network = resnet_small(depth)
    sites = network.sites((32, 32, 3))
    kinds = [site.layer.kind for site in sites]
    assert kinds.count("conv") + kinds.count("dense") == depth
    assert count(network, (32, 32, 3)) == parameters
    assert sites[-1].output_shape == (10,)


def test_small_networks_take_images_of_other_sizes():
    assert resnet_small(8).output_shape((28, 28, 1)) == (10,)


@pytest.mark.parametrize(
    ("make", "layers", "parameters"),
    [(resnet18, 18, 11_689_512), (resnet34, 34, 21_797_672), (resnet50, 50, 25_557_032)],
    ids=["18", "34", "50"],
)
def test_large_networks_have_torchvision_s_counts(make, layers, parameters):
    sites = make().sites((224, 224, 3))
    weighted = [site for site in sites if site.layer.kind in ("conv", "dense") and "shortcut" not in site.path]
    assert len(weighted) == layers
    assert count(make(), (224, 224, 3)) == parameters
    assert sites[-2].input_shape == (7, 7, 512 if layers < 50 else 2048)


def test_with_and_without_shortcuts_the_parameters_are_the_same_but_for_their_path():
    residual, plain = (resnet_small(14, shortcut=shortcut) for shortcut in (True, False))
    shapes = [sorted(leaf.shape for leaf in leaves(network, (8, 8, 1))) for network in (residual, plain)]
    assert shapes[0] == shapes[1]


def test_statistics_move_in_training_only_and_have_the_network_s_tree():
    network = resnet_small(8, pre_activation=True, width=4)
    params, state = network.init(jax.random.key(0), (8, 8, 3)), network.init_state((8, 8, 3))
    x = jax.random.normal(jax.random.key(1), (4, 8, 8, 3), jnp.float32)
    apply = jax.jit(network.apply, static_argnames="training")
    _, same = apply(params, x, state)
    _, moved = apply(params, x, state, training=True)
    assert jax.tree.structure(moved) == jax.tree.structure(state) == jax.tree.structure(same)
    assert jax.tree.all(jax.tree.map(np.array_equal, same, state))
    assert not any(np.array_equal(new, old) for new, old in zip(*map(jax.tree.leaves, (moved, state)), strict=True))


def test_without_norm_there_are_no_statistics():
    assert resnet_small(8, normalised=False).init_state((8, 8, 3)) == {}


@pytest.mark.parametrize("depth", [2, 7, 18, 51])
def test_a_depth_that_is_not_6n_plus_2_is_named(depth):
    with pytest.raises(ValueError, match=rf"6n \+ 2, three stages of n blocks of two layers, got {depth}"):
        resnet_small(depth)


@pytest.mark.parametrize("name", [f"resnet{depth}" for depth in SMALL])
def test_they_are_known_by_name_and_take_an_initialiser(name):
    build, shape = NAMED[name]
    assert build(kernel_init=jax.nn.initializers.zeros).output_shape(shape) == (10,)
