"""Predictions against networks drawn many times, and against each other where two ways lead to the same number."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.gradient_flow import Init, measure, predict
from analysis.gradient_flow.convolution import same_padding_matrix
from analysis.gradient_flow.initial import tap_variances
from analysis.gradient_flow.stack import expect
from jaxcnn import networks


def deep(phi, init, depth, width):
    layers = {}
    for number in range(depth):
        layers |= {f"dense{number}": networks.dense(width, **init.layer()), f"act{number}": phi()}
    return networks.serial(**layers, out=networks.dense(width, **init.layer()))


@pytest.mark.parametrize("init", [Init(1.5, 0.05), Init(1.1, 0.01, is_orthogonal=True)], ids=["Gaussian", "orthogonal"])
def test_network_and_stack_are_predicted_alike(init):
    found = predict(deep(networks.tanh, init, 3, 32), None, np.ones((1, 32)))
    line = expect("tanh", init, 4, 32)
    dense = [0, 2, 4, 6]
    np.testing.assert_allclose(found["forward"][dense], line.forward, rtol=1e-10)
    np.testing.assert_allclose(found["backward"][dense], line.backward, rtol=1e-10)
    for at, layer in enumerate(dense):
        for column in ("forward", "backward"):
            one, other = found.spreads[column][layer], line.spread(column, at)
            assert one.variance == pytest.approx(other.variance, rel=1e-9, abs=1e-12)


def test_he_keeps_and_xavier_halves():
    x = np.ones((1, 64))
    he, xavier = (predict(deep(networks.relu, init, 5, 64), None, x) for init in (Init(2.0), Init(1.0)))
    assert he["backward"][[0, 2, 4, 6, 8]] == pytest.approx([1] * 5)
    assert xavier["backward"][[0, 2, 4, 6, 8]] == pytest.approx(0.5 ** np.array([5, 4, 3, 2, 1]))
    assert xavier["kernel_gradient"][[0, 2, 4, 6, 8]] == pytest.approx([0.5**5] * 5)  # flat, and the signal is gone


def test_the_prediction_does_not_look_at_the_network_where_an_initialisation_is_given():
    network = deep(networks.relu, Init(1.0), 2, 16)
    assert predict(network, Init(2.0), np.ones((1, 16)))["forward"][-1] == pytest.approx(2.0)


def test_zero_padding_is_followed_position_by_position():
    network = networks.serial(
        a=networks.conv(8, 3, padding="SAME"),
        r=networks.relu(),
        b=networks.conv(8, 3, padding="SAME"),
        s=networks.relu(),
    )
    found = predict(network, None, np.ones((1, 5, 5, 1)))
    matrix = same_padding_matrix(5)
    ones = np.ones(5)
    expected = [np.mean(np.linalg.matrix_power(matrix, power) @ ones) ** 2 for power in (1, 2)]
    assert found.row("s")["forward"] == pytest.approx(expected[1], rel=1e-10)
    assert found.row("r")["forward"] == pytest.approx(expected[0], rel=1e-10)
    assert found.row("r")["backward"] == pytest.approx(expected[0], rel=1e-10)


def test_circular_window_under_a_transposed_convolution_has_the_mean_of_its_taps():
    network = networks.serial(a=networks.conv_transpose(4, 2, stride=2, kernel_init=Init(1.0).kernel))
    found = predict(network, None, np.ones((1, 3, 3, 2)))
    assert found.row("a")["forward"] == pytest.approx(0.25)  # one tap of four reaches an output


def pooled():
    conv, dense = networks.conv, networks.dense
    hidden = {"a": conv(24, 3), "r": networks.relu(), "p": networks.max_pool(2), "b": conv(24, 2), "t": networks.tanh()}
    return networks.serial(**hidden, f=networks.flatten(), d=dense(32))


def filters():
    """Of a gradient over 100 positions only those directions count in a kernel that its 9 x 2 inputs span."""
    return networks.serial(a=networks.conv(6, 3), s=networks.sigmoid(), f=networks.flatten(), d=networks.dense(16))


def normalised():
    dense, norm, relu = networks.dense, networks.batch_norm, networks.relu
    return networks.serial(a=dense(64), n=norm(), r=relu(), b=dense(64), m=norm(), s=relu(), c=dense(32))


def residual():
    block = networks.residual(networks.serial(r=networks.relu(), w=networks.dense(64)))
    return networks.serial(a=networks.dense(64), b=block, r=networks.relu(), c=networks.dense(32))


@pytest.mark.parametrize(
    ("build", "shape", "training"),
    [
        (pooled, (4, 6, 6, 4), False),
        (filters, (1, 12, 12, 2), False),
        (normalised, (8, 32), True),
        (residual, (2, 32), False),
    ],
    ids=["pooled", "few filters", "batch norm", "residual"],
)
def test_networks_of_every_wiring(build, shape, training):
    network = build()
    x = jax.random.normal(jax.random.key(1), shape, jnp.float32)
    expected = predict(network, None, np.asarray(x), training=training)
    draws = 24
    flows = [
        measure(network, network.init(jax.random.key(n), shape[1:]), x, key=jax.random.key(n), training=training)
        for n in range(draws)
    ]
    for layer in expected.layers:
        for column in ("forward", "backward", "kernel_gradient"):
            if math.isnan(expected.row(layer)[column]):
                continue
            logs = np.log([flow.row(layer)[column] for flow in flows])
            spread = expected.spread(layer, column)
            error = math.sqrt(spread.variance / draws + spread.error + 1e-3**2)
            z = (logs.mean() - np.log(expected.row(layer)[column]) - spread.shift) / error
            assert abs(z) < 4, (layer, column, z)
            assert logs.var() < 3 * spread.variance + 1e-5, (layer, column)
        for column in ("forward_cosine", "backward_cosine", "active"):
            found = np.mean([flow.row(layer)[column] for flow in flows])
            if math.isfinite(expected.row(layer)[column]):
                assert found == pytest.approx(expected.row(layer)[column], abs=0.1), (layer, column)


def test_cosines_of_two_inputs():
    x = np.eye(2, 64)
    found = predict(deep(networks.relu, Init(2.0), 4, 64), None, x)
    assert found["forward_cosine"][[0, 2, 4]] == pytest.approx([0, 0.318310, 0.493731], abs=1e-6)


def test_any_initialiser_is_measured_on_draws():
    uniform = jax.nn.initializers.variance_scaling(3.0, "fan_in", "uniform")
    assert tap_variances(uniform, (3, 3, 32, 64)) == pytest.approx([3 / 288] * 9, rel=0.02)


def test_what_has_no_theory_is_refused():
    with pytest.raises(ValueError, match="predict: relu sees a field that is not Gaussian"):
        predict(networks.serial(relu=networks.relu(), a=networks.dense(3)), None, np.ones((1, 4)))
    ends_in_relu = networks.residual(networks.serial(a=networks.dense(4), r=networks.relu()))
    with pytest.raises(ValueError, match="the body of b does not end in a weight layer"):
        predict(networks.serial(a=networks.dense(4), b=ends_in_relu), None, np.ones((1, 4)))
    with pytest.raises(ValueError, match="mine is a function with parameters of its own, of which no theory is known"):
        predict([("mine", lambda weights, x: x @ weights)], None, np.ones((1, 4)))
    with pytest.raises(ValueError, match=r"4096 points .* are more than 3000; give fewer examples"):
        predict(networks.conv(3, 3), None, np.ones((4, 32, 32, 1)))
