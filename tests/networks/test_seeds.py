"""The seed documents' networks: shapes and counts of their tables, worked numbers, and two gradients that agree."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.nn.initializers import constant, zeros

from jaxcnn import networks, ops, reference
from jaxcnn.networks import seed0, seed2, seed2_shallow, seed3, seed3_1d, seed3_dense, seed4
from jaxcnn.networks.seeds import NAMED

KEY = jax.random.key(0)


def count(network, input_shape):
    return sum(leaf.size for leaf in jax.tree.leaves(network.init(KEY, input_shape)))


def random_params(network, input_shape, rng):
    shapes = jax.eval_shape(lambda: network.init(KEY, input_shape))
    return jax.tree.map(lambda leaf: 0.3 * rng.normal(size=leaf.shape), shapes)


def outputs(network, input_shape):
    return {site.path: site.output_shape for site in network.sites(input_shape)}


@pytest.mark.parametrize(("bias", "parameters"), [("position", 21_518), ("channel", 18_714)])
def test_seed_2_has_the_parameters_counted_in_the_ledger(bias, parameters):
    assert count(seed2(bias, zeros), (28, 28, 1)) == parameters  # ledger S2.19


def test_seed_2_has_the_shapes_of_its_tables():
    params = seed2(kernel_init=zeros).init(KEY, (28, 28, 1))
    assert jax.tree.map(jnp.shape, params) == {
        "conv1": {"kernel": (5, 5, 1, 4), "bias": (24, 24, 4)},  # tables 1 and 2, ledger S2.03
        "conv2": {"kernel": (5, 5, 4, 8), "bias": (8, 8, 8)},
        "dense1": {"kernel": (128, 128), "bias": (128,)},  # table 6, ledger S2.19
        "dense2": {"kernel": (128, 10), "bias": (10,)},
    }
    shapes = outputs(seed2(), (28, 28, 1))
    assert shapes["conv1"] == (24, 24, 4)
    assert shapes["pool1"] == (12, 12, 4)  # table 4 as corrected in ledger S2.15
    assert shapes["conv2"] == (8, 8, 8)
    assert shapes["pool2"] == (4, 4, 8)
    assert shapes["flatten"] == shapes["dense1"] == (128,)
    assert shapes["dense2"] == (10,)


def test_seed_2s_gradients_have_the_shapes_of_tables_3_5_and_7():
    network = seed2()
    params, x = seed2(kernel_init=zeros).init(KEY, (28, 28, 1)), jnp.ones((1, 28, 28, 1), jnp.float32)
    dparams, dx = jax.eval_shape(jax.grad(lambda params, x: jnp.sum(network.apply(params, x)), (0, 1)), params, x)
    assert dx.shape == x.shape  # ledger S2.11, S2.17, S2.23
    assert jax.tree.map(jnp.shape, dparams) == jax.tree.map(jnp.shape, params)


def test_the_shallow_form_has_one_convolution_one_pool_and_two_dense_layers():
    kinds = [layer.kind for _, layer in seed2_shallow().children]
    assert kinds == ["conv", "relu", "max_pool", "flatten", "dense", "relu", "dense"]
    assert count(seed2_shallow(kernel_init=zeros), (28, 28, 1)) == 2_404 + (576 * 128 + 128) + 1_290


@pytest.mark.parametrize(("pool", "kind"), [("max", "max_pool"), ("avg", "avg_pool")])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_seed_0_has_3x3_filters_of_stride_1_and_the_pool_and_activation_asked_for(pool, kind, activation):
    network = seed0(pool, activation)
    settings = [layer.settings for _, layer in network.children if layer.kind == "conv"]
    assert [(s["window"], s["stride"]) for s in settings] == [((3, 3), 1)] * 2
    kinds = [layer.kind for _, layer in network.children]
    assert kinds == [*("conv", activation, kind) * 2, "flatten", "dense", activation, "dense"]


def sigma_and_slope(a):
    s = 1 / (1 + np.exp(-a))
    return s, s * (1 - s)


def seed3_case(pool=None):
    """Seed 3, exercise 1: the network, its parameters, an image, a target, and h and sigma'(a) by definition."""
    rng = np.random.default_rng(3)
    network, image, target = seed3(2, 2, pool=pool), rng.normal(size=(10, 10, 3)), rng.normal(size=2)
    params = random_params(network, image.shape, rng)
    patches = np.lib.stride_tricks.sliding_window_view(image, (5, 5), axis=(0, 1))  # [i, j, c, x, y]
    a = np.einsum("ijcxy,xyck->ijk", patches, params["conv"]["kernel"]) + params["conv"]["bias"]  # eq. 1
    return network, params, image, target, *sigma_and_slope(a)


