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
from tests.analysis.gradient_flow.plain import stacks

DEPTH, WIDTH = 4, 8

# activation, sw2, sb2, the length that the layers keep, layers, the gradient's factor per layer
STACKS = {
    "Xavier, linear": ("linear", 1.0, 0.0, 1.0, 20, 1.0),
    "U(+-1/sqrt n), linear": ("linear", 1 / 3, 0.0, None, 20, 1 / 3),
    "He, ReLU": ("relu", 2.0, 0.0, 1.0, 20, 1.0),
    "He, leaky ReLU": ("leaky_relu", 2 / 1.01, 0.0, 1.0, 20, 1.0),
    "Xavier, ReLU": ("relu", 1.0, 0.0, None, 31, 0.5),
    "sigmoid": ("sigmoid", 1.0, 0.0, 0.2647, 9, 0.0557),
    "tanh, ordered": ("tanh", 1.0, 0.05, 0.19359, 13, 0.75903),
    "tanh, chaotic": ("tanh", 2.5, 0.05, 1.06396, 13, 1.13352),
}


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


@pytest.mark.parametrize(("phi", "sw2", "sb2", "kept", "depth", "factor"), STACKS.values(), ids=STACKS)
def test_growth_of_stacks_in_numpy(phi, sw2, sb2, kept, depth, factor):
    width, count, length = 96, 32, 1.0 if kept is None else (kept - sb2) / sw2
    line = expect(phi, Init(sw2, sb2), depth, width, length)
    found = stacks(phi, sw2, sb2, depth, width, count, length=length, is_uniform=factor == 1 / 3)
    assert line.backward[0] ** (1 / (depth - 1)) == pytest.approx(factor, abs=5e-5)
    for column, layer in (("forward", depth - 1), ("backward", 0)):
        assert abs(line.z(found, column, layer)) < 4, column
    logs = np.log(found.kernel_gradient)
    for layer in range(depth):
        spreads = [line.spread("backward", layer), line.spread("forward", max(layer - 1, 0))]
        centre = np.log(line.kernel_gradient[layer]) + sum(spread.shift for spread in spreads)
        error = (sum(spread.variance for spread in spreads) / count) ** 0.5
        assert abs(logs[:, layer].mean() - centre) < 4 * error, layer


def test_xavier_and_relu_hide_a_vanishing_signal():
    line, found = expect("relu", Init(1.0), 31, 96), stacks("relu", 1.0, 0.0, 31, 96, 32)
    assert line.backward[0] == pytest.approx(2.0**-30)
    assert line.kernel_gradient == pytest.approx([2.0**-30] * 31)
    means = np.exp(np.log(found.kernel_gradient).mean(axis=0))
    assert means.max() < 3 * means.min()  # flat, where the signal's gradient falls by nine decades


@pytest.mark.parametrize("phi", ["relu", "gelu"])
def test_measured_and_expected(phi):
    init = Init(1.5, 0.3)
    line, found = expect(phi, init, 6, 128), profile(phi, init, 6, 128, 12, seed=7)
    for column in ("forward", "backward"):
        for layer in (0, 3):
            assert abs(line.z(found, column, layer)) < 4


def test_cosines_of_gradients():
    x = jnp.eye(2, 256, dtype=jnp.float32) * 16
    found, expected = profile("relu", HE, 9, 256, 12, x=x), cosines(9)
    for values, line in zip((found.forward_cosine, found.backward_cosine), expected, strict=True):
        error = values.std(axis=0, ddof=1) / 12**0.5 + 1e-6
        assert np.abs((values.mean(axis=0) - line) / error).max() < 6  # nine numbers, t-distributed
        assert error.max() < 0.05


def test_gradients_of_relu_become_unlike_like_a_power():
    assert cosines(8, 0.5)[1][0] == pytest.approx(0.137, abs=5e-4)
    ends = [cosines(depth)[1][0] for depth in (2001, 4001)]
    assert ends[0] / ends[1] == pytest.approx(8, rel=0.02)  # l^-3, to a term ln l / l
