"""Tests of VGG: torchvision's counts and shapes."""

import jax
import pytest

from jaxcnn.networks import summary, vgg11, vgg16


@pytest.mark.parametrize(
    ("make", "convolutions", "parameters"),
    [(vgg11, 8, 132_863_336), (vgg16, 13, 138_357_544)],
    ids=["11", "16"],
)
def test_counts_and_shapes(make, convolutions, parameters):
    tree = jax.eval_shape(lambda key: make().init(key, (224, 224, 3)), jax.random.key(0))
    rows = summary(make(), (224, 224, 3))
    pools = [row.output_shape for row in rows if row.kind == "max_pool"]
    assert sum(leaf.size for leaf in jax.tree.leaves(tree)) == parameters
    assert [row.kind for row in rows].count("conv") == convolutions
    assert pools == [(112, 112, 64), (56, 56, 128), (28, 28, 256), (14, 14, 512), (7, 7, 512)]
