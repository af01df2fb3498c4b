"""Every layer under every transformation of JAX: the same numbers as plainly called.

A row of the table is a function, its arrays with a batch axis, and its parameters. Unlike elsewhere in these tests
functions are compiled as users compile them, and once not at all.
"""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxcnn import ops
from tests.ops.checks import normal, quick_jit, value_and_gradients

KEY = jax.random.key(0)
LABELS = np.float64([[0.5, 0.5, 0], [0, 1, 0], [0.2, 0.3, 0.5], [0, 0, 1]])

LAYERS = {
    "conv": (partial(ops.conv, stride=2, padding="SAME"), [normal(4, 5, 2)], [normal(3, 2, 3), normal(3)]),
    "conv-groups": (partial(ops.conv, groups=2), [normal(4, 3, 2, 4)], [normal(2, 1, 2, 2), normal(2, 2, 2)]),
    "conv-depthwise": (partial(ops.conv, groups=2, padding=1), [normal(4, 3, 2)], [normal(3, 1, 4)]),
    "conv_transpose": (partial(ops.conv_transpose, stride=2), [normal(4, 3, 2)], [normal(3, 1, 2), normal(1)]),
    "max_pool": (partial(ops.max_pool, window=2, stride=1), [normal(4, 3, 4, 1)], []),
    "max_pool-dilated": (partial(ops.max_pool, window=2, dilation=2, stride=1, padding=1), [normal(4, 4, 2)], []),
    "avg_pool": (partial(ops.avg_pool, window=2, padding=1, count_include_pad=False), [normal(4, 4, 2)], []),
    "global_avg_pool": (ops.global_avg_pool, [normal(4, 2, 3, 2)], []),
    "dense": (ops.dense, [normal(4, 3)], [normal(3, 2), normal(2)]),
    "flatten": (ops.flatten, [normal(4, 2, 3)], []),
    "relu": (ops.relu, [normal(4, 3)], []),
    "leaky_relu": (ops.leaky_relu, [normal(4, 3)], []),
    "sigmoid": (ops.sigmoid, [normal(4, 3)], []),
    "tanh": (ops.tanh, [normal(4, 3)], []),
    "identity": (ops.identity, [normal(4, 3)], []),
    "softmax": (ops.softmax, [normal(4, 3)], []),
    "softmax_cross_entropy": (ops.softmax_cross_entropy, [normal(4, 3), LABELS], []),
    "half_squared_error": (ops.half_squared_error, [normal(4, 3), normal(4, 3, seed=1)], []),
    "mean_squared_error": (ops.mean_squared_error, [normal(4, 3), normal(4, 3, seed=1)], []),
    "batch_norm": (ops.batch_norm, [normal(4, 2, 2)], [normal(2), normal(2, seed=1)]),
    "batch_norm-inference": (
        ops.batch_norm,
        [normal(4, 2)],
        [normal(2), normal(2, seed=1), normal(2, seed=2), normal(2, seed=3) ** 2],
    ),
    "dropout": (lambda x: ops.dropout(x, KEY, rate=0.5), [normal(4, 3)], []),
}
every_layer = pytest.mark.parametrize("name", LAYERS)


def row(name):
    """The function, all its arrays, how many of them have a batch axis, and a cotangent."""
    function, batch, parameters = LAYERS[name]
    arrays = [*batch, *parameters]
    return function, arrays, len(batch), normal(*jax.eval_shape(function, *arrays).shape, seed=9)


def same(got, want):
    got, want = jax.tree.leaves(got), jax.tree.leaves(want)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@every_layer
def test_eager_is_as_compiled_and_compiles_once(name, caplog):
    """The same numbers; and a second eager call with equal shapes finds everything compiled, forward and backward."""
    function, arrays, _, dy = row(name)
    compiled = jax.jit(lambda arrays, dy: value_and_gradients(function, arrays, dy))(arrays, dy)
    same(value_and_gradients(function, arrays, dy), compiled)
    others = [jnp.asarray(-np.asarray(a)) for a in arrays]
    with caplog.at_level("WARNING"), jax.log_compiles():
        value_and_gradients(function, others, dy)
    assert [record.message for record in caplog.records if "XLA compilation" in record.message] == []


@every_layer
def test_vmap_over_each_argument(name):
    """Three different arrays in the place of one argument, then of all: as three calls, forward and backward."""
    function, arrays, _, dy = row(name)
    plain = partial(value_and_gradients, function)
    stacks = [jnp.stack([a, a[::-1], 2 * a]) for a in arrays]
    choices = [{i} for i in range(len(arrays))] + [set(range(len(arrays)))] * (len(arrays) > 1)

    @quick_jit
    def both(arrays, stacks, dy):
        results = []
        for chosen in choices:
            mixed = [stacks[i] if i in chosen else a for i, a in enumerate(arrays)]
            axes = [0 if i in chosen else None for i in range(len(arrays))]
            calls = [plain([m[j] if i in chosen else m for i, m in enumerate(mixed)], dy) for j in range(3)]
            results.append((jax.vmap(plain, (axes, None))(mixed, dy), jax.tree.map(lambda *c: jnp.stack(c), *calls)))
        return results

    for batched, one_by_one in both(arrays, stacks, dy):
        same(batched, one_by_one)


