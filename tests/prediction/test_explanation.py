"""Tests of the explanations: the map against its definition, the gradient against jax.grad of plain layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn import reference
from jaxcnn.networks import (
    alexnet,
    batch_norm,
    conv,
    dense,
    flatten,
    global_avg_pool,
    lenet5,
    relu,
    resnet_small,
    serial,
)
from jaxcnn.prediction.explanation import explain, feature_site
from jaxcnn.prediction.models import Model
from jaxcnn.prediction.preprocessing import plain
from tests.prediction.files import noise

SHAPE = (8, 8, 1)


def model(network):
    params = network.init(jax.random.key(0), SHAPE, jnp.float32)
    return Model("", network, params, network.init_state(SHAPE, jnp.float32), plain(SHAPE), tuple("0123456789"))


@pytest.fixture(scope="module")
def averaging():
    """A network that ends as residual networks do."""
    return model(
        serial(conv=conv(6, 3, stride=2), bn=batch_norm(), relu=relu(), average=global_avg_pool(), dense=dense(10))
    )


@pytest.fixture(scope="module")
def image():
    return noise(8, 8, 1)[..., None]


def test_where_an_average_and_a_dense_layer_follow_the_map_is_the_dense_layer_s(averaging, image):
    x = averaging.preprocessing.normalised(image)[None]
    body = serial(**{name: child for name, child in averaging.network.children if name not in ("average", "dense")})
    dense = averaging.params["dense"]
    rest = {name: leaf for name, leaf in averaging.params.items() if name != "dense"}
    features = body.apply(rest, x, averaging.state, ops=reference)[0][0]  # [3, 3, 6]
    logit = averaging.network.apply(averaging.params, x, averaging.state)[0][0, 7]
    found = explain(averaging, image, 7).activation
    assert np.allclose(found, features @ dense["kernel"][:, 7], atol=1e-5)
    assert np.isclose(found.mean() + dense["bias"][7], logit, atol=1e-5)


def test_the_input_gradient_is_jax_grad_s(averaging, image):
    x = jnp.asarray(averaging.preprocessing.normalised(image)[None])

    def logit(x):
        return averaging.network.apply(averaging.params, x, averaging.state, ops=reference)[0][0, 3]

    assert np.allclose(explain(averaging, image, 3).gradient, np.abs(jax.grad(logit)(x))[0, ..., 0], atol=1e-5)


def test_the_features_are_the_last_maps_before_the_end():
    assert feature_site(alexnet(), (224, 224, 3)) == ("features/pool3", (6, 6, 256))
    assert feature_site(lenet5(), (32, 32, 1)) == ("pool2", (5, 5, 16))
    assert feature_site(resnet_small(8), (32, 32, 3)) == ("layer3/block1/relu2", (8, 8, 64))


def test_a_network_without_maps_has_a_gradient_only(image):
    found = explain(model(serial(flat=flatten(), dense=dense(10))), image, 0)
    assert found.activation is None
    assert found.gradient.shape == (8, 8)
