"""Layers: settings reach the op, leaves have the right shapes, batch norm and dropout know training from inference."""

from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.nn.initializers import ones, zeros

from jaxcnn import networks, ops
from jaxcnn.networks import batch_norm, conv, conv_transpose, dense, dropout, relu, serial

KEY = jax.random.key(0)
IMAGES = jnp.float32(np.random.default_rng(1).normal(size=(4, 7, 8, 2)))
WINDOWED = {"stride": 2, "padding": ((1, 2), (0, 1)), "dilation": 2}

PLAIN = {
    "max_pool": (networks.max_pool(2, **WINDOWED), "max_pool", {"window": 2, **WINDOWED}),
    "avg_pool": (
        networks.avg_pool((3, 2), count_include_pad=False, **WINDOWED),
        "avg_pool",
        {"window": (3, 2), "count_include_pad": False, **WINDOWED},
    ),
    "global_avg_pool": (networks.global_avg_pool(), "global_avg_pool", {}),
    "relu": (relu(), "relu", {}),
    "leaky_relu": (networks.leaky_relu(negative_slope=0.3), "leaky_relu", {"negative_slope": 0.3}),
    "leaky_relu of seed 0": (networks.leaky_relu(), "leaky_relu", {"negative_slope": 0.1}),
    "sigmoid": (networks.sigmoid(), "sigmoid", {}),
    "tanh": (networks.tanh(), "tanh", {}),
    "identity": (networks.identity(), "identity", {}),
    "flatten": (networks.flatten(), "flatten", {}),
}


def calls(network, params, x):
    """The ops that a network calls and what it gives them beside x; each op returns its x."""
    made = []

    def spy(name):
        return lambda x, **given: made.append((name, given)) or x

    network.apply(params, x, ops=SimpleNamespace(**{name: spy(name) for name in ops.__all__}))
    return made


@pytest.mark.parametrize("name", PLAIN)
def test_layers_without_leaves_are_their_op(name):
    network, op, settings = PLAIN[name]
    assert network.init(KEY, IMAGES.shape[1:]) == {}
    [(called, given)] = calls(network, {}, IMAGES)
    assert called == network.kind == op
    assert given == settings
    y = jax.eval_shape(partial(getattr(ops, op), **settings), IMAGES)
    assert network.output_shape(IMAGES.shape[1:]) == y.shape[1:]


@pytest.mark.parametrize("bias", ["channel", "position", None])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("make", [conv, conv_transpose], ids=["conv", "conv_transpose"])
def test_convolutions_are_their_op(make, groups, bias):
    settings = {**WINDOWED, "groups": groups}
    network = make(6, (3, 2), bias=bias, kernel_init=zeros, bias_init=ones, **settings)
    params = network.init(KEY, IMAGES.shape[1:])
    [(called, given)] = calls(network, params, IMAGES)
    assert called == network.kind == make.__name__
    assert given == {**params, **settings}  # the very same arrays
    y = jax.eval_shape(partial(getattr(ops, called), **settings), IMAGES, **params)
    assert network.output_shape(IMAGES.shape[1:]) == y.shape[1:]
    inputs, outputs = (2, 6) if make is conv else (6, 2)
    assert params.pop("kernel").shape == (3, 2, inputs // groups, outputs)
    assert {name: leaf.shape for name, leaf in params.items()} == {
        "channel": {"bias": (6,)},
        "position": {"bias": y.shape[1:]},
        None: {},
    }[bias]


@pytest.mark.parametrize("input_shape", [(9, 2), (9, 8, 2), (5, 6, 7, 2)], ids=["1-D", "2-D", "3-D"])
def test_one_number_is_a_window_for_any_rank(input_shape):
    network = conv(3, 3, bias="position", kernel_init=zeros)
    rank = len(input_shape) - 1
    assert jax.tree.map(jnp.shape, network.init(KEY, input_shape)) == {
        "kernel": (3,) * rank + (2, 3),
        "bias": (*(n - 2 for n in input_shape[:-1]), 3),
    }


@pytest.mark.parametrize(("bias", "leaves"), [("channel", {"kernel", "bias"}), (None, {"kernel"})])
def test_dense_is_its_op(bias, leaves):
    network, x = dense(3, bias=bias, kernel_init=zeros), IMAGES[:, 0, :, 0]
    params = network.init(KEY, (8,))
    assert set(params) == leaves
    assert calls(network, params, x) == [("dense", params)]


def batch_norm_by_numpy(x, params, state, momentum, epsilon):
    """Training mode with PyTorch's running statistics, from the definition."""
    rows = np.asarray(x, np.float64).reshape(-1, x.shape[-1])
    mean = rows.sum(0) / len(rows)
    biased = ((rows - mean) ** 2).sum(0) / len(rows)
    unbiased = ((rows - mean) ** 2).sum(0) / (len(rows) - 1)
    y = params["scale"] * (x - mean) / np.sqrt(biased + epsilon) + params["offset"]
    running = {
        "mean": (1 - momentum) * state["mean"] + momentum * mean,
        "variance": (1 - momentum) * state["variance"] + momentum * unbiased,
    }
    return y, running


@pytest.mark.parametrize("shape", [(5, 3), (4, 2, 5, 3)], ids=["N x C", "N x H x W x C"])
def test_batch_norm_moves_its_statistics_as_numpy_does(shape):
    network = batch_norm(momentum=0.3, epsilon=1e-3)
    params = {"scale": np.array([1.0, 2.0, -1.0]), "offset": np.array([0.0, 1.0, 5.0])}
    state = network.init_state(shape[1:], jnp.float64)
    expected = jax.tree.map(np.asarray, state)
    for step in range(3):
        x = 3 + 2 * np.random.default_rng(step).normal(size=shape)
        y, state = network.apply(params, x, state, training=True)
        y_expected, expected = batch_norm_by_numpy(x, params, expected, 0.3, 1e-3)
        np.testing.assert_allclose(y, y_expected, rtol=1e-12, atol=1e-12)
        for name in ("mean", "variance"):
            np.testing.assert_allclose(state[name], expected[name], rtol=1e-12)


def test_batch_norm_in_inference_uses_its_running_statistics_and_keeps_them():
    network = serial(bn1=batch_norm(epsilon=1e-3))
    x = np.random.default_rng(0).normal(size=(4, 2))
    params = {"bn1": {"scale": np.array([2.0, 1.0]), "offset": np.array([0.0, 3.0])}}
    state = {"bn1": {"mean": np.array([1.0, -1.0]), "variance": np.array([4.0, 9.0])}}
    y, kept = network.apply(params, x, state)
    normalised = (x - state["bn1"]["mean"]) / np.sqrt(state["bn1"]["variance"] + 1e-3)
    np.testing.assert_allclose(y, normalised * [2, 1] + [0, 3], rtol=1e-12)
    assert jax.tree.map(np.array_equal, kept, state) == {"bn1": {"mean": True, "variance": True}}


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float64], ids=lambda dtype: dtype.__name__)
def test_batch_norm_state_keeps_its_dtype_and_can_be_scanned(dtype):
    network = serial(bn1=batch_norm())
    params, state = network.init(KEY, (3,), dtype), network.init_state((3,))

    def step(state, x):
        y, state = network.apply(params, x, state, training=True)
        return state, y

    state, y = jax.lax.scan(step, state, jnp.ones((4, 5, 3), dtype))
    assert y.dtype == dtype
    assert {leaf.dtype for leaf in jax.tree.leaves(state)} == {jnp.dtype(jnp.float32)}
    np.testing.assert_allclose(state["bn1"]["mean"], 1 - 0.9**4, rtol=1e-6)


