"""f = relu(z) @ bends is affine on every new cell: its values at new vertices, from those at old ones and itself."""

import numpy as np
import pytest

from analysis.linear_regions.plane.cells import Cells
from analysis.linear_regions.plane.descent import Strings
from analysis.linear_regions.plane.subdivide import subdivide
from analysis.linear_regions.plane.values import evaluated
from tests.analysis.linear_regions.examples import SQUARE


def test_one_string_by_hand() -> None:
    """z runs from -1 to 3 between vertices 0 and 1: relu(z) at the shares 1/8, 1/4 and 1/2 of the way is 0, 0 and 1."""
    string = Strings(np.array([[0, 1]]), np.array([0, 1]), np.array([0]), np.array([[1.0, 3.0]]))
    weights = string.weights(np.zeros(3, np.int64), np.array([0.125, 0.25, 0.5]), 2, 1)
    assert weights.toarray().tolist() == [[0.875, 0.125, -0.375], [0.75, 0.25, -0.75], [0.5, 0.5, -0.5]]
    assert (weights @ np.array([0.0, 3.0, 1.0])).tolist() == [0, 0, 1]
    assert string.entries(np.zeros(3, np.int64)) == 9


def descended(cells: Cells, normals: np.ndarray, offsets: np.ndarray) -> Cells:
    """Cut by lines of the plane; the inherited values of a random f must be those of a forward pass."""
    bends = np.random.default_rng(1).normal(size=(len(offsets), 5))
    z = lambda points: points @ normals.T + offsets  # noqa: E731
    field = evaluated(cells.points, lambda points: (z(points), np.ones(len(offsets))), len(offsets))
    found = subdivide(cells, field, terms=np.inf)
    known = np.concatenate([np.maximum(z(cells.points), 0) @ bends, bends])
    assert found.weights.shape == (len(found.cells.points), len(cells.points) + len(offsets))
    assert np.allclose(found.weights @ known, np.maximum(z(found.cells.points), 0) @ bends, rtol=1e-13, atol=1e-13)
    return found.cells


LINES = {
    "general": (np.random.default_rng(2).normal(size=(12, 2)), np.random.default_rng(3).normal(size=12) / 2),
    "concurrent": (np.stack([np.cos(np.arange(6) / 2), np.sin(np.arange(6) / 2)], axis=1), np.zeros(6)),
    "parallel": (np.tile([[0.6, 0.8]], (5, 1)), np.linspace(-0.5, 0.5, 5)),
    "duplicate and mirrored": (
        np.array([[1, 2], [1, 2], [-2, -4], [1, -1], [3, 1], [3, 1]], float),
        np.array([0.1, 0.1, -0.2, 0.3, -0.5, -0.5]),
    ),
    "through corners": (np.array([[1, -1], [1, 1], [1, 1], [1, 0]], float), np.array([0.0, 0, 2, 1])),
    "missing": (np.array([[1.0, 0], [0, 1]]), np.array([5.0, -5])),
}


@pytest.mark.parametrize("name", LINES)
def test_values_at_new_vertices_are_those_of_a_forward_pass(name: str) -> None:
    cells = descended(Cells.polygon(SQUARE), *LINES[name])
    again = np.random.default_rng(4)
    descended(cells, again.normal(size=(9, 2)), again.normal(size=9) / 2)


def test_blocks_of_cells_descend_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.linear_regions.plane.subdivide.CUTS_AT_ONCE", 5)
    test_values_at_new_vertices_are_those_of_a_forward_pass("general")


@pytest.mark.parametrize("terms", [0, 3, 8])
def test_descent_that_takes_too_many_terms_is_not_traced(terms: float) -> None:
    normals, offsets = LINES["general"]
    field = evaluated(SQUARE, lambda points: (points @ normals.T + offsets, np.ones(12)), 12)
    assert subdivide(Cells.polygon(SQUARE), field, terms=terms).weights is None
