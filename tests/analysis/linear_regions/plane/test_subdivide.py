"""Arrangements whose counts are known: regions = 1 + lines that hit + sum over inner vertices of (multiplicity - 1)."""

from math import comb

import numpy as np
import pytest

from analysis.linear_regions import box
from analysis.linear_regions.expectation import arrangement
from analysis.linear_regions.plane import subdivide, values
from analysis.linear_regions.plane.cells import Cells
from analysis.linear_regions.plane.chords import InconsistentSignsError
from analysis.linear_regions.plane.values import evaluated


def cut(normals, offsets, half: float = 1.0) -> Cells:
    normals, offsets = np.asarray(normals, float), np.asarray(offsets, float)

    def measure(points):
        return points @ normals.T + offsets, np.linalg.norm(normals, axis=1) * half * 2 + np.abs(offsets)

    whole = Cells.polygon(box(-half, half))
    found = subdivide.subdivide(whole, evaluated(whole.points, measure, len(offsets)))
    cells = found.cells
    assert cells.euler == 1
    assert np.isclose(cells.areas.sum(), 4 * half * half, rtol=1e-13, atol=0)
    assert cells.areas.min() > 0
    assert (found.parent == 0).all()
    return cells


def fan(lines: int, turn: float = 0.1) -> np.ndarray:
    angle = turn + np.pi * np.arange(lines) / lines
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


@pytest.mark.parametrize("lines", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 30, 100])
def test_general_position_in_the_whole_plane(lines: int) -> None:
    offsets = np.random.default_rng(lines).normal(size=lines)
    cells = cut(fan(lines), offsets, half=1e3)
    assert cells.count == arrangement(lines) == 1 + lines + comb(lines, 2)
    assert len(cells.points) == comb(lines, 2) + 2 * lines + 4
    inner = cells.lines >= 0
    assert np.count_nonzero(inner) == lines**2
    outer = np.unique(cells.edge_cells[~inner].max(axis=1))
    assert cells.count - len(outer) == comb(lines - 1, 2)  # bounded regions


@pytest.mark.heavy
def test_half_a_million_regions_from_a_thousand_lines() -> None:
    offsets = np.random.default_rng(0).normal(size=1000)
    cells = cut(fan(1000), offsets, half=2500)
    assert cells.count == 500_501


@pytest.mark.parametrize("lines", [2, 3, 7, 20])
def test_lines_through_one_point(lines: int) -> None:
    assert cut(fan(lines), np.zeros(lines)).count == 2 * lines


@pytest.mark.parametrize("lines", [2, 3, 7])
def test_lines_through_one_point_that_no_float_holds(lines: int) -> None:
    normals = fan(lines, 0.3)
    assert cut(normals, -normals @ np.array([1 / 3, 0.1])).count == 2 * lines


@pytest.mark.parametrize("lines", [1, 5, 40])
def test_parallel_lines(lines: int) -> None:
    assert cut(np.tile([[0.6, 0.8]], (lines, 1)), np.linspace(-0.5, 0.5, lines)).count == lines + 1


@pytest.mark.parametrize(("rows", "columns"), [(3, 4), (1, 7), (12, 12)])
def test_lattice(rows: int, columns: int) -> None:
    normals = np.repeat(np.eye(2), [rows, columns], axis=0)
    offsets = np.concatenate([np.linspace(-0.9, 0.9, rows), np.linspace(-0.8, 0.8, columns)])
    assert cut(normals, offsets).count == (rows + 1) * (columns + 1)


@pytest.mark.parametrize("each", [1, 2, 4])
def test_three_families_of_parallels(each: int) -> None:
    offsets = np.random.default_rng(each).uniform(-1, 1, 3 * each)
    assert cut(np.repeat(fan(3), each, axis=0), offsets, half=100).count == 1 + 3 * each + 3 * each**2


def test_a_triple_point_costs_one_region() -> None:
    offsets = np.array([0.0, 0.5, 0.0, -0.25, 0.0, 0.75])  # one of each family through the origin
    assert cut(np.repeat(fan(3), 2, axis=0), offsets, half=100).count == 1 + 6 + 12 - 1


def test_mirrored_duplicate_and_scaled_lines_count_once() -> None:
    normal = np.array([0.3, 0.7])
    cells = cut([normal, -normal, normal, 5 * normal], [0.1, -0.1, 0.1, 0.5])
    assert cells.count == 2
    assert set(cells.lines.tolist()) == {-1, -2, -3, -4, 0}  # the least of the four names the edge


def test_lines_along_the_border_and_through_corners() -> None:
    along, diagonal, touching = [1, 0, 1], [1, -1, 0], [1, 1, 2]
    lines = np.array([along, diagonal, touching], float)
    assert cut(lines[:, :2], lines[:, 2]).count == 2  # only the diagonal cuts


def test_lines_that_miss_leave_the_domain_whole() -> None:
    cells = cut(fan(5), np.full(5, 10.0))
    assert (cells.count, len(cells.points)) == (1, 4)


def test_blocks_give_what_one_pass_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(3)
    first, second = draw.normal(size=(40, 3)), draw.normal(size=(40, 3))

    def both() -> tuple[list[float], list[int]]:
        cells = Cells.polygon(box(-1, 1))
        for lines in (first, second):
            measure = lambda x, lines=lines: (x @ lines[:, :2].T + lines[:, 2] / 2, np.ones(40))  # noqa: E731
            found = subdivide.subdivide(cells, evaluated(cells.points, measure, 40))
            cells = found.cells
        return np.sort(cells.areas).tolist(), np.bincount(found.parent).tolist()

    whole = both()
    monkeypatch.setattr(subdivide, "CUTS_AT_ONCE", 50)
    monkeypatch.setattr("analysis.linear_regions.plane.chords.PAIRS", 20)
    monkeypatch.setattr(values, "KEEP", 0)
    assert both() == whole


def test_signs_that_no_line_has_are_refused() -> None:
    def measure(points):
        corner = np.arange(len(points)) % 2
        return (2.0 * corner - 1)[:, None], np.ones(1)

    with pytest.raises(InconsistentSignsError, match="two points"):
        subdivide.subdivide(Cells.polygon(box(-1, 1)), evaluated(box(-1, 1), measure, 1))
