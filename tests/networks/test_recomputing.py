"""What lies between a batch norm and the next convolution: the same gradients, and half as much kept."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxcnn import networks, ops, reference
from jaxcnn.networks import network as module
from jaxcnn.networks.recomputing import recomputing

X = np.random.default_rng(0).standard_normal((4, 8, 8, 3))
KEY = jax.random.key(0)


def stretch(features):
    return {"bn": networks.batch_norm(), "act": networks.relu(), "conv": networks.conv(features, 3, padding="SAME")}


def two_stretches():
    return networks.serial(first=networks.serial(**stretch(4)), second=networks.serial(**stretch(5)))


def drawn(network, dtype=np.float64):
    """Parameters, none of them zero or one, and statistics."""
    params = network.init(KEY, X.shape[1:], dtype)
    params = jax.tree.map(lambda leaf: leaf + 0.1 * jax.random.normal(KEY, leaf.shape, dtype), params)
    return params, network.init_state(X.shape[1:], dtype)


@pytest.mark.parametrize(
    ("wrap", "network"),
    [(lambda f: f, networks.serial(**stretch(5))), (jax.jit, two_stretches())],
    ids=["one-eager", "two-compiled"],
)
def test_gradients_and_statistics_are_those_of_plain_jax(wrap, network):
    params, state = drawn(network)

    def loss(params, x, layers):
        y, moved = network.apply(params, x, state, training=True, ops=layers)
        return jnp.sin(y).sum(), moved

    hand, auto = (
        wrap(lambda params, x, layers=layers: jax.grad(loss, argnums=(0, 1), has_aux=True)(params, x, layers))(
            params, X
        )
        for layers in (ops, reference)
    )
    for a, b in zip(jax.tree.leaves(hand), jax.tree.leaves(auto), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)  # the first bias has gradient 0


def test_an_ensemble_of_networks_has_the_gradients_of_each():
    network = networks.serial(**stretch(5))
    params, state = drawn(network)
    double = jax.tree.map(lambda leaf: 2 * leaf, params)

    @jax.jit
    def gradient(params):
        return jax.grad(lambda params: jnp.sin(network.apply(params, X, state, training=True)[0]).sum())(params)

    def stacked(*trees):
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)

    together, one_by_one = jax.vmap(gradient)(stacked(params, double)), stacked(gradient(params), gradient(double))
    for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(one_by_one), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit], ids=["Auto", "Explicit"])
def test_a_batch_on_two_devices_has_the_same_gradients(kind):
    network = two_stretches()
    params, state = drawn(network)
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(kind,))

    @jax.jit
    def gradient(params, x):
        return jax.grad(lambda params: jnp.sin(network.apply(params, x, state, training=True)[0]).sum())(params)

    with jax.set_mesh(mesh):
        spread = gradient(params, jax.device_put(X, NamedSharding(mesh, P("batch"))))
    for a, b in zip(jax.tree.leaves(spread), jax.tree.leaves(gradient(params, X)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_under_shard_map_gradients_of_replicated_parameters_are_summed():
    network = two_stretches()
    params, state = drawn(network)
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(AxisType.Auto,))

    def gradients(params, x):
        """Each device normalises its own half."""

        def loss(params, x):
            return jnp.sin(network.apply(params, x, state, training=True)[0]).sum()

        return jax.grad(loss, argnums=(0, 1))(params, x)

    places = P(), P("batch")
    got = jax.jit(jax.shard_map(gradients, mesh=mesh, in_specs=places, out_specs=places))(params, X)
    (first, x_first), (second, x_second) = (jax.jit(gradients)(params, half) for half in np.split(X, 2))
    want = jax.tree.map(jnp.add, first, second), jnp.concatenate([x_first, x_second])
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_a_stretch_keeps_its_input_and_its_parameters_only():
    network = networks.serial(**stretch(5))
    params, state = drawn(network)
    _, back = jax.vjp(lambda params, x: network.apply(params, x, state, training=True)[0], params, X)
    kept = sum(leaf.nbytes for leaf in jax.tree.leaves(back) if leaf.shape)
    assert kept == X.nbytes + sum(leaf.nbytes for leaf in jax.tree.leaves(params))


def test_the_compiled_program_does_not_keep_more(monkeypatch):
    """A compiler finds equal expressions: that of jaxlib 0.10.1 undoes `jax.checkpoint`."""
    block = networks.residual(
        networks.serial(first=networks.serial(**stretch(8)), second=networks.serial(**stretch(8)))
    )
    network, x = networks.serial(**{f"block{i}": block for i in range(6)}), np.zeros((32, 32, 32, 8), np.float32)
    params, state = network.init(KEY, x.shape[1:]), network.init_state(x.shape[1:])

    def temporaries():
        step = jax.jit(jax.grad(lambda params: network.apply(params, x, state, training=True)[0].sum()))
        return step.lower(params).compile().memory_analysis().temp_size_in_bytes

    recomputed = temporaries()
    monkeypatch.setattr(module, "recomputing", lambda network: network)
    assert recomputed < 0.8 * temporaries()


def test_only_whole_stretches_change_and_names_stay():
    more = {"bn2": networks.batch_norm(), "act2": networks.relu(), "end": networks.flatten()}
    network = networks.residual(networks.serial(**stretch(2), **more))
    old, new = (n.children[0][1].children for n in (network, recomputing(network)))
    assert [name for name, _ in new] == [name for name, _ in old]
    changed = [a.forward is not b.forward for (_, a), (_, b) in zip(old, new, strict=True)]
    assert changed == [True, True, True, False, False, False]


def test_at_inference_nothing_waits():
    network = networks.serial(**stretch(5))
    params, state = drawn(network)
    (y, same), (expected, _) = (network.apply(params, X, state, ops=layers) for layers in (ops, reference))
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    assert jax.tree.all(jax.tree.map(np.array_equal, same, state))
