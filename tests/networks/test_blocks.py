"""Tests of residual blocks: seed 4's counts from built trees, what the wiring computes, and gradients in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn import ops, reference
from jaxcnn.networks import bottleneck_block, flat, projection, residual_block, subsampling


def parameters(network, channels):
    params = network.init(jax.random.key(0), (4, 4, channels))
    return sum(leaf.size for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize(
    ("block", "channels", "count"),
    [
        (residual_block(32), 32, 18_624),
        (bottleneck_block(128), 128, 17_984),
        (residual_block(128), 128, 295_680),
        (bottleneck_block(128, shortcut=projection(128)), 128, 34_752),
        (residual_block(32, shortcut=subsampling(32, stride=1)), 32, 18_624),
        (residual_block(32, shortcut=None), 32, 18_624),
        (residual_block(32, pre_activation=True), 32, 18_624),
        (residual_block(32, normalised=False), 32, 2 * 9_248),
        (residual_block(32, bias=None), 32, 18_624 - 64),
    ],
    ids=lambda value: value if isinstance(value, int) else "block",
)
def test_parameters_of_the_built_tree_are_those_of_the_seed(block, channels, count):
    assert parameters(block, channels) == count


def test_the_counts_of_the_seed_layer_by_layer():
    params = bottleneck_block(128).init(jax.random.key(0), (4, 4, 128))
    sizes = {path.removeprefix("sum/body/"): leaf.size for path, leaf in flat(params).items()}
    convolutions = [sizes[f"conv{i}/kernel"] + sizes[f"conv{i}/bias"] for i in (1, 2, 3)]
    norms = [sizes[f"bn{i}/scale"] + sizes[f"bn{i}/offset"] for i in (1, 2, 3)]
    assert (convolutions, norms) == ([4128, 9248, 4224], [64, 64, 256])


X = jax.random.normal(jax.random.key(3), (2, 4, 4, 8), jnp.float64)


def silent(network):
    """Parameters with which every convolution gives zero."""
    params = network.init(jax.random.key(0), X.shape[1:], jnp.float64)
    return jax.tree.map_with_path(lambda path, leaf: leaf * (path[-1].key != "kernel"), params)


@pytest.mark.parametrize("make", [residual_block, bottleneck_block])
def test_a_silent_body_leaves_the_shortcut(make):
    post, pre, plain = make(8), make(8, pre_activation=True), make(8, shortcut=None)
    outputs = [block.apply(silent(block), X, block.init_state(X.shape[1:]))[0] for block in (post, pre, plain)]
    assert np.array_equal(outputs[0], jnp.maximum(X, 0))
    assert np.array_equal(outputs[1], X)
    assert not outputs[2].any()


def test_a_block_is_what_its_equation_says():
    block = residual_block(8, shortcut=projection(8))
    params = block.init(jax.random.key(1), X.shape[1:], jnp.float64)
    body, across = params["sum"]["body"], params["sum"]["shortcut"]
    y = reference.conv(X, **body["conv1"], padding=1)
    y = reference.relu(reference.batch_norm(y, **body["bn1"]))
    y = reference.batch_norm(reference.conv(y, **body["conv2"], padding=1), **body["bn2"])
    y += reference.batch_norm(reference.conv(X, **across["conv"]), **across["bn"])
    found, _ = block.apply(params, X, block.init_state(X.shape[1:], jnp.float64), training=True)
    assert np.allclose(found, reference.relu(y), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "pre_activation"), [(residual_block, False), (bottleneck_block, True)], ids=["standard", "bottleneck, pre"]
)
def test_handwritten_gradients_are_those_of_plain_layers(make, pre_activation):
    block = make(16, stride=2, shortcut=subsampling(16), pre_activation=pre_activation)
    params = block.init(jax.random.key(0), X.shape[1:], jnp.float64)
    state = block.init_state(X.shape[1:], jnp.float64)

    def loss(params, layers):
        return jnp.sum(jnp.sin(block.apply(params, X, state, training=True, ops=layers)[0]))

    gradients = jax.jit(jax.grad(loss), static_argnums=1)
    hand, auto = (jax.tree.leaves(gradients(params, layers)) for layers in (ops, reference))
    assert all(np.allclose(a, b, rtol=0, atol=1e-11) for a, b in zip(hand, auto, strict=True))


def test_subsampling_takes_every_other_position_and_adds_empty_channels():
    y = subsampling(12).apply({}, X)
    assert np.array_equal(y[..., :8], X[:, ::2, ::2])
    assert y.shape == (2, 2, 2, 12)
    assert not y[..., 8:].any()


def test_what_cannot_be_built_is_named():
    with pytest.raises(ValueError, match="multiple of 4, the bottleneck's ratio, got 6"):
        bottleneck_block(6)
    with pytest.raises(ValueError, match="channels=4 but 8 come in"):
        subsampling(4).apply({}, X)
    with pytest.raises(ValueError, match="make them equal"):
        residual_block(16).output_shape((4, 4, 8))
