"""Every layer of `jaxcnn.networks`, against the network itself and against brute force through dense matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.linear_regions import Plane, box, certify, invariants, partition
from analysis.linear_regions.layers import from_layers, from_network
from jaxcnn import networks, reference
from jaxcnn.networks import Network
from tests.analysis.linear_regions.examples import BruteForce, mlp

IMAGE = (5, 5, 2)
LAYERS = {
    "conv": networks.conv(3, 3),
    "conv-same-stride": networks.conv(3, 3, stride=2, padding="SAME"),
    "conv-dilated": networks.conv(2, 2, dilation=2, padding=((1, 0), (0, 2))),
    "conv-grouped": networks.conv(4, (2, 3), groups=2),
    "conv-position-bias": networks.conv(2, 3, bias="position", bias_init=jax.nn.initializers.normal(1.0)),
    "conv-no-bias": networks.conv(2, 3, bias=None),
    "conv-cropped": networks.conv(2, 2, padding=((-1, 1), (0, 0))),
    "conv-transpose": networks.conv_transpose(3, 3, stride=2, padding="SAME"),
    "conv-transpose-grouped": networks.conv_transpose(4, 2, groups=2, dilation=2),
    "max-pool": networks.max_pool(2),
    "max-pool-overlapping-same": networks.max_pool(3, stride=2, padding="SAME"),
    "max-pool-dilated": networks.max_pool(2, stride=1, dilation=3),
    "avg-pool": networks.avg_pool(2),
    "avg-pool-same": networks.avg_pool(3, stride=2, padding="SAME"),
    "avg-pool-same-without-padding": networks.avg_pool(3, stride=2, padding="SAME", count_include_pad=False),
    "global-avg-pool": networks.global_avg_pool(),
    "batch-norm": networks.batch_norm(),
    "relu": networks.relu(),
    "leaky-relu": networks.leaky_relu(negative_slope=0.3),
    "flatten": networks.flatten(),
    "identity": networks.identity(),
    "dropout": networks.dropout(rate=0.9),
    "residual": networks.residual(networks.conv(2, 3, padding="SAME")),
    "residual-projection": networks.residual(
        networks.conv(4, 2, stride=2), networks.conv(4, 1, stride=2, padding=((0, -1), (0, -1)))
    ),
}


def drawn(network: Network, seed: int = 0, shape: tuple[int, ...] = IMAGE):
    """Parameters and running statistics, none of them zero or one."""
    draw = np.random.default_rng(seed)
    params = network.init(jax.random.key(seed), shape, jnp.float64)
    params = jax.tree.map(lambda leaf: leaf + 0.1 * draw.normal(size=leaf.shape), params)
    state = jax.tree.map(lambda leaf: leaf + draw.uniform(0.1, 1, leaf.shape), network.init_state(shape, jnp.float64))
    return params, state


WINDOWED = [pytest.param(name, 0, id=f"{name}-by-windows") for name in LAYERS if name.startswith("conv")]


@pytest.mark.parametrize(("name", "limit"), [*(pytest.param(name, 1 << 21, id=name) for name in LAYERS), *WINDOWED])
def test_values_tangents_and_cotangents_are_the_networks(
    name: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.linear_regions.affine.DENSE_LIMIT", limit)
    network = networks.serial(before=networks.conv(2, 1), layer=LAYERS[name])
    params, state = drawn(network)
    graph = from_network(network, params, IMAGE, state)
    draw = np.random.default_rng(2)
    x, dx = draw.normal(size=(2, 3, *IMAGE))

    def function(x: jax.Array) -> jax.Array:
        return network.apply(params, x, state, ops=reference)[0].reshape(3, -1)

    y, tangent = jax.jvp(function, (jnp.asarray(x),), (jnp.asarray(dx),))
    value, (along, twice) = graph.tangents(x.reshape(3, -1), np.stack([dx, 2 * dx]).reshape(2, 3, -1))
    assert np.allclose(value, y, rtol=1e-13, atol=1e-13)
    assert np.allclose(along, tangent, rtol=1e-12, atol=1e-13)
    assert np.allclose(twice, 2 * along, rtol=1e-13)
    dy = draw.normal(size=y.shape)
    gradient = graph.gradient(x.reshape(3, -1), dy)
    assert np.isclose((gradient * dx.reshape(3, -1)).sum(), (dy * tangent).sum(), rtol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_error_bounds_hold(name: str) -> None:
    """The graph against itself with a perturbed input: the difference is within the bound, which is not idle."""
    network = networks.serial(before=networks.conv(2, 1), layer=LAYERS[name], end=networks.residual(networks.relu()))
    params, state = drawn(network)
    graph = from_network(network, params, IMAGE, state)
    draw = np.random.default_rng(3)
    x, step = draw.normal(size=(2, 8, int(np.prod(IMAGE))))
    off = 1e-6 * np.linalg.norm(step, axis=1)
    (bounded,) = graph.bounded(x, off, [len(graph.nodes) - 1])
    moved = np.abs(graph.value(x + 1e-6 * step) - bounded.value)
    limit = bounded.reach[:, None] * bounded.rows + bounded.rest
    assert (moved <= limit).all()
    assert limit.max() < 1e-3


@pytest.mark.parametrize("seed", range(1, 5))
def test_conv_residual_and_pool_against_brute_force(seed: int) -> None:
    """conv, ReLU, max pool (plain or overlapping), residual conv and ReLU, strided conv, leaky ReLU."""
    draw, shape = np.random.default_rng(seed), (4, 4, 1)
    pool = {"window": 2} if seed % 2 else {"window": 3, "stride": 2, "padding": "SAME"}
    inner, last = networks.conv(2, 3, padding="SAME"), networks.conv(2, 2, stride=2, padding=1)
    network = networks.serial(
        conv1=networks.conv(2, 3, padding="SAME"),
        relu1=networks.relu(),
        pool=networks.max_pool(**pool),
        block=networks.residual(networks.serial(conv=inner, relu=networks.relu())),
        conv2=last,
        leaky=networks.leaky_relu(negative_slope=0.1),
        flatten=networks.flatten(),
        dense=networks.dense(3),
    )
    params, _ = drawn(network, seed, shape)
    plane, domain = Plane.through(*draw.normal(size=(3, *shape))), box(-2, 2)
    found = partition(network, params, domain, plane=plane)
    assert found.count == brute(params, plane, domain, inner, last, seed % 2 == 0)
    assert invariants(found).ok
    assert certify(found).ambiguous == 0


def brute(params, plane: Plane, domain: np.ndarray, inner: Network, last: Network, overlapping: bool) -> int:
    small = (2, 2, 2)
    brute = BruteForce(domain, np.concatenate([plane.axes.reshape(2, -1), plane.origin.reshape(1, -1)]))
    brute.affine(*matrix(networks.conv(2, 3, padding="SAME"), params["conv1"], (4, 4, 1)))
    rows = [[0, 1, 2], [2, 3]] if overlapping else [[0, 1], [2, 3]]  # which inputs a window covers, along each axis
    brute.maximum([[8 * i + 2 * j + c for i in a for j in b] for a in rows for b in rows for c in range(2)], floor=True)
    brute.push()
    brute.affine(*matrix(inner, params["block"]["body"]["conv"], small))
    brute.relu()
    brute.add()
    brute.affine(*matrix(last, params["conv2"], small))
    brute.relu(0.1)
    return len(brute.cells)


def matrix(layer: Network, params, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """An affine layer as a dense matrix, from its values at the unit vectors."""
    size = int(np.prod(shape))
    x = jnp.concatenate([jnp.eye(size), jnp.zeros((1, size))]).reshape(-1, *shape)
    y = np.asarray(layer.apply(params, x)).reshape(size + 1, -1)
    return y[:-1] - y[-1], y[-1]


@pytest.mark.parametrize("order", ["relu-pool", "pool-relu"])
def test_a_window_that_is_switched_off_is_no_wall(order: str) -> None:
    """max(relu(-1 + x / 10), relu(-1 + y / 10)) near 0: all candidates are 0, and their tie bends nothing."""
    layers = {"relu": networks.relu(), "pool": networks.max_pool(2)}
    network = networks.serial(**{name: layers[name] for name in order.split("-")}, flatten=networks.flatten())
    plane = Plane(np.full((2, 1), -1.0), np.eye(2).reshape(2, 2, 1) / 10)
    assert partition(network, {}, box(-1, 1), plane=plane).count == 1
    assert partition(network, {}, box(-1, 20), plane=plane).count == 3  # off, x, y


def test_absolute_value_and_hard_tanh_layers_are_known_by_their_kind() -> None:
    def layer(kind: str, function) -> Network:
        return Network(kind, {}, forward=lambda x, call: (function(x), {}))

    bends = {"absolute": (jnp.abs, 4), "hard_tanh": (lambda x: jnp.clip(x, -1, 1), 9)}
    for kind, (function, regions) in bends.items():
        network = networks.serial(bend=layer(kind, function), dense=networks.dense(2))
        params, _ = drawn(network, shape=(2,))
        found = partition(network, params, box(-2, 2))
        assert found.count == regions
        x = np.random.default_rng(0).uniform(-2, 2, (9, 2))
        assert np.allclose(found.graph.value(x), network.apply(params, jnp.asarray(x)), rtol=1e-14, atol=1e-14)


def test_a_list_of_layers_is_the_same_network_as_serial() -> None:
    layers = mlp([2, 6, 5, 2], seed=1)
    network = networks.serial(
        dense1=networks.dense(6),
        relu1=networks.relu(),
        dense2=networks.dense(5),
        relu2=networks.relu(),
        dense3=networks.dense(2),
    )
    params = {f"dense{k + 1}": {"kernel": kernel, "bias": bias} for k, (kernel, bias) in enumerate(layers)}
    one, other = partition(layers, box(-1, 1)), partition(network, params, box(-1, 1))
    assert (one.areas == other.areas).all()
    assert from_layers(layers).inputs == 2


@pytest.mark.parametrize(("kind", "instead"), [("sigmoid", "hard_tanh"), ("tanh", "hard_tanh")])
def test_smooth_layers_are_named_with_what_to_use(kind: str, instead: str) -> None:
    network = networks.serial(dense1=networks.dense(2), act=getattr(networks, kind)())
    params, _ = drawn(network, shape=(2,))
    with pytest.raises(ValueError, match=f"layer act is {kind}, which is smooth.*use {instead}"):
        partition(network, params, box(-1, 1))


def test_unknown_layers_missing_and_broken_parameters_are_named() -> None:
    odd = Network("fourier", {}, forward=lambda x, call: (x, {}))
    with pytest.raises(ValueError, match="layer fourier is fourier, which is not known here"):
        partition(odd, {}, box(-1, 1))
    network = networks.serial(dense1=networks.dense(2), bn=networks.batch_norm())
    params, state = drawn(network, shape=(2,))
    with pytest.raises(ValueError, match="no bn/mean was given"):
        partition(network, params, box(-1, 1))
    params["dense1"]["kernel"] = params["dense1"]["kernel"].at[0, 0].set(jnp.inf)
    with pytest.raises(ValueError, match="dense1/kernel: 1 of 4 values are not finite"):
        partition(network, params, box(-1, 1), state=state)
    with pytest.raises(TypeError, match="needs its parameters"):
        partition(network, box(-1, 1))
    with pytest.raises(ValueError, match="25 inputs but there is no plane"):
        partition([(np.ones((25, 1)), np.zeros(1))], box(-1, 1))
