"""Pictures name their axes and write what they show."""

import numpy as np
from matplotlib.figure import Figure

from analysis.linear_maps.pictures import colour_of_errors, draw_counts, draw_matrix, draw_shifts


def test_a_matrix_has_its_numbers_written_in() -> None:
    ax = draw_matrix(np.array([[1.0, 0.0], [0.5, -2.0]]), Figure().subplots(), title="W")
    assert [text.get_text() for text in ax.texts] == ["1", "0", "0.5", "-2"]
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("W", "input", "output")


def test_a_large_matrix_is_colours_only() -> None:
    assert not draw_matrix(np.eye(30), Figure().subplots()).texts


def test_counts_in_one_and_two_dimensions() -> None:
    bars = draw_counts(np.array([1, 2, 1]), Figure().subplots())
    assert [bar.get_height() for bar in bars.patches] == [1, 2, 1]
    assert draw_counts(np.ones((3, 3)), Figure().subplots()).images[0].get_array().shape == (3, 3)


def test_shifts_are_centred_on_none() -> None:
    ax = draw_shifts(np.zeros((5, 5)), Figure().subplots(), title="conv")
    assert tuple(ax.images[0].get_extent()) == (-2.5, 2.5, 2.5, -2.5)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("right (pixels)", "down (pixels)")


def test_maps_of_shifts_share_one_bar_of_colours() -> None:
    figure = Figure()
    axes = [draw_shifts(np.full((3, 3), 0.5), ax, top=1.0) for ax in figure.subplots(1, 2)]
    colour_of_errors(axes)
    (bar,) = (ax for ax in figure.axes if ax not in axes)
    assert (bar.get_ylabel(), bar.get_ylim()) == ("relative error", (0.0, 1.0))