def test_batch_norm_of_a_single_value_has_finite_statistics():
    network = batch_norm()
    params, state = network.init(KEY, (2,)), network.init_state((2,))
    _, state = network.apply(params, jnp.ones((1, 2), jnp.float32), state, training=True)
    np.testing.assert_allclose(state["variance"], 0.9, rtol=1e-6)


def test_dropout_drops_in_training_only():
    network, x = serial(drop=dropout(rate=0.25)), jnp.ones((100, 100), jnp.float32)
    np.testing.assert_array_equal(network.apply({}, x, key=KEY), x)
    y = network.apply({}, x, training=True, key=KEY)
    kept = np.count_nonzero(y) / y.size
    assert abs(kept - 0.75) < 4 * (0.75 * 0.25 / y.size) ** 0.5
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.75], rtol=1e-6)
    np.testing.assert_array_equal(y, network.apply({}, x, training=True, key=KEY))


def test_two_dropouts_draw_apart():
    x = jnp.ones((1, 1000), jnp.float32)
    once = serial(a=dropout()).apply({}, x, training=True, key=KEY)
    other = serial(b=dropout()).apply({}, x, training=True, key=KEY)
    both = serial(a=dropout(), b=dropout()).apply({}, x, training=True, key=KEY)
    assert np.any((once > 0) != (other > 0))
    np.testing.assert_array_equal(both > 0, (once > 0) & (other > 0))


MISTAKES = {
    "no features": (lambda: conv(0, 3), "features must be a positive integer, got 0"),
    "half a feature": (lambda: dense(2.5), "features must be a positive integer, got 2.5"),
    "unknown bias": (lambda: conv(1, 3, bias="pixel"), "unknown bias 'pixel'"),
    "groups that do not divide the input": (
        lambda: conv(4, 3, groups=4).init(KEY, (5, 5, 2)),
        "groups=4 does not divide",
    ),
    "groups that do not divide the features": (lambda: conv(3, 3, groups=2).init(KEY, (5, 5, 2)), "groups=2 does not"),
    "transposed groups": (lambda: conv_transpose(3, 3, groups=2).init(KEY, (5, 5, 2)), "groups=2 does not divide 3"),
    "zero groups": (lambda: conv(3, 3, groups=0).init(KEY, (5, 5, 2)), "groups=0"),
    "a window of another rank": (lambda: conv(3, (3, 3)).init(KEY, (5, 2)), r"window=\(3, 3\), got shape \(5, 2\)"),
    "a window for a vector": (lambda: conv(3, 3).init(KEY, (5,)), r"got shape \(5,\)"),
    "a pool for a vector": (lambda: networks.max_pool(2).output_shape((5,)), "1, 2 or 3 spatial axes"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(mistake):
    make, message = MISTAKES[mistake]
    with pytest.raises(ValueError, match=message):
        make()
