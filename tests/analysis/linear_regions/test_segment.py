import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.linear_regions import ABSOLUTE, HARD_TANH, leaky, partition, segment
from analysis.linear_regions.synthesis import tent
from jaxcnn import networks
from tests.analysis.linear_regions.examples import SQUARE, mlp, readout


def image_network():
    network = networks.serial(
        conv1=networks.conv(3, 3, padding="SAME"),
        relu1=networks.relu(),
        pool=networks.max_pool(3, stride=2, padding="SAME"),
        bn=networks.batch_norm(),
        block=networks.residual(networks.serial(conv=networks.conv(3, 3, padding="SAME"), relu=networks.relu())),
        average=networks.avg_pool(2, stride=1),
        leaky=networks.leaky_relu(),
        flatten=networks.flatten(),
        dense=networks.dense(4),
    )
    shape = (6, 6, 2)
    state = network.init_state(shape, jnp.float64)
    state["bn"]["mean"] = jnp.asarray([0.3, -0.2, 0.1])
    return (
        network,
        network.init(jax.random.key(0), shape, jnp.float64),
        state,
        np.random.default_rng(0).normal(size=(2, *shape)),
    )


@pytest.mark.parametrize("folds", range(1, 11))
def test_tent_map_has_two_to_the_folds_pieces_at_dyadic_knots(folds: int) -> None:
    found = segment(tent(folds), [-1.0], [1.0])
    assert found.count == 2**folds
    assert (found.knots == np.arange(2**folds + 1) / 2**folds).all()
    assert (np.abs(found.slopes) == 2.0 ** (folds + 1)).all()
    assert (np.sign(found.slopes[:, 0]) == np.where(np.arange(2**folds) % 2, 1, -1)).all()
    assert (np.abs(found.kinks) == 2.0 ** (folds + 2)).all()


def test_straight_between_knots_and_bent_at_each() -> None:
    network, params, state, (a, b) = image_network()
    found = segment(network, a, b, params, state=state)
    assert found.count > 20
    middle = found.line.value(found.middles)
    assert np.allclose(middle, (found.values[1:] + found.values[:-1]) / 2, rtol=0, atol=1e-13)
    assert np.allclose(
        found.slopes, np.diff(found.values, axis=0) / np.diff(found.knots)[:, None], rtol=1e-6, atol=1e-8
    )
    assert (np.abs(found.kinks).max(axis=1) > 1e-9).all()
    y, _ = network.apply(params, jnp.stack([jnp.asarray(a), jnp.asarray(b)]), state)
    assert np.allclose(found.values[[0, -1]], y, rtol=1e-12)


def test_integrated_gradients_are_complete_and_what_sampling_converges_to() -> None:
    network, params, state, (a, b) = image_network()
    found = segment(network, a, b, params, state=state)
    for output in range(4):
        exact = found.integrated_gradients(output)
        assert np.isclose(exact.sum(), found.values[-1, output] - found.values[0, output], rtol=0, atol=1e-13)
        errors = [np.abs(found.sampled_gradients(output, samples) - exact).max() for samples in (10, 100_000)]
        assert errors[1] < 1e-4 < errors[0]
    sampled = found.sampled_gradients(1, 50)
    points = a + ((np.arange(50) + 0.5) / 50)[:, None, None, None] * (b - a)
    gradient = jax.vmap(jax.grad(lambda x: network.apply(params, x[None], state)[0][0, 1]))(jnp.asarray(points))
    assert np.allclose(sampled, (np.asarray(gradient).mean(axis=0) * (b - a)).ravel(), rtol=1e-10, atol=1e-13)


def test_class_intervals_are_where_the_answer_changes() -> None:
    network, params, state, (a, b) = image_network()
    found = segment(network, a, 40 * b, params, state=state)
    intervals = found.classes()
    assert intervals[0][0] == 0
    assert intervals[-1][1] == 1
    assert all(first[1] == second[0] and first[2] != second[2] for first, second in itertools.pairwise(intervals))
    t = np.random.default_rng(1).random(500)
    answers = found.line.value(t[:, None]).argmax(axis=1)
    assert all(
        any(low <= x <= high and c == answer for low, high, c in intervals)
        for x, answer in zip(t, answers, strict=True)
    )


@pytest.mark.parametrize("activation", [leaky(0.2), ABSOLUTE, HARD_TANH], ids=["leaky", "absolute", "hard_tanh"])
def test_a_segment_is_cut_where_the_plane_is(activation) -> None:
    layers = mlp([2, 14, 14, 2], seed=5)
    a, b = np.array([-0.9, -0.3]), np.array([0.8, 0.7])
    along = segment(layers, a, b, activation=activation)
    plane = partition(layers, SQUARE, activation=activation)
    p, q = plane.vertices[plane.cells.ends[plane.cells.lines >= 0]].swapaxes(0, 1)
    side = [(b - a)[0] * (x - a)[:, 1] - (b - a)[1] * (x - a)[:, 0] for x in (p, q)]
    crossed = side[0] * side[1] < 0
    at = p + (side[0] / (side[0] - side[1]))[:, None] * (q - p)
    t = ((at - a) @ (b - a) / ((b - a) @ (b - a)))[crossed]
    assert np.allclose(np.sort(t[(t > 0) & (t < 1)]), along.knots[1:-1], atol=1e-12)


def test_mirrored_units_and_dead_units_make_one_knot_or_none() -> None:
    mirrored = [(np.array([[1.0, -1.0, 2.0, 0.0]]), np.array([-0.25, 0.25, -0.5, -1.0])), readout(4)]
    found = segment(mirrored, [0.0], [1.0])
    assert found.knots.tolist() == [0.0, 0.25, 1.0]
    assert (found.stage.tolist(), found.unit.tolist()) == ([-1, 0, -1], [-1, 0, -1])


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        ([0.0], [0.0], "equal values"),
        ([0.0], [0.0, 1.0], "shapes"),
        ([np.nan], [1.0], "finite"),
        ([0.0, 0.0], [1.0, 0.0], "1 inputs"),
    ],
    ids=["equal", "shapes", "nan", "inputs"],
)
def test_bad_ends_are_named(start, end, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        segment(tent(1), start, end)