@every_layer
def test_checkpoint_and_scan(name):
    """Recomputed in the backward pass, and as the body of a loop whose carry is differentiated."""
    function, arrays, _, dy = row(name)

    def looped(arrays):
        def step(total, factor):
            return total + factor * jnp.vdot(function(*arrays), dy), None

        return jax.lax.scan(step, jnp.zeros((), jnp.float64), jnp.float64([1, 2]))[0]

    @quick_jit
    def both(arrays, dy):
        _, *plain = value_and_gradients(function, arrays, dy)
        _, *recomputed = value_and_gradients(jax.checkpoint(function), arrays, dy)
        return plain, recomputed, jax.grad(looped)(arrays)

    plain, recomputed, summed = both(arrays, dy)
    same(recomputed, plain)
    same(summed, [3 * np.asarray(g) for g in plain])


@every_layer
def test_shard_map_over_two_devices(name):
    """Each device sees half of the batch; gradients of the replicated parameters come back summed, unasked."""
    function, arrays, batched, dy = row(name)
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(AxisType.Auto,))
    specs = [P("batch")] * batched + [P()] * (len(arrays) - batched)
    halved = partial(value_and_gradients, function)
    sharded = jax.shard_map(halved, mesh=mesh, in_specs=(specs, P("batch")), out_specs=[P("batch"), *specs])
    got = jax.jit(sharded)([np.asarray(a) for a in arrays], np.asarray(dy))
    halves = [[a[h] if i < batched else a for i, a in enumerate(arrays)] for h in (slice(2), slice(2, 4))]
    first, second = quick_jit(
        lambda: [halved(half, dy[h]) for half, h in zip(halves, (slice(2), slice(2, 4)), strict=True)]
    )()
    want = [
        np.concatenate([a, b]) if i <= batched else np.asarray(a) + np.asarray(b)
        for i, (a, b) in enumerate(zip(first, second, strict=True))
    ]
    same(got, want)


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit], ids=["Auto", "Explicit"])
@every_layer
def test_jit_with_a_sharded_batch(name, kind):
    """The same numbers; on a mesh with explicit axes each gradient lies as its primal does."""
    function, arrays, batched, dy = row(name)
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(kind,))
    split, whole = NamedSharding(mesh, P("batch")), NamedSharding(mesh, P())
    places = [split if i < batched else whole for i in range(len(arrays))]
    compiled = quick_jit(partial(value_and_gradients, function))
    with jax.set_mesh(mesh):
        y, *gradients = compiled(jax.device_put(arrays, places), jax.device_put(dy, split))
    same([y, *gradients], compiled(arrays, dy))
    if kind is AxisType.Explicit:
        assert all(g.sharding.is_equivalent_to(p, g.ndim) for g, p in zip(gradients, places, strict=True))


@pytest.mark.parametrize("name", ["conv", "conv-depthwise", "max_pool", "dense", "softmax_cross_entropy", "batch_norm"])
def test_a_second_derivative_on_a_mesh_with_explicit_axes(name):
    function, arrays, batched, dy = row(name)
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(AxisType.Explicit,))
    split, whole = NamedSharding(mesh, P("batch")), NamedSharding(mesh, P())

    @quick_jit
    def second(arrays, dy):
        return jax.vjp(lambda arrays: value_and_gradients(function, arrays, dy)[1], arrays)[1](arrays[0])[0]

    placed = jax.device_put(arrays, [split if i < batched else whole for i in range(len(arrays))])
    with jax.set_mesh(mesh):
        got = second(placed, jax.device_put(dy, split))
    same(got, second(arrays, dy))


@pytest.mark.parametrize("name", LAYERS)
def test_a_batch_on_two_devices_stays_where_it_is(name):
    """Nothing but sums over the batch goes over the network: no part of a batch is gathered."""
    function, arrays, batched, dy = row(name)
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(AxisType.Auto,))
    split, whole = NamedSharding(mesh, P("batch")), NamedSharding(mesh, P())
    places = [split if i < batched else whole for i in range(len(arrays))]
    with jax.set_mesh(mesh):
        inputs = jax.device_put(arrays, places), jax.device_put(dy, split)
        program = quick_jit(partial(value_and_gradients, function)).lower(*inputs).compile().as_text()
    assert not {"all-gather", "all-to-all", "collective-permute"} & set(re.findall(r"[a-z]+(?:-[a-z]+)+", program))