def loss_and_gradient(network, params, image, target):
    def loss(params):
        return ops.half_squared_error(network.apply(params, image[None]), target[None])[0]

    return jax.jit(jax.value_and_grad(loss))(params)


def test_seed_3_exercise_1a_with_the_sum_over_filters_removed():
    network, params, image, target, h, slope = seed3_case()
    v = params["readout"]["kernel"].reshape(6, 6, 2, 2)  # v[i, j, k, o]
    y = np.einsum("ijko,ijk->o", v, h)  # eq. 3
    loss, grads = loss_and_gradient(network, params, image, target)
    np.testing.assert_allclose(loss, 0.5 * np.sum((target - y) ** 2), rtol=1e-13)
    dw_1111 = -np.einsum("o,ijo,ij,ij->", target - y, v[:, :, 0], slope[..., 0], image[:6, :6, 0])  # ledger S3.05
    np.testing.assert_allclose(grads["conv"]["kernel"][0, 0, 0, 0], dw_1111, rtol=1e-12)


def test_seed_3_exercise_1c_sums_over_winners_only():
    network, params, image, target, h, slope = seed3_case(pool=2)
    windows = h.reshape(3, 2, 3, 2, 2).transpose(0, 2, 4, 1, 3).reshape(3, 3, 2, 4)  # [i, j, k, tap]
    v = params["readout"]["kernel"].reshape(3, 3, 2, 2)
    y = np.einsum("ijko,ijk->o", v, windows.max(-1))
    loss, grads = loss_and_gradient(network, params, image, target)
    np.testing.assert_allclose(loss, 0.5 * np.sum((target - y) ** 2), rtol=1e-13)
    winners = windows.argmax(-1)[..., 0]  # of filter 1: 9 of 36 positions, ledger S3.10
    rows, columns = 2 * np.arange(3)[:, None] + winners // 2, 2 * np.arange(3) + winners % 2
    flow = slope[rows, columns, 0] * image[rows, columns, 0]
    dw_1111 = -np.einsum("o,ijo,ij->", target - y, v[:, :, 0], flow)
    np.testing.assert_allclose(grads["conv"]["kernel"][0, 0, 0, 0], dw_1111, rtol=1e-12)


def test_seed_3_exercise_1b_has_its_own_weight_per_pixel():
    rng = np.random.default_rng(4)
    network, image, target = seed3_dense(4, 2), rng.normal(size=(5, 5, 3)), rng.normal(size=2)
    params = random_params(network, image.shape, rng)
    h, slope = sigma_and_slope(image.ravel() @ params["dense"]["kernel"] + params["dense"]["bias"])
    v = params["readout"]["kernel"]  # v[k, o]
    loss, grads = loss_and_gradient(network, params, image, target)
    error = target - h @ v
    np.testing.assert_allclose(loss, 0.5 * np.sum(error**2), rtol=1e-13)
    dw_1111 = -np.sum(error * v[0]) * slope[0] * image[0, 0, 0]  # ledger S3.07
    np.testing.assert_allclose(grads["dense"]["kernel"][0, 0], dw_1111, rtol=1e-12)


def test_seed_3_exercise_4c_by_hand():
    params = {
        "conv": {"kernel": jnp.array([1.0, 0, -1]).reshape(3, 1, 1), "bias": jnp.array([1.0])},
        "dense": {"kernel": jnp.array([[2.0], [3.0]]), "bias": jnp.array([5.0])},
    }
    x = jnp.array([4.0, 1, 3, 0, 9, 7]).reshape(1, 6, 1)
    # x_i - x_{i+2} + 1 = 2, 2, -5, -6; winners 2 and -5; 2 * 2 + 3 * -5 + 5
    assert jax.jit(seed3_1d().apply)(params, x).tolist() == [[-6.0]]
    assert list(outputs(seed3_1d(), (6, 1)).values()) == [(4, 1), (2, 1), (2,), (1,)]  # ledger S3.45
    shapes = {"conv": {"kernel": (3, 1, 1), "bias": (1,)}, "dense": {"kernel": (2, 1), "bias": (1,)}}
    assert jax.tree.map(jnp.shape, seed3_1d().init(KEY, (6, 1))) == shapes


