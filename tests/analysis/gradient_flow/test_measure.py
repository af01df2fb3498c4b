"""What is measured, against the same network written out and differentiated by jax.grad."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.gradient_flow import measure
from analysis.gradient_flow.experiments.sensitivity import wrong_rule
from jaxcnn import networks


def small():
    return networks.serial(
        conv=networks.conv(3, 3, padding="SAME"),
        relu=networks.relu(),
        pool=networks.max_pool(2),
        flatten=networks.flatten(),
        dense=networks.dense(4),
        tanh=networks.tanh(),
    )


@pytest.fixture(scope="module")
def case():
    network, x = small(), jax.random.normal(jax.random.key(1), (4, 4, 4, 2), jnp.float64)
    params = network.init(jax.random.key(0), (4, 4, 2), jnp.float64)
    dy = jax.random.normal(jax.random.key(2), (4, 4), jnp.float64)
    return network, params, x, dy, measure(network, params, x, dy)


def written_out(params, x, probe=0.0):
    """The same network on lax, and the places where a row is measured."""
    z = jax.lax.conv_general_dilated(
        x, params["conv"]["kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    z = z + params["conv"]["bias"] + probe
    pooled = jax.nn.relu(z).reshape(len(x), 2, 2, 2, 2, 3).max(axis=(2, 4))
    return jnp.tanh(pooled.reshape(len(x), -1) @ params["dense"]["kernel"] + params["dense"]["bias"]), z


def test_mean_squares_of_signal_and_gradients(case):
    _, params, x, dy, flow = case
    y, z = written_out(params, x)
    assert flow.row("conv")["forward"] == pytest.approx(float(jnp.mean(z**2)), rel=1e-12)
    assert flow.row("tanh")["forward"] == pytest.approx(float(jnp.mean(y**2)), rel=1e-12)
    delta = jax.grad(lambda probe: jnp.sum(dy * written_out(params, x, probe)[0]))(jnp.zeros_like(z))
    assert flow.row("conv")["backward"] == pytest.approx(float(jnp.mean(delta**2)), rel=1e-12)
    gradient = jax.grad(lambda params: jnp.sum(dy * written_out(params, x)[0]))(params)
    for layer in ("conv", "dense"):
        expected = float(jnp.mean(gradient[layer]["kernel"] ** 2))
        assert flow.row(layer)["kernel_gradient"] == pytest.approx(expected, rel=1e-12)
        assert flow.row(layer)["check"] == pytest.approx(1, rel=1e-12)


def test_shares_and_cosines(case):
    _, params, x, _, flow = case
    y, z = written_out(params, x)
    assert flow.row("relu")["active"] == pytest.approx(float(jnp.mean(z > 0)), rel=1e-6)
    assert flow.row("relu")["saturated"] == pytest.approx(float(jnp.mean(z <= 0)), rel=1e-6)
    assert flow.row("tanh")["saturated"] == pytest.approx(float(jnp.mean(1 - y**2 < 0.05)), rel=1e-6)
    unit = y / jnp.linalg.norm(y, axis=1, keepdims=True)
    expected = (unit[0] @ unit[1] + unit[2] @ unit[3]) / 2
    assert flow.row("tanh")["forward_cosine"] == pytest.approx(float(expected), rel=1e-12)
    assert np.isnan(flow.row("pool")["active"])


def test_a_dead_unit_is_counted():
    network = networks.serial(dense=networks.dense(4), relu=networks.relu())
    params = network.init(jax.random.key(0), (3,), jnp.float64)
    params["dense"]["bias"] = jnp.array([-100.0, 100.0, 100.0, 100.0])
    flow = measure(network, params, jnp.ones((2, 3), jnp.float64))
    assert flow.row("relu")["dead"] == 0.25


def test_a_list_of_user_functions():
    layers = [("mine", lambda weights, x: x @ weights), ("swish", jax.nn.swish), ("last", networks.dense(1))]
    params = {"mine": jnp.eye(3, dtype=jnp.float64), "last": {"kernel": jnp.ones((3, 1)), "bias": jnp.zeros(1)}}
    flow = measure(layers, params, jnp.ones((2, 3), jnp.float64), jnp.ones((2, 1), jnp.float64))
    swish = 1 / (1 + np.exp(-1.0))
    slope = swish + swish * (1 - swish)
    assert flow.layers == ("mine", "swish", "last")
    assert flow["forward"] == pytest.approx([1, swish**2, 9 * swish**2])
    assert flow["backward"] == pytest.approx([slope**2, 1, 1])
    assert flow["kernel_gradient"] == pytest.approx([4 * slope**2, np.nan, 4 * swish**2], nan_ok=True)
    assert flow.sizes == (9, 0, 3)


def test_residual_networks_have_a_row_per_layer():
    network = networks.residual(networks.serial(a=networks.dense(3), r=networks.relu()))
    params = network.init(jax.random.key(0), (3,), jnp.float64)
    flow = measure(network, params, jnp.ones((2, 3), jnp.float64))
    assert flow.layers == ("body/a", "body/r", "shortcut")


def test_a_loss_given_as_its_gradient(case):
    network, params, x, _, _ = case
    flow = measure(network, params, x, lambda y: 2 * y)
    assert flow.row("tanh")["backward"] == pytest.approx(4 * flow.row("tanh")["forward"], rel=1e-12)


def test_a_wrong_kernel_gradient_shows(case):
    network, params, x, dy, _ = case
    flow = measure(network, params, x, dy, ops=wrong_rule(0.01))
    assert flow.row("conv")["check"] == pytest.approx(1, rel=1e-12)
    assert flow.row("dense")["check"] == pytest.approx(1 / 1.01, rel=1e-12)


def test_mistakes_are_named(case):
    network, params, x, _, _ = case
    with pytest.raises(ValueError, match=r"measure: dy has shape \(4, 3\) but the output has \(4, 4\)"):
        measure(network, params, x, jnp.ones((4, 3)))
    with pytest.raises(TypeError, match=r"layers must be a Network or a sequence of \(name, layer\) pairs"):
        measure([jax.nn.relu], params, x)
    with pytest.raises(ValueError, match="names must differ, got a, a"):
        measure([("a", jax.nn.relu), ("a", jax.nn.relu)], params, x)
    with pytest.raises(ValueError, match="params have no entry for layer dense"):
        measure(network, {"conv": params["conv"]}, x)
    with pytest.raises(ValueError, match="params have no entry for layer mine"):
        measure([("mine", lambda weights, x: x @ weights)], {}, x)
