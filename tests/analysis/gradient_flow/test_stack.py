"""The scanned stack against the same layers as a network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.gradient_flow import Init, measure
from analysis.gradient_flow.experiments.decorrelation import cosines
from analysis.gradient_flow.initial import HE
from analysis.gradient_flow.moments import activation
from analysis.gradient_flow.stack import draw, expect, profile, run
from jaxcnn import networks

DEPTH, WIDTH = 4, 8


def test_the_stack_is_the_network():
    params = draw(jax.random.key(0), DEPTH, WIDTH, Init(1.5, 0.1))
    x = jnp.ones((2, WIDTH), jnp.float32)
    layers = {}
    for number in range(DEPTH):
        layers |= {f"dense{number}": networks.dense(WIDTH), f"tanh{number}": networks.tanh()}
    del layers[f"tanh{DEPTH - 1}"]
    named = {f"dense{n}": {name: leaf[n] for name, leaf in params.items()} for n in range(DEPTH)}
    flow = measure(networks.serial(**layers), named, x)
    _, zs = run(params, activation("tanh"), x)
    np.testing.assert_allclose(jnp.mean(zs**2, axis=(1, 2)), flow["forward"][::2], rtol=1e-5)


def test_gradients_of_the_stack_are_those_of_the_network():
    found = profile("relu", HE, DEPTH, WIDTH, 1)
    assert found.backward.shape == (1, DEPTH)
    assert found.backward[0, -1] == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("phi", ["relu", "gelu"])
def test_measured_and_expected(phi):
    init = Init(1.5, 0.3)
    line, found = expect(phi, init, 6, 128), profile(phi, init, 6, 128, 12, seed=7)
    for column in ("forward", "backward"):
        for layer in (0, 3):
            assert abs(line.z(found, column, layer)) < 4


def test_cosines_of_gradients():
    x = jnp.eye(2, 256, dtype=jnp.float32) * 16
    found = profile("relu", HE, 9, 256, 12, x=x)
    signals, gradients = cosines(9)
    assert found.backward_cosine[:, 0].mean() == pytest.approx(gradients[0], abs=4 * 0.07 / 12**0.5)
    assert found.forward_cosine[:, -1].mean() == pytest.approx(signals[-1], abs=0.06)
