from fractions import Fraction

import pytest

from analysis.linear_regions.oracle import rational_regions

SQUARE = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
SUM = ([[1], [1]], [0])


def test_thirds_stay_thirds() -> None:
    one = ([[3, 0], [0, 3]], [-1, 1])  # x = 1/3, y = -1/3
    cells = rational_regions([one, SUM], SQUARE)
    assert len(cells) == 4
    assert {p for corners, _ in cells for p in corners} >= {(Fraction(1, 3), Fraction(-1, 3))}


def test_the_affine_maps_are_exact() -> None:
    cells = rational_regions([([[1, 0], [0, 1]], [0, 0]), ([[2], [5]], [7])], SQUARE)
    assert sorted(tuple(map(int, maps[0])) for _, maps in cells) == [(0, 0, 7), (0, 5, 7), (2, 0, 7), (2, 5, 7)]


@pytest.mark.parametrize(("slope", "constant"), [(0, 0), (Fraction(1, 2), Fraction(1, 4))])
def test_negative_slopes(slope: Fraction, constant: Fraction) -> None:
    (cell,) = rational_regions([([[0, 0], [0, 0]], [-1, Fraction(-1, 2)]), SUM], SQUARE, slope)
    assert cell[1] == [(0, 0, -slope - constant)]
