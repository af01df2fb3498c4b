"""Tests of the explanations: the map against its definition, the gradient against jax.grad of plain layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn import networks, reference
from jaxcnn.networks import alexnet, lenet5, resnet_small, serial
from jaxcnn.prediction.explanation import explain, feature_site
from jaxcnn.prediction.models import Model
from jaxcnn.prediction.preprocessing import plain
from tests.prediction.files import noise

SHAPE = (8, 8, 1)


def model(network):
    params = network.init(jax.random.key(0), SHAPE, jnp.float32)
    return Model("", network, params, network.init_state(SHAPE, jnp.float32), plain(SHAPE), tuple("0123456789"))


@pytest.fixture(scope="module")
def residual():
    return model(resnet_small(8, width=4))


@pytest.fixture(scope="module")
def image():
    return noise(8, 8, 1)[..., None]


def test_where_an_average_and_a_dense_layer_follow_the_map_is_the_dense_layer_s(residual, image):
    x = residual.preprocessing.normalised(image)[None]
    body = serial(**{name: child for name, child in residual.network.children if name not in ("average", "dense")})
    dense = residual.params["dense"]
    rest = {name: leaf for name, leaf in residual.params.items() if name != "dense"}
    features = body.apply(rest, x, residual.state, ops=reference)[0][0]  # [2, 2, 16]
    logit = residual.network.apply(residual.params, x, residual.state)[0][0, 7]
    found = explain(residual, image, 7).activation
    assert np.allclose(found, features @ dense["kernel"][:, 7], atol=1e-5)
    assert np.isclose(found.mean() + dense["bias"][7], logit, atol=1e-5)


def test_the_input_gradient_is_jax_grad_s(residual, image):
    x = jnp.asarray(residual.preprocessing.normalised(image)[None])

    def logit(x):
        return residual.network.apply(residual.params, x, residual.state, ops=reference)[0][0, 3]

    assert np.allclose(explain(residual, image, 3).gradient, np.abs(jax.grad(logit)(x))[0, ..., 0], atol=1e-5)


def test_the_features_are_the_last_maps_before_the_end():
    assert feature_site(alexnet(), (224, 224, 3)) == ("features/pool3", (6, 6, 256))
    assert feature_site(lenet5(), (32, 32, 1)) == ("pool2", (5, 5, 16))
    assert feature_site(resnet_small(8), (32, 32, 3)) == ("layer3/block1/relu2", (8, 8, 64))


def test_a_network_without_maps_has_a_gradient_only(image):
    found = explain(model(serial(flat=networks.flatten(), dense=networks.dense(10))), image, 0)
    assert found.activation is None
    assert found.gradient.shape == (8, 8)
