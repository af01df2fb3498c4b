"""Seed 3, exercise 3, in pictures: its tables, what breaks equivariance, and a trained network over all shifts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from analysis.linear_maps import equivariance_errors, invariance_errors
from analysis.linear_maps.pictures import colour_of_errors, draw_shifts
from analysis.worked_examples.pictures import table
from analysis.worked_examples.studies import softmax
from jaxcnn import networks
from jaxcnn.networks import Network, avg_pool, conv, max_pool, relu, serial

REACH = 3
SHIFTS = [(down, right) for down in range(-REACH, REACH + 1) for right in range(-REACH, REACH + 1)]


def translation_tables(figure: Figure) -> None:
    """S3.15 to S3.23: the image and both filters' outputs, before and after the shift, maxima marked."""
    from analysis.worked_examples.seed3_translation import BOLD, BOLD_LEFT, IMAGE, TABLES, TABLES_LEFT, moved

    figure.set_size_inches(8.5, 5.6)
    axes = figure.subplots(2, 3)
    before, after = ("image", *TABLES), ("image, one pixel to the left", *TABLES_LEFT)
    for row, picture, (title, *tables), bold in zip(
        axes, (IMAGE, moved()), (before, after), (BOLD, BOLD_LEFT), strict=True
    ):
        table(row[0], picture, title)
        for ax, values, places, name in zip(row[1:], tables, bold, ("filter 1", "filter 2"), strict=True):
            table(ax, values, f"output with {name}", places)


CAUSES: dict[str, Network] = {
    "conv 3x3": serial(conv=conv(4, 3)),
    "conv 3x3, zero padding": serial(conv=conv(4, 3, padding="SAME")),
    "conv 3x3, stride 2": serial(conv=conv(4, 3, stride=2)),
    "then ReLU, max pool 2": serial(conv=conv(4, 3), relu=relu(), pool=max_pool(2)),
    "then average pool 2": serial(conv=conv(4, 3), pool=avg_pool(2)),
}


def translation_causes(figure: Figure) -> None:
    """S3.21: a blob in the middle of an image and away from its border; what of a layer breaks equivariance."""
    figure.set_size_inches(12, 5.2)
    y, x = np.mgrid[:16, :16] - 7.5
    inside = np.exp(-(x**2 + 2 * y**2 + x * y) / 6) * (np.maximum(abs(x), abs(y)) < 4)
    everywhere = 1 + np.sin(x) * np.cos(1.3 * y)
    axes = figure.subplots(2, len(CAUSES), sharex=True, sharey=True)
    for row, picture, what in zip(
        axes, (inside, everywhere), ("object on black", "pattern to the border"), strict=True
    ):
        images = jnp.asarray(picture, jnp.float32)[None, :, :, None]
        for ax, network in zip(row, CAUSES.values(), strict=True):
            params = network.init(jax.random.key(0), (16, 16, 1))
            found = list(equivariance_errors(network, params, images, SHIFTS).values())[-1]
            draw_shifts(found.reshape(2 * REACH + 1, -1), ax, top=0.8).label_outer()
        row[0].set_ylabel(f"{what}\ndown (pixels)")
    for ax, name in zip(axes[0], CAUSES, strict=True):
        ax.set_title(name)
    colour_of_errors(axes.ravel())


def shift_maps(figure: Figure, network: Network, params: Any, x: jax.Array, state: Any = None) -> None:
    """Heat maps of any trained network over shifts: equivariance above, invariance below, a column per layer.

    Args:
        network, params, state: as they come from training.
        x: images [n, h, w, c]; errors are of all of them together.
    """
    found: list[Mapping[str, np.ndarray]] = [
        errors(network, params, x, SHIFTS, state=state) for errors in (equivariance_errors, invariance_errors)
    ]
    paths = list(found[1])
    figure.set_size_inches(2 + 2.1 * len(paths), 5.2)
    axes = figure.subplots(2, len(paths), squeeze=False)
    for row, errors, word in zip(axes, found, ("equivariance", "invariance"), strict=True):
        for ax, path in zip(row, paths, strict=True):
            if path in errors:
                draw_shifts(errors[path].reshape(2 * REACH + 1, -1), ax, title=f"{path}: {word}", top=1.0)
            else:
                ax.remove()  # a vector has no translation
        for ax in row[1:]:
            ax.set_ylabel("")
    colour_of_errors([ax for ax in axes.ravel() if ax.images])


def trained_network(figure: Figure) -> None:
    """S3.24: seed 2's shallow network, trained on digits, over all shifts of 50 test images by up to 3 pixels."""
    shift_maps(figure, networks.seed2_shallow(), softmax.train_shallow(epochs=50).params, softmax.digits().test_x[:50])
