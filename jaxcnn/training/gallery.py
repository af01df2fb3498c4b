"""The pictures that a run directory gets, each a PNG with the CSV of what it shows beside it.

learning_curves   loss and accuracy, training and held out
confusion         which classes are taken for which
mistakes          held-out images taken for another class, the most confident first
filters           the first convolution's filters and what they make of six held-out images
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from jaxcnn.networks.network import Network
from jaxcnn.training import metrics, pictures
from jaxcnn.training.batches import pixels
from jaxcnn.training.data import DataSet, Examples
from jaxcnn.training.files import write_csv
from jaxcnn.training.metrics import Epoch
from jaxcnn.training.step import State

COLUMNS, ROWS = 8, 3  # of mistakes
SEEN, FILTERS = 6, 8  # images and filters at most

Logits = Float[np.ndarray, "n classes"]


def draw_all(folder: Path, network: Network, state: State, data: DataSet, epochs: list[Epoch], logits: Logits) -> None:
    """Write every picture of a run, given the held-out images' logits in its final state."""
    draw_curves(folder, epochs)
    draw_confusion(folder, data, logits)
    draw_mistakes(folder, data, logits)
    draw_filters(folder, network, state, data.test)


def draw_curves(folder: Path, epochs: list[Epoch]) -> None:
    number, train_loss, train_accuracy, test_loss, test_accuracy, *_ = zip(*epochs, strict=True)
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    pictures.losses(number, train_loss, test_loss, left)
    pictures.accuracies(number, train_accuracy, test_accuracy, right)
    keep(folder, "learning_curves", figure, list(Epoch._fields), epochs)


def draw_confusion(folder: Path, data: DataSet, logits: Logits) -> None:
    counts = metrics.confusion(logits, data.test.labels)
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    pictures.confusion_matrix(counts, data.classes, figure.subplots())
    rows = ([name, *row] for name, row in zip(data.classes, counts.tolist(), strict=True))
    keep(folder, "confusion", figure, ["class", *data.classes], rows)


def draw_mistakes(folder: Path, data: DataSet, logits: Logits) -> None:
    """All mistakes go into the CSV, the most confident ones into the picture."""
    probabilities = np.exp(metrics.log_probabilities(logits))
    (wrong,) = np.nonzero(probabilities.argmax(axis=1) != data.test.labels)
    wrong = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]
    shown = wrong[: COLUMNS * ROWS]
    rows_needed = max(1, -(-len(shown) // COLUMNS))
    figure = Figure(figsize=(1.35 * COLUMNS, 0.5 + 1.75 * rows_needed), layout="constrained")
    figure.suptitle(f"{len(wrong):,} of {len(logits):,} held-out images are taken for another class", fontsize=10)
    grid = figure.subplots(rows_needed, COLUMNS, squeeze=False)
    for ax in grid.flat[len(shown) :]:
        ax.set_axis_off()
    for ax, index in zip(grid.flat, shown, strict=False):
        pictures.mistake(data.test.images[index], probabilities[index], data.test.labels[index], data.classes, ax)
    rows = ([index, data.classes[data.test.labels[index]], *probabilities[index]] for index in wrong)
    keep(folder, "mistakes", figure, ["image", "class", *(f"p({name})" for name in data.classes)], rows)


def draw_filters(folder: Path, network: Network, state: State, test: Examples) -> None:
    """The first layer, if it is a convolution: filters in rows, held-out images in columns."""
    site = network.sites(test.images.shape[1:])[0]
    if site.layer.kind != "conv":
        return
    leaves = reduce(getitem, site.path.split("/") if site.path else [], state.params)
    chosen = np.unique(test.labels, return_index=True)[1][:SEEN]
    images, kernel = test.images[chosen], np.asarray(leaves["kernel"])  # [h, w, c, k]
    responses = np.asarray(site.layer.apply(leaves, pixels(jnp.asarray(images))))  # [n, h, w, k]
    header = ["image", "row", "column", "filter", "response"]
    keep(
        folder, "filters", filters(kernel[..., :FILTERS], responses[..., :FILTERS], images), header, entries(responses)
    )
    write_csv(folder / "filters_taps.csv", ["row", "column", "channel", "filter", "tap"], entries(kernel))


def filters(kernel: np.ndarray, responses: np.ndarray, images: np.ndarray) -> Figure:
    """Images along the top, filters down the side, what each filter makes of each image where they meet."""
    rows, columns = 1 + kernel.shape[-1], 1 + len(images)
    figure = Figure(figsize=(1.2 * columns, 0.6 + 1.2 * rows), layout="constrained")
    figure.suptitle("first convolution, before the activation: red is positive, blue negative", fontsize=10)
    grid = figure.subplots(rows, columns)
    grid[0, 0].set_axis_off()
    for column, image in enumerate(images, start=1):
        pictures.photograph(image, grid[0, column])
    for row in range(1, rows):
        pictures.filter_taps(kernel[..., row - 1], grid[row, 0]).set_ylabel(f"filter {row - 1}", fontsize=8)
        for column in range(1, columns):
            response = responses[column - 1, :, :, row - 1]
            pictures.signed(response, np.abs(responses[..., row - 1]).max(), grid[row, column])
    return figure


def entries(array: np.ndarray) -> Iterator[list[Any]]:
    """Every element behind its indices."""
    return ([*index, value] for index, value in np.ndenumerate(array))


def keep(folder: Path, name: str, figure: Figure, header: list[str], rows: Iterable[Any]) -> None:
    figure.savefig(folder / f"{name}.png", dpi=120)
    write_csv(folder / f"{name}.csv", header, rows)
