import numpy as np
import pytest
from scipy import sparse

from analysis.linear_regions.plane import values
from analysis.linear_regions.plane.values import evaluated, inherited

DRAW = np.random.default_rng(0)
POINTS, NORMALS = DRAW.normal(size=(50, 2)), DRAW.normal(size=(2, 7))
VERTICES, LINES = DRAW.integers(0, 50, 200), DRAW.integers(0, 7, 200)


@pytest.mark.parametrize("rows", [1, 3, 4096])
def test_single_values_are_those_of_whole_rows(rows: int) -> None:
    asked = []

    def measure(points):
        asked.append(len(points))
        return points @ NORMALS, np.ones(7)

    found = evaluated(POINTS, measure, 7, rows)
    assert np.allclose(found.pairs(VERTICES, LINES), (POINTS @ NORMALS)[VERTICES, LINES], rtol=1e-14, atol=1e-15)
    assert max(asked) <= rows
    assert sum(asked) == len(np.unique(VERTICES))  # each vertex once


def test_inherited_values_are_combinations_of_the_table() -> None:
    dense = DRAW.normal(size=(50, 9)) * (DRAW.random((50, 9)) < 0.3)
    dense[:, 0] = 1  # every vertex descends from something
    table, size = DRAW.normal(size=(9, 7)), np.arange(7.0)
    found = inherited(sparse.csr_array(dense), table, size, wanted=True)
    rows, scale = found.rows(slice(10, 20))
    assert np.allclose(rows, (dense @ table)[10:20], rtol=1e-13, atol=1e-14)
    assert scale is size
    assert np.allclose(found.pairs(VERTICES, LINES), (dense @ table)[VERTICES, LINES], rtol=1e-13, atol=1e-14)
    assert found.pairs(VERTICES[:0], LINES[:0]).shape == (0,)


def test_tables_beyond_the_limit_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    measure = lambda points: (points @ NORMALS, np.ones(7))  # noqa: E731
    assert evaluated(POINTS, measure, 7).keep
    monkeypatch.setattr(values, "KEEP", 349)
    assert not evaluated(POINTS, measure, 7).keep
    assert evaluated(POINTS, measure, 7, wanted=True).keep
    monkeypatch.setattr(values, "BEQUEATH", 349)
    assert not evaluated(POINTS, measure, 7, wanted=True).keep
    assert not inherited(sparse.csr_array(np.eye(50)), np.zeros((50, 7)), np.ones(7), wanted=True).keep
