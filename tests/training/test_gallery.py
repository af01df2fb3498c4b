"""Tests of the pictures and of the tables beside them."""

import csv
import warnings

import matplotlib.image
import numpy as np
import optax
import pytest

from jaxcnn import networks
from jaxcnn.training import pictures
from jaxcnn.training.gallery import draw_all
from jaxcnn.training.metrics import Epoch
from jaxcnn.training.step import State
from tests.training import tiny
from tests.training.files import striped_set

DATA = striped_set(test=30)
EPOCHS = [Epoch(1, 2.25, 0.25, 2.0, 0.5, 0.125, 400.0), Epoch(2, 0.5, 0.5, 0.25, 0.75, 0.0625, 800.0)]
LOGITS = np.eye(10, dtype=np.float32)[(DATA.test.labels + (np.arange(30) % 3 == 0)) % 10] * np.arange(1, 31)[:, None]


def rows(path):
    with path.open() as table:
        return list(csv.DictReader(table))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    learner = tiny.learner(optax.sgd(0.1))
    draw_all(folder, learner.network, tiny.state(learner), DATA, EPOCHS, LOGITS)
    return folder


@pytest.mark.parametrize("name", ["learning_curves", "confusion", "mistakes", "filters"])
def test_every_picture_is_a_png_with_a_table_beside_it(folder, name):
    height, width, _ = matplotlib.image.imread(folder / f"{name}.png").shape
    assert min(height, width) > 200
    assert rows(folder / f"{name}.csv")


def test_mistakes_are_listed_with_probabilities_the_most_confident_first(folder):
    listed = rows(folder / "mistakes.csv")
    assert [int(row["image"]) for row in listed] == list(range(27, -1, -3))
    for row in listed:
        shares = np.array([float(row[f"p({name})"]) for name in DATA.classes])
        np.testing.assert_allclose(shares.sum(), 1, rtol=1e-6)
        assert shares.argmax() == (int(row["class"]) + 1) % 10


def test_the_confusion_table_counts_classes_by_row(folder):
    counts = np.array([[int(row[name]) for name in DATA.classes] for row in rows(folder / "confusion.csv")])
    assert counts.sum() == 30
    assert np.trace(counts) == 20
    assert counts[0, 1] == 1  # image 0


def test_filters_and_what_they_make_of_images_are_listed(folder):
    assert len(rows(folder / "filters_taps.csv")) == 3 * 3 * 3
    assert len(rows(folder / "filters.csv")) == 6 * 8 * 8 * 3


def test_no_mistake_and_no_convolution_are_no_trouble(tmp_path):
    network = networks.serial(flat=networks.flatten(), dense=networks.dense(10))
    right = np.eye(10, dtype=np.float32)[DATA.test.labels]
    draw_all(tmp_path, network, State({}, {}, ()), DATA, EPOCHS[:1], right)
    assert sorted(path.stem for path in tmp_path.glob("*.png")) == ["confusion", "learning_curves", "mistakes"]


def test_pictures_can_be_drawn_alone_and_return_their_axes():
    kernel, image = np.zeros((3, 3, 3), np.float32), np.zeros((4, 4, 3), np.uint8)
    drawn = [
        pictures.losses([1, 2], [1.0, 0.5], [1.0, 0.6]),
        pictures.accuracies([1, 2], [0.1, 0.5], [0.1, 0.6]),
        pictures.confusion_matrix(np.eye(2, dtype=int), ["plane", "car"]),
        pictures.mistake(image, np.array([0.25, 0.75]), 0, ["plane", "car"]),
        pictures.filter_taps(kernel),
        pictures.signed(kernel[..., 0], 0.0),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for axes in drawn:
            axes.figure.canvas.draw()
    assert drawn[0].get_ylabel() == "cross entropy (nats per example)"
    assert drawn[3].get_title() == "plane taken for car"
