import numpy as np

from analysis.linear_regions import box
from analysis.linear_regions.plane.cells import Cells
from analysis.linear_regions.plane.merge import join
from analysis.linear_regions.plane.subdivide import subdivide
from analysis.linear_regions.plane.values import evaluated


def grid(lines: int) -> Cells:
    offsets = np.linspace(-0.9, 0.9, lines)

    def measure(points):
        return np.concatenate([points[:, :1] - offsets, points[:, 1:] - offsets], axis=1), np.ones(2 * lines)

    return subdivide(Cells.polygon(box(-1, 1)), evaluated(box(-1, 1), measure, 2 * lines)).cells


def test_joining_columns_leaves_stripes() -> None:
    cells = grid(5)
    column = np.searchsorted(np.linspace(-0.9, 0.9, 5), cells.centres[:, 0])
    stripes, one = join(cells, column)
    assert (stripes.count, stripes.euler, len(stripes.points)) == (6, 1, 14)
    assert sorted(column[one].tolist()) == list(range(6))
    assert np.isclose(stripes.areas.sum(), 4, rtol=1e-15)
    assert (stripes.lengths == 4).all()


def test_joining_everything_gives_the_domain_back() -> None:
    whole, _ = join(grid(3), np.zeros(16, int))
    assert whole.points.tolist() == box(-1, 1).tolist()
    assert sorted(whole.lines.tolist()) == [-4, -3, -2, -1]


def test_joining_nothing_changes_nothing() -> None:
    cells = grid(2)
    assert join(cells, np.arange(9))[0] is cells


def test_equal_groups_that_do_not_touch_stay_apart() -> None:
    cells = grid(2)
    row = np.searchsorted([-0.9, 0.9], cells.centres[:, 1])
    assert join(cells, row % 2)[0].count == 3
