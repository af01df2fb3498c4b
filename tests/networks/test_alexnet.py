"""Tests of AlexNet: torchvision's counts and shapes, its initialisation, and what it does not take."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.networks import alexnet, flat, summary

SHAPE = (224, 224, 3)


def shapes(network):
    return flat(jax.eval_shape(lambda key: network.init(key, SHAPE), jax.random.key(0)))


def test_parameters_are_those_of_the_ledger():
    leaves = shapes(alexnet())
    assert sum(leaf.size for leaf in leaves.values()) == 61_100_840
    last = leaves["classifier/dense3/kernel"]
    assert last.shape == (4096, 1000)
    assert last.size == 4_096_000


def test_every_convolution_and_pool_has_torchvision_s_size():
    rows = summary(alexnet(), SHAPE)
    sizes = [row.output_shape for row in rows if row.kind in ("conv", "max_pool", "adaptive_avg_pool")]
    assert sizes == [
        *((55, 55, 64), (27, 27, 64), (27, 27, 192), (13, 13, 192)),
        *((13, 13, 384), (13, 13, 256), (13, 13, 256), (6, 6, 256), (6, 6, 256)),
    ]
    assert sum(row.multiply_adds for row in rows) == 714_188_480


@pytest.mark.heavy
def test_the_built_tree_has_as_many_numbers_within_pytorch_s_bounds():
    params = flat(jax.jit(alexnet().init, static_argnums=1)(jax.random.key(0), SHAPE))
    assert sum(leaf.size for leaf in params.values()) == 61_100_840
    for path, fan_in in (("features/conv1", 363), ("features/conv2", 1600), ("classifier/dense1", 9216)):
        for leaf in (params[f"{path}/kernel"], params[f"{path}/bias"]):
            largest = float(jnp.abs(leaf).max())
            assert 0.9 * fan_in**-0.5 < largest <= fan_in**-0.5 * (1 + 1e-6)


def test_images_of_twice_the_size_are_averaged_and_others_refused():
    assert alexnet().output_shape((415, 415, 3)) == (1000,)  # 12 x 12 before the average
    with pytest.raises(ValueError, match="6 equal windows do not fit into 7 x 7 positions"):
        alexnet().output_shape((256, 256, 3))


def test_another_initialiser_leaves_biases_at_zero():
    drawn = alexnet(kernel_init=jax.nn.initializers.ones)
    site = drawn.sites(SHAPE)[0]
    leaves = site.layer.leaves(site.input_shape)
    assert np.all(leaves["kernel"][0](None, (2, 2), jnp.float32) == 1)
    assert not np.any(leaves["bias"][0](None, (2,), jnp.float32))
