"""Tests of the layouts: where each number goes, worked by hand, and back."""

import jax
import numpy as np
import pytest

from jaxcnn.networks import NAMED, conv, conv_transpose, dense, flat, flatten, max_pool, serial
from jaxcnn.weights import tensors


def by_path(network, shape):
    return {tensor.path: tensor for tensor in tensors(network, shape)}


def test_a_convolution_s_kernel_is_oihw_there():
    tensor = by_path(serial(conv1=conv(4, (2, 3))), (5, 5, 7))["conv1/kernel"]
    theirs = np.arange(4 * 7 * 2 * 3).reshape(4, 7, 2, 3)
    ours = tensor.from_torch(theirs)
    assert ours.shape == (2, 3, 7, 4)
    assert ours[1, 2, 5, 3] == theirs[3, 5, 1, 2]


def test_the_first_dense_layer_after_a_flatten_is_reordered_and_the_next_is_not():
    network = serial(pool=max_pool(1), flatten=flatten(), dense1=dense(6), dense2=dense(6))
    first, second = (by_path(network, (2, 3, 4))[f"dense{i}/kernel"] for i in (1, 2))
    image = np.arange(24).reshape(2, 3, 4)  # [h, w, c]: every input's number
    as_pytorch_sees_it = image.transpose(2, 0, 1).ravel()  # its flatten: channels, then positions
    theirs = np.tile(as_pytorch_sees_it, (6, 1))  # a weight that says which input it is for
    assert first.from_torch(theirs)[:, 0].tolist() == image.ravel().tolist()
    square = np.arange(36).reshape(6, 6)
    assert np.array_equal(second.from_torch(square), square.T)


def test_a_bias_per_position_has_channels_first_there():
    tensor = by_path(serial(conv1=conv(4, 3, bias="position")), (5, 6, 2))["conv1/bias"]
    assert (tensor.shape, tensor.torch_shape) == ((3, 4, 4), (4, 3, 4))
    theirs = np.arange(48).reshape(4, 3, 4)
    assert tensor.from_torch(theirs)[2, 1, 3] == theirs[3, 2, 1]


def test_a_transposed_convolution_s_kernel_begins_with_its_inputs_there():
    tensor = by_path(serial(up=conv_transpose(4, 3)), (5, 5, 7))["up/kernel"]
    assert (tensor.shape, tensor.torch_shape) == ((3, 3, 4, 7), (7, 4, 3, 3))


REPEATING = {f"resnet{depth}" for depth in (20, 32, 44, 56)}  # the blocks of resnet14, more often


@pytest.mark.parametrize("name", [name for name in NAMED if name not in REPEATING])
def test_names_are_distinct_and_cover_every_leaf(name):
    build, shape = NAMED[name]
    network = build()
    found = tensors(network, shape)
    drawn = jax.eval_shape(lambda key: (network.init(key, shape), network.init_state(shape)), jax.random.key(0))
    assert len({tensor.name for tensor in found}) == len(found)
    for part, is_learnt in zip(drawn, (True, False), strict=True):
        leaves = {path: leaf.shape for path, leaf in flat(part).items()}
        assert {tensor.path: tensor.shape for tensor in found if tensor.is_learnt == is_learnt} == leaves


@pytest.mark.parametrize("name", ["seed2", "seed3_1d", "lenet5", "resnet8"])
def test_there_and_back_is_exact(name):
    build, shape = NAMED[name]
    for tensor in tensors(build(), shape):
        ours = np.random.default_rng(0).standard_normal(tensor.shape).astype(np.float32)
        theirs = tensor.to_torch(ours)
        assert theirs.shape == tensor.torch_shape
        assert np.array_equal(tensor.from_torch(theirs), ours)
