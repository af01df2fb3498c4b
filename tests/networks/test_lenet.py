"""Tests of LeNet-5: the count from the built tree, the paper's map sizes."""

import jax

from jaxcnn.networks import flat, lenet5


def test_the_built_tree():
    leaves = flat(jax.jit(lenet5().init, static_argnums=1)(jax.random.key(0), (32, 32, 1)))
    sizes = {name: sum(leaf.size for path, leaf in leaves.items() if path.startswith(name)) for name in lenet_layers()}
    assert sizes == {"conv1": 156, "conv2": 2416, "dense1": 48_120, "dense2": 10_164, "dense3": 850}
    assert sum(sizes.values()) == 61_706


def test_maps_have_the_paper_s_sizes():
    outputs = {site.path: site.output_shape for site in lenet5().sites((32, 32, 1))}
    assert [outputs[path] for path in ("conv1", "pool1", "conv2", "pool2")] == [
        (28, 28, 6),
        (14, 14, 6),
        (10, 10, 16),
        (5, 5, 16),
    ]


def lenet_layers():
    return ("conv1", "conv2", "dense1", "dense2", "dense3")
