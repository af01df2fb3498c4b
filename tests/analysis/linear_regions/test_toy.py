import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits

from analysis.linear_regions import toy


@pytest.mark.parametrize("name", toy.PROBLEMS)
def test_both_classes_are_drawn_alike_again_and_within_the_picture(name: str) -> None:
    inputs, classes = toy.problem(name, count=300, seed=1)
    assert (inputs == toy.problem(name, count=300, seed=1).inputs).all()
    assert (inputs != toy.problem(name, count=300, seed=2).inputs).any()
    assert set(classes.tolist()) == {0, 1}
    assert 0.3 < classes.mean() < 0.7 or name == "image"
    assert np.abs(inputs).max() < 1.1


def test_rings_have_their_radii() -> None:
    circles, shell = toy.problem("circles", noise=0.0), toy.problem("shell", noise=0.0)
    assert np.allclose(np.linalg.norm(circles.inputs, axis=1), np.where(circles.classes, 0.35, 0.8))
    distance = np.linalg.norm(shell.inputs, axis=1)
    assert np.allclose(distance[shell.classes == 0], 0.75)
    assert distance[shell.classes == 1].max() <= 0.4


def test_moons_are_half_rings_that_interlock() -> None:
    inputs, classes = toy.problem("moons", noise=0.0)
    centre = 0.65 * np.where(classes, 1, -1)[:, None] * np.array([0.5, 0.25])
    assert np.allclose(np.linalg.norm(inputs - centre, axis=1), 0.65)
    assert np.sign(inputs - centre)[:, 1].tolist() == np.where(classes, -1, 1).tolist()


def test_spiral_arms_are_each_others_half_turn() -> None:
    inputs, classes = toy.problem("spiral", noise=0.0)
    radius, angle = np.linalg.norm(inputs, axis=1), np.arctan2(inputs[:, 1], inputs[:, 0])
    assert np.allclose(np.cos(angle - 3 * np.pi * radius / 0.9 - np.pi * classes), 1)


def test_checkerboard_by_hand() -> None:
    corners = np.array([[-0.9, -0.9], [-0.4, -0.9], [0.1, -0.9], [0.9, -0.9], [-0.9, -0.4], [0.9, 0.9]])
    assert toy.squares(corners).tolist() == [0, 1, 0, 1, 1, 0]


def test_ink_is_where_the_digit_is_dark() -> None:
    image = load_digits().images[3]
    row, column = np.mgrid[0:7, 0:7]
    x, y = (column + 0.5) / 4 - 1, 1 - (row + 0.5) / 4  # pixel centres; the first row is on top
    dark = toy.ink(np.stack([x.ravel(), y.ravel()], axis=1))
    assert dark.tolist() == (image[:7, :7].ravel() > 7).astype(int).tolist()


def test_training_learns_and_its_layers_are_the_network() -> None:
    data, network = toy.problem("circles"), toy.classifier([8, 8])
    first, middle, last = toy.train(network, data, steps=300, snapshots=2)
    assert (first.step, middle.step, last.step) == (0, 75, 300)
    assert last.accuracy > 0.95 > first.accuracy
    x = data.inputs
    for kernel, bias in toy.layers(network, last.params):
        x = np.maximum(x, 0) if x is not data.inputs else x
        x = x @ kernel + bias
    assert np.allclose(x, network.apply(last.params, jnp.asarray(data.inputs, jnp.float32)), atol=1e-4)
    assert (x.argmax(axis=1) == data.classes).mean() == pytest.approx(last.accuracy)


def test_the_first_snapshot_is_the_networks_own_init() -> None:
    network, data = toy.classifier([4]), toy.problem("moons")
    drawn = network.init(jax.random.key(3), (2,))
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), drawn, toy.train(network, data, 1, seed=3)[0].params))


def test_an_unknown_problem_is_named() -> None:
    with pytest.raises(ValueError, match="there is no 'cats'; use one of moons"):
        toy.problem("cats")
