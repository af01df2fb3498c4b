import numpy as np

from analysis.linear_regions.plane.cells import Cells, starts, within
from tests.analysis.linear_regions.examples import SQUARE


def test_one_polygon_is_one_cell() -> None:
    cells = Cells.polygon(3 * SQUARE)
    assert (cells.count, cells.euler, cells.areas.tolist()) == (1, 1, [36.0])
    assert cells.centres.tolist() == [[0.0, 0.0]]
    assert cells.edge_cells.tolist() == [[0, -1]] * 4
    assert cells.edge_lengths.tolist() == [6.0] * 4


def test_area_of_a_small_cell_far_away_keeps_its_digits() -> None:
    tiny = Cells.polygon(1e6 + 2.0**-20 * SQUARE)
    assert tiny.areas[0] == 4 * 2.0**-40


def test_runs() -> None:
    counts = np.array([3, 0, 1])
    assert within(counts).tolist() == [0, 1, 2, 0]
    assert starts(counts).tolist() == [0, 3, 3, 4]
    assert within(np.empty(0, int)).tolist() == []


def test_area_and_centre_of_a_cell_by_hand() -> None:
    """A trapezium of height 2 between sides of 1 and 3, far from the origin too."""
    trapezium = np.array([[0.0, 0.0], [3.0, 0.0], [2.0, 2.0], [1.0, 2.0]])
    for shift in (0.0, 1e6):
        cell = Cells.polygon(trapezium + shift)
        assert cell.areas.tolist() == [4.0]
        assert (cell.centres - shift).tolist() == [[1.5, 1.0]]
