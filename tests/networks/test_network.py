"""What every network promises: named parameters, pure apply, and mistakes that are named by path."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxcnn.ops
from jaxcnn import networks, ops, reference
from jaxcnn.networks import batch_norm, conv, dense, dropout, flat, flatten, max_pool, nested, relu, serial

KEY = jax.random.key(0)
SMALL = serial(conv1=conv(3, 3), relu1=relu(), pool1=max_pool(2), flatten=flatten(), dense1=dense(4))
SHAPE = (6, 6, 2)
X = jnp.float32(np.random.default_rng(1).normal(size=(5, *SHAPE)))
PARAMS = SMALL.init(KEY, SHAPE)
NORMED = serial(dense1=dense(3), bn1=batch_norm(), drop=dropout())
NORMED_PARAMS = NORMED.init(KEY, (2,))


def test_apply_is_the_composition_written_by_hand():
    y = ops.conv(X, PARAMS["conv1"]["kernel"], PARAMS["conv1"]["bias"])
    y = ops.flatten(ops.max_pool(ops.relu(y), 2))
    y = ops.dense(y, PARAMS["dense1"]["kernel"], PARAMS["dense1"]["bias"])
    np.testing.assert_array_equal(SMALL.apply(PARAMS, X), y)


def test_every_layer_calls_the_ops_it_is_given():
    called = []

    def spy(name):
        return lambda *arrays, **settings: called.append(name) or getattr(reference, name)(*arrays, **settings)

    SMALL.apply(PARAMS, X, ops=SimpleNamespace(**{name: spy(name) for name in reference.__all__}))
    assert called == ["conv", "relu", "max_pool", "flatten", "dense"]


def test_layers_that_learn_nothing_are_absent():
    assert jax.tree.map(jnp.shape, PARAMS) == {
        "conv1": {"kernel": (3, 3, 2, 3), "bias": (3,)},
        "dense1": {"kernel": (12, 4), "bias": (4,)},
    }


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64, jnp.bfloat16], ids=lambda dtype: dtype.__name__)
def test_init_draws_the_dtype_asked_for(dtype):
    params = SMALL.init(KEY, SHAPE, dtype)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(dtype)}
    assert jax.eval_shape(SMALL.apply, params, X.astype(dtype)).dtype == dtype


def test_init_draws_float32_by_default():
    assert {leaf.dtype for leaf in jax.tree.leaves(PARAMS)} == {jnp.dtype(jnp.float32)}


def test_a_leafs_draw_depends_on_its_path_alone():
    longer = serial(conv0=conv(2, 1), conv1=conv(3, 3), relu1=relu(), conv2=conv(3, 3)).init(KEY, SHAPE)
    np.testing.assert_array_equal(longer["conv1"]["kernel"], PARAMS["conv1"]["kernel"])
    renamed = serial(other=conv(3, 3)).init(KEY, SHAPE)
    assert not np.any(renamed["other"]["kernel"] == PARAMS["conv1"]["kernel"])


def test_equal_layers_draw_differently():
    params = serial(a=dense(4), b=dense(4)).init(KEY, (4,))
    assert not np.any(params["a"]["kernel"] == params["b"]["kernel"])


def test_keys_decide_the_draw():
    again, other = SMALL.init(KEY, SHAPE), SMALL.init(jax.random.key(1), SHAPE)
    np.testing.assert_array_equal(again["conv1"]["kernel"], PARAMS["conv1"]["kernel"])
    assert not np.any(other["conv1"]["kernel"] == PARAMS["conv1"]["kernel"])


def test_params_survive_flattening_and_naming():
    leaves, tree = jax.tree.flatten(PARAMS)
    assert jax.tree.map(np.array_equal, jax.tree.unflatten(tree, leaves), PARAMS) == jax.tree.map(
        lambda _: True, PARAMS
    )
    assert list(flat(PARAMS)) == ["conv1/bias", "conv1/kernel", "dense1/bias", "dense1/kernel"]
    assert jax.tree.structure(nested(flat(PARAMS))) == tree
    assert all(map(np.array_equal, jax.tree.leaves(nested(flat(PARAMS))), leaves))


def test_jit_gives_the_same_and_compiles_once():
    traced = []

    def apply(params, x):
        traced.append(x.shape)
        return SMALL.apply(params, x)

    compiled = jax.jit(apply)
    for x in (X, X + 1):
        np.testing.assert_allclose(compiled(PARAMS, x), SMALL.apply(PARAMS, x), rtol=1e-5, atol=1e-5)
    assert traced == [X.shape]


def test_the_method_itself_can_be_compiled():
    y = jax.jit(SMALL.apply, static_argnames=("training", "ops"))(PARAMS, X, training=True, ops=reference)
    np.testing.assert_allclose(y, SMALL.apply(PARAMS, X), rtol=1e-5, atol=1e-5)


def test_vmap_over_examples_and_over_an_ensemble():
    one_by_one = jax.jit(jax.vmap(lambda x: SMALL.apply(PARAMS, x[None])[0]))(X)
    np.testing.assert_allclose(one_by_one, SMALL.apply(PARAMS, X), rtol=1e-5, atol=1e-5)
    doubled = jax.tree.map(lambda leaf: 2 * leaf, PARAMS)
    both = jax.jit(jax.vmap(SMALL.apply, (0, None)))(jax.tree.map(lambda *pair: jnp.stack(pair), PARAMS, doubled), X)
    np.testing.assert_allclose(both[1], SMALL.apply(doubled, X), rtol=1e-5, atol=1e-5)


def test_grad_has_the_shape_of_params_and_the_slope_of_the_loss():
    network, x = serial(dense1=dense(3), act=networks.tanh(), dense2=dense(1)), np.linspace(-1, 1, 8).reshape(4, 2)
    params = network.init(KEY, (2,), jnp.float64)

    def loss(params):
        return jnp.sum(jnp.square(network.apply(params, x)))

    grads = jax.grad(loss)(params)
    assert jax.tree.map(jnp.shape, grads) == jax.tree.map(jnp.shape, params)
    step = 1e-6
    moved = [loss(jax.tree.map(lambda p, g, s=s: p + s * step * g, params, grads)) for s in (1, -1)]
    squared_norm = sum(jnp.sum(g * g) for g in jax.tree.leaves(grads))
    np.testing.assert_allclose((moved[0] - moved[1]) / (2 * step), squared_norm, rtol=1e-6)


def test_state_comes_back_exactly_when_it_goes_in():
    y, state = SMALL.apply(PARAMS, X, {})
    assert state == {}
    np.testing.assert_array_equal(SMALL.apply(PARAMS, X), y)


def test_training_means_nothing_to_other_layers():
    np.testing.assert_array_equal(SMALL.apply(PARAMS, X, training=True, key=KEY), SMALL.apply(PARAMS, X))


def test_run_shows_a_visit_what_each_layer_is_given():
    seen = []

    def visit(path, layer, x):
        leaves = PARAMS.get(path, {})
        y, _ = layer.forward(x, networks.Call(path, leaves, {}))
        seen.append((path, layer.kind, x.shape, y.shape))
        return y

    y = SMALL.run(X, visit)
    np.testing.assert_array_equal(y, SMALL.apply(PARAMS, X))
    assert [(path, before[1:], after[1:]) for path, _, before, after in seen] == [
        (site.path, site.input_shape, site.output_shape) for site in SMALL.sites(SHAPE)
    ]


def test_sites_and_shapes_compute_nothing():
    huge = serial(conv1=conv(64, 7), flatten=flatten(), dense1=dense(10**6))
    assert huge.output_shape((4096, 4096, 3)) == (10**6,)


def test_a_single_layer_is_a_network():
    params = dense(3).init(KEY, (2,))
    assert jax.tree.map(jnp.shape, params) == {"kernel": (2, 3), "bias": (3,)}
    assert dense(3).apply(params, jnp.ones((1, 2), jnp.float32)).shape == (1, 3)


def test_the_default_ops_are_the_handwritten_ones():
    assert networks.Call("", {}, {}).ops is jaxcnn.ops


def changed(path, value):
    """PARAMS with one leaf replaced, or without it."""
    leaves = {**flat(PARAMS), path: value}
    return nested({name: leaf for name, leaf in leaves.items() if leaf is not None})


MISTAKES = {
    "a parameter missing": (lambda: SMALL.apply(changed("dense1/kernel", None), X), "no dense1/kernel.*\\(12, 4\\)"),
    "a layer too many": (lambda: SMALL.apply(changed("conv9/bias", jnp.ones(1)), X), "no layer takes conv9/bias"),
    "a leaf too many": (lambda: SMALL.apply(changed("conv1/gain", jnp.ones(1)), X), "no layer takes conv1/gain"),
    "a wrong shape": (
        lambda: SMALL.apply(changed("conv1/bias", jnp.ones(4)), X),
        r"conv1/bias of params has shape \(4,\) but this input needs \(3,\)",
    ),
    "another input": (lambda: SMALL.apply(PARAMS, X[:, :4]), "dense1/kernel of params has shape"),
    "one example, no batch": (
        lambda: SMALL.apply(PARAMS, X[0]),
        "conv1/kernel of params has shape \\(3, 3, 2, 3\\) but this input needs \\(3, 2, 3\\)",
    ),
    "no state": (lambda: NORMED.apply(NORMED_PARAMS, X[:, 0, 0]), "state has no bn1/mean.*init_state"),
    "state of another shape": (
        lambda: NORMED.apply(NORMED_PARAMS, X[:, 0, 0], serial(bn1=batch_norm()).init_state((7,))),
        r"bn1/mean of state has shape \(7,\)",
    ),
    "state of another network": (
        lambda: SMALL.apply(PARAMS, X, NORMED.init_state((2,))),
        "no layer takes bn1/mean, bn1/variance of state",
    ),
    "no key": (
        lambda: NORMED.apply(NORMED_PARAMS, X[:, 0, 0], NORMED.init_state((2,)), training=True),
        "drop draws at random in training; give apply a key",
    ),
    "a batch's shape at init": (lambda: networks.seed2().init(KEY, (32, 28, 28, 1)), "one example's shape"),
    "a shape without channels": (lambda: networks.seed2().init(KEY, (28, 28)), "one example's shape"),
    "an image for a dense layer": (lambda: dense(3).init(KEY, (4, 4)), r"one example must be a vector.*flatten\(\)"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(mistake):
    make, message = MISTAKES[mistake]
    with pytest.raises(ValueError, match=message):
        make()


def test_an_input_shape_is_a_tuple():
    with pytest.raises(TypeError, match="one example's shape, such as"):
        SMALL.init(KEY, 28)


def test_a_layers_own_error_says_where():
    with pytest.raises(ValueError, match="window spans 9") as caught:
        serial(first=relu(), block=serial(wide=conv(1, 9))).init(KEY, SHAPE)
    assert "in block/wide, given one example of shape (6, 6, 2)" in caught.value.__notes__
