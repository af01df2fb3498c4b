"""Seed 3, exercise 3: translation equivariance and invariance. S3.15 to S3.24."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis.linear_maps import invariances, shift
from analysis.worked_examples import translation_pictures
from analysis.worked_examples.entry import entry
from analysis.worked_examples.judge import Claim, Finding
from analysis.worked_examples.truth import correlate, depth_first, map_twice, pullbacks, rotate, taps, values
from jaxcnn import ops as handwritten

IMAGE = np.array([
    [0, 0, 0, 0, 0, 0],
    [0, 1, 2, 0, 3, 0],
    [0, 1, 2, 0, 1, 0],
    [0, 4, 1, 1, 2, 0],
    [0, 0, 0, 2, 1, 0],
    [0, 0, 0, 0, 0, 0],
], float)  # fmt: skip
FILTERS = np.array([[[0, 1, 0], [1, 0, 1], [0, 1, 0]], [[0, 1, 1], [0, 1, 0], [1, 1, 0]]], float)
TABLES = np.array([
    [[3, 3, 5, 1], [7, 4, 4, 5], [2, 7, 5, 3], [4, 3, 2, 4]],
    [[2, 5, 2, 4], [8, 9, 5, 7], [7, 3, 4, 6], [5, 2, 5, 3]],
])  # fmt: skip
TABLES_LEFT = np.array([
    [[3, 5, 1, 3], [4, 4, 5, 1], [7, 5, 3, 2], [3, 2, 4, 1]],
    [[5, 2, 4, 1], [9, 5, 7, 2], [3, 4, 6, 1], [2, 5, 3, 0]],
])  # fmt: skip
BOLD = [[(1, 0), (1, 3), (2, 1), (2, 2)], [(1, 1), (1, 3), (2, 0), (2, 3)]]  # row and column, from 0, window by window
BOLD_LEFT = [[(0, 1), (1, 2), (2, 0), (3, 2)], [(1, 0), (1, 2), (2, 2), (3, 1)]]
POOLED = np.array([[[7, 5], [7, 5]], [[9, 7], [7, 6]]])


def batch(image: Any) -> jax.Array:
    return jnp.asarray(image, jnp.float64)[None, :, :, None]


def convolved(ops: Any, image: Any, filters: np.ndarray = FILTERS) -> jax.Array:
    """Both filters and ReLU, [filter, 4, 4]."""
    return depth_first(ops.relu(ops.conv(batch(image), taps(filters[:, None]))))


def pooled(ops: Any, image: Any) -> jax.Array:
    """[filter, 2, 2]."""
    return depth_first(ops.max_pool(ops.relu(ops.conv(batch(image), taps(FILTERS[:, None]))), 2))


def moved(by: tuple[int, int] = (0, -1)) -> np.ndarray:
    return np.asarray(shift(batch(IMAGE), by))[0, :, :, 0]


def marks(bold: list[list[tuple[int, int]]]) -> np.ndarray:
    """The bold entries as ones, [filter, 4, 4]."""
    found = np.zeros((2, 4, 4))
    for table, places in zip(found, bold, strict=True):
        for place in places:
            table[place] = 1
    return found


@entry(
    "S3.15",
    "Ex. 3",
    "A 6x6 image, two 3x3 filters, ReLU, a 2x2 max pool with stride 2.",
    picture=translation_pictures.translation_tables,
)
def data() -> list[Finding]:
    """Both filters equal their own rotation by 180 degrees: this example cannot tell correlation from convolution."""
    return [
        Claim("largest and sum of the image", [4, 21], [IMAGE.max(), IMAGE.sum()]),
        Claim(
            "the tables with rotated filters", TABLES, values(convolved, IMAGE, np.array(list(map(rotate, FILTERS))))
        ),
    ]


@entry("S3.16", "Ex. 3a", "The volume is 4x4x2 after the convolution and 2x2x2 after the pool.")
def volumes() -> list[Finding]:
    return [
        Claim("after the convolution", (2, 4, 4), np.shape(values(convolved, IMAGE).hand)),
        Claim("after the pool", (2, 2, 2), np.shape(values(pooled, IMAGE).hand)),
    ]


@entry("S3.17", "Ex. 3b, table 1", "The output with filter 1.")
def first_table() -> list[Finding]:
    return [
        Claim("16 values", TABLES[0], map_twice(lambda y: y[0], values(convolved, IMAGE))),
        Claim("by the sum itself", TABLES[0], correlate(IMAGE, FILTERS[0])),
    ]


@entry("S3.18", "Ex. 3b, table 2", "The output with filter 2.")
def second_table() -> list[Finding]:
    return [
        Claim("16 values", TABLES[1], map_twice(lambda y: y[1], values(convolved, IMAGE))),
        Claim("by the sum itself", TABLES[1], correlate(IMAGE, FILTERS[1])),
    ]


@entry("S3.19", "Ex. 3b", "The pooled values: 7 5 / 7 5 and 9 7 / 7 6.")
def pooled_values() -> Claim:
    return Claim("8 values", POOLED, values(pooled, IMAGE))


@entry("S3.20", "Ex. 3b", "The maximum of every pooling filter is printed bold.")
def bold_maxima() -> list[Finding]:
    """With one tie, filter 1, upper right: 5 at row 1, column 3 and at row 2, column 4. The document marks the second;
    here the gradient goes to the first."""
    blocks = lambda x: x.reshape(2, 2, 2, 2, 2).max((2, 4))  # noqa: E731
    winners = pullbacks(lambda ops, y: depth_first(ops.max_pool(jnp.moveaxis(y, 0, -1)[None], 2)), np.ones((2, 2, 2)),
                        TABLES.astype(float))  # fmt: skip
    first_of_tie = marks([[(1, 0), (0, 2), (2, 1), (2, 2)], BOLD[1]])
    return [
        Claim("the bold entries are the maxima", blocks(TABLES * marks(BOLD)), blocks(TABLES)),
        Claim("the winners, with the first of a tie", first_of_tie, winners),
        Claim("entries that equal their window's maximum", 9, int(np.sum(np.kron(POOLED, np.ones((2, 2))) == TABLES))),
    ]


@entry(
    "S3.21",
    "Ex. 3c",
    "Columns 2 to 4 of the convolution's output move to the left; only the last column is new.",
    picture=translation_pictures.translation_causes,
)
def equivariance() -> Claim:
    before, after = values(convolved, IMAGE), values(convolved, moved())
    return Claim(
        "columns 1 to 3 after the shift", np.asarray(before.auto)[:, :, 1:], map_twice(lambda y: y[:, :, :3], after)
    )


@entry("S3.22", "Ex. 3c, tables", "The outputs for the image moved to the left by one pixel.")
def moved_tables() -> list[Finding]:
    blocks = lambda x: x.reshape(2, 2, 2, 2, 2).max((2, 4))  # noqa: E731
    return [
        Claim("32 values", TABLES_LEFT, values(convolved, moved())),
        Claim("their bold entries are the maxima", blocks(TABLES_LEFT * marks(BOLD_LEFT)), blocks(TABLES_LEFT)),
    ]


@entry(
    "S3.23",
    "Ex. 3c",
    "Three out of eight output units of the max pooling layer change their value.",
)
def units_that_change() -> list[Finding]:
    """Two of filter 1 and one of filter 2."""
    before, after = values(pooled, IMAGE), values(pooled, moved())
    changed = before.hand != after.hand
    return [
        Claim("units that change", 3, int(changed.sum())),
        Claim("of filter 1 and of filter 2", [2, 1], changed.sum((1, 2))),
        Claim("pooled values after the shift", [[[5, 5], [7, 4]], [[9, 7], [5, 6]]], after),
    ]


@entry(
    "S3.24",
    "Ex. 3d",
    "For each output unit some translation leaves its value unchanged: yes.",
    picture=translation_pictures.trained_network,
)
def invariant_units() -> list[Finding]:
    """Over all shifts by one pixel, zeros moving in. The tightest unit, filter 2 lower right, has a single one."""
    kernel = taps(FILTERS[:, None])
    same = invariances(
        lambda x: handwritten.max_pool(handwritten.relu(handwritten.conv(x, kernel)), 2), batch(IMAGE)
    )  # [dy, dx, 2, 2, filter]
    same[1, 1] = False  # no shift at all does not count
    tightest = [(int(y) - 1, int(x) - 1) for y, x in np.argwhere(same[:, :, 1, 1, 1])]
    return [
        Claim("every unit has one", np.ones((2, 2, 2), bool), same.any((0, 1))),
        Claim("shifts (down, right) of filter 2, lower right", [(0, -1)], tightest),
        Claim("number of shifts per unit of filters 1 and 2", [[[4, 6], [4, 2]], [[3, 3], [1, 1]]],
              np.moveaxis(same.sum((0, 1)), -1, 0)),
    ]  # fmt: skip
