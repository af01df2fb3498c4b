"""Tests of weights files: what is read and written, and every way in which a file is refused."""

import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from jaxcnn import networks
from jaxcnn.errors import UserError
from jaxcnn.networks import flat, resnet_small
from jaxcnn.weights import load, save, tensors

SHAPE = (8, 8, 1)
NETWORK = resnet_small(8, width=4)
ONE = networks.serial(conv1=networks.conv(1, 1, bias=None))


@pytest.fixture(scope="module")
def leaves():
    params, state = NETWORK.init(jax.random.key(0), SHAPE, np.float32), NETWORK.init_state(SHAPE, np.float32)
    random = np.random.default_rng(0)
    return tuple(
        jax.tree.map(lambda leaf: random.uniform(0.5, 1.5, leaf.shape).astype(np.float32), part)
        for part in (params, state)
    )


@pytest.fixture
def path(tmp_path, leaves):
    save(tmp_path / "w.safetensors", NETWORK, SHAPE, *leaves)
    return tmp_path / "w.safetensors"


def changed(path, **tensors):
    """The file with some tensors replaced, added or, where None, taken out."""
    content = {**load_file(path), **{name.replace("__", "."): tensor for name, tensor in tensors.items()}}
    save_file({name: tensor for name, tensor in content.items() if tensor is not None}, path)
    return path


@pytest.mark.parametrize("names", ["jaxcnn", "pytorch"])
def test_what_is_saved_is_loaded_bit_for_bit(names, leaves, tmp_path):
    save(tmp_path / "w.safetensors", NETWORK, SHAPE, *leaves, names=names)
    found = load(tmp_path / "w.safetensors", NETWORK, SHAPE)
    assert jax.tree.structure(found) == jax.tree.structure(leaves)
    assert jax.tree.all(jax.tree.map(np.array_equal, found, leaves))
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {np.dtype(np.float32)}


def test_loading_and_saving_again_gives_the_same_file(path, tmp_path):
    save(tmp_path / "again.safetensors", NETWORK, SHAPE, *load(path, NETWORK, SHAPE))
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_pytorch_s_names_are_written(path):
    assert "layer2.0.bn1.running_var" in load_file(path)
    assert load_file(path)["conv1.weight"].shape == (4, 1, 3, 3)


def test_half_precision_is_widened_and_the_count_of_batches_passed_over(path):
    half = load_file(path)["fc.weight"].astype(np.float16)
    changed(path, fc__weight=half, bn1__num_batches_tracked=np.array(7))
    params, _ = load(path, NETWORK, SHAPE)
    assert np.array_equal(params["dense"]["kernel"], half.astype(np.float32).T)


nan = np.full((4, 1, 3, 3), 1, np.float32)
nan[1, 0, 2, 2] = np.nan


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"fc__bias": None}, r"w\.safetensors: lacks fc\.bias; is it another network's file"),
        ({"extra": np.ones(2, np.float32)}, r"has more than this network: extra;"),
        ({"fc__bias": np.ones(9, np.float32)}, r"fc\.bias has shape \(9,\) but this network needs \(10,\)"),
        ({"conv1__weight": nan}, r"conv1\.weight has 1 of 36 numbers that are not finite"),
        ({"bn1__running_var": np.full(4, np.inf, np.float32)}, r"bn1\.running_var has 4 of 4 numbers"),
        ({"fc__bias": np.ones(10, np.int32)}, r"fc\.bias holds int32, not floating-point numbers"),
        ({"fc__bias": np.full(10, 1e300)}, r"fc\.bias has a number of size 1e\+300, too large for float32"),
        ({"fc__bias": None, "fc__weight": None}, r"lacks fc\.weight, fc\.bias;"),
    ],
    ids=["missing", "extra", "wrong shape", "nan", "infinite", "integers", "too large", "two missing"],
)
def test_a_tensor_that_does_not_fit_is_named(tensors, message, path):
    with pytest.raises(UserError, match=message):
        load(changed(path, **tensors), NETWORK, SHAPE)


def test_a_tensor_of_our_own_names_is_named_by_them(leaves, tmp_path):
    path = tmp_path / "w.safetensors"
    save(path, NETWORK, SHAPE, *leaves, names="jaxcnn")
    content = load_file(path)
    save_file({name: tensor for name, tensor in content.items() if name != "bn1/mean"}, path)
    with pytest.raises(UserError, match="lacks bn1/mean;"):
        load(path, NETWORK, SHAPE)


@pytest.mark.parametrize("length", [0, 7, 100, -1], ids=["empty", "torn length", "torn header", "torn end"])
def test_a_damaged_file_is_one_sentence(length, path):
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match=r"w\.safetensors: is no whole \.safetensors file"):
        load(path, NETWORK, SHAPE)


@pytest.mark.parametrize(
    ("dtype", "message"), [("F8_E4M3", "is no whole .safetensors file .*float8_e4m3fn"), ("U8", "holds uint8, not")]
)
def test_numbers_of_another_kind_are_named(path, dtype, message):
    head = json.dumps({"conv1/kernel": {"dtype": dtype, "shape": [1, 1, 1, 1], "data_offsets": [0, 1]}}).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + b"\x38")
    with pytest.raises(UserError, match=message):
        load(path, ONE, (1, 1, 1))


def test_bfloat16_is_widened(tmp_path):
    save_file({"conv1/kernel": np.full((1, 1, 1, 1), 1.5, jnp.bfloat16)}, tmp_path / "w.safetensors")
    kernel = load(tmp_path / "w.safetensors", ONE, (1, 1, 1))[0]["conv1"]["kernel"]
    assert (kernel.dtype, kernel.item()) == (np.float32, 1.5)


def test_other_files_are_refused(path, leaves, tmp_path):
    with pytest.raises(UserError, match="no such file"):
        load(tmp_path / "absent.safetensors", NETWORK, SHAPE)
    (tmp_path / "w.npz").write_bytes(b"")
    with pytest.raises(UserError, match=r"read from \.safetensors or \.pth, not \.npz"):
        load(tmp_path / "w.npz", NETWORK, SHAPE)
    with pytest.raises(UserError, match=r"written to \.safetensors, or with PyTorch's names to \.pth"):
        save(tmp_path / "w.pth", NETWORK, SHAPE, *leaves, names="jaxcnn")


def test_without_pytorch_a_pth_says_what_to_install(monkeypatch, tmp_path):
    (tmp_path / "w.pth").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UserError, match=r"needs PyTorch; install jaxcnn\[compare\]"):
        load(tmp_path / "w.pth", NETWORK, SHAPE)


def test_every_leaf_of_the_tree_is_a_tensor(leaves):
    assert {tensor.path for tensor in tensors(NETWORK, SHAPE)} == {*flat(leaves[0]), *flat(leaves[1])}