# Seed 4, question 2: the bias unit is the first row of W, here the bias.
W = ([[0.1, 0.2], [0.3, 0.4]], [[0.2], [1.0], [-3.0]], [[1.0], [2.0]])
SEED4 = {f"dense{i}": {"kernel": np.array(w)[1:], "bias": np.array(w)[0]} for i, w in enumerate(W, 1)}


def test_seed_4_forward_is_exact():
    seen = {}

    def visit(path, layer, x):
        seen[path], _ = layer.forward(x, networks.Call(path, SEED4.get(path, {}), {}))
        return seen[path]

    seed4().run(jnp.array([[2.0]]), visit)
    expected = {
        "dense1": [0.7, 1.0],  # s1, ledger S4.06
        "tanh1": [0.6043677771171635, 0.7615941559557649],  # x1, S4.07
        "dense2": [-1.480414690750131],  # s2, S4.08
        "tanh2": [-0.9015456533728675],  # x2, S4.09
        "dense3": [-0.803091306745735],  # x3, S4.10
    }
    for path, value in expected.items():
        np.testing.assert_allclose(seen[path][0], value, rtol=1e-15, err_msg=path)


def test_seed_4_gradients_are_exact():
    def error(params):
        return ops.mean_squared_error(seed4().apply(params, jnp.array([[2.0]])), jnp.array([[1.0]]))[0]

    e, grads = jax.jit(jax.value_and_grad(error))(SEED4)
    np.testing.assert_allclose(e, 3.2511382604620422, rtol=1e-15)
    exact = {  # each first row is the layer's sensitivity: ledger S4.12, S4.16, S4.18
        "dense1": [[-0.857067345930429, 1.701231339623672], [-1.714134691860858, 3.402462679247344]],  # S4.21
        "dense2": [[-1.35026609251538], [-0.816057316850199], [-1.02835476504494]],  # S4.22
        "dense3": [[-3.60618261349147], [3.251138260462042]],  # S4.23
    }
    for name, dW in exact.items():
        with_bias_row = np.vstack([grads[name]["bias"], grads[name]["kernel"]])
        np.testing.assert_allclose(with_bias_row, dW, rtol=1e-14, err_msg=name)


def test_seed_4_has_nine_weights():
    assert count(seed4(), (1,)) == 9


VARIANTS = {
    **NAMED,
    "seed0 average, leaky": NAMED["seed0"]._replace(build=lambda: seed0("avg", "leaky_relu")),
    "seed3 tanh, pooled": NAMED["seed3"]._replace(build=lambda: seed3(nonlinearity="tanh", pool=2)),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_handwritten_and_automatic_gradients_agree(name):
    build, input_shape = VARIANTS[name]
    network = build()
    rng = np.random.default_rng(0)
    params = random_params(network, input_shape, rng)
    x, dy = (rng.normal(size=(2, *shape)) for shape in (input_shape, network.output_shape(input_shape)))

    def gradients(layers):
        return jax.jit(jax.grad(lambda params, x: jnp.sum(dy * network.apply(params, x, ops=layers)), (0, 1)))(
            params, x
        )

    hand, auto = (
        networks.flat(dict(zip(("params", "x"), gradients(layers), strict=True))) for layers in (ops, reference)
    )
    assert hand.keys() == auto.keys() == {"x", *(f"params/{path}" for path in networks.flat(params))}
    for path, expected in auto.items():
        assert jnp.max(jnp.abs(hand[path] - expected)) <= 1e-12 * jnp.max(jnp.abs(expected)), path
        assert jnp.any(expected != 0), path


@pytest.mark.parametrize("name", NAMED)
def test_every_named_network_takes_an_initialiser_for_all_its_kernels(name):
    build, input_shape = NAMED[name]
    params = networks.flat(build(kernel_init=constant(2.0)).init(KEY, input_shape))
    assert {path: leaf.min() == leaf.max() == 2 for path, leaf in params.items() if path.endswith("kernel")} == {
        site.path + "/kernel": True for site in build().sites(input_shape) if site.layer.kind in ("conv", "dense")
    }


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: seed0("mean"), "unknown pool 'mean'; use one of max, avg"),
        (lambda: seed0(activation="tanh"), "unknown activation 'tanh'"),
        (lambda: seed3(nonlinearity="gelu"), "unknown nonlinearity 'gelu'"),
    ],
    ids=["pool", "activation", "nonlinearity"],
)
def test_unknown_words_are_refused_with_the_choices(make, message):
    with pytest.raises(ValueError, match=message):
        make()
