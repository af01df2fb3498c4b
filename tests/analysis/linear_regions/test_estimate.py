import itertools

import numpy as np
import pytest

from analysis.linear_regions import box, count, estimate, partition, regular
from analysis.linear_regions.estimate import slabs
from tests.analysis.linear_regions.examples import SQUARE, degenerate, mlp


@pytest.mark.parametrize("widths", [[2, 30, 1], [2, 32, 32, 1], [2, 20, 20, 20, 1]], ids=str)
def test_within_a_factor_of_two(widths: list[int]) -> None:
    for seed in range(3):
        layers = mlp(widths, seed)
        expected = estimate(layers, SQUARE)
        assert 0.5 < expected.regions / partition(layers, SQUARE).count < 2
        assert expected.seconds > 0
        assert expected.bytes > 100 * expected.regions


@pytest.mark.parametrize("tiles", [1, 2, 3, 7])
@pytest.mark.parametrize("domain", [SQUARE, regular(7), box(-0.3, 2)], ids=["square", "heptagon", "off-centre"])
def test_tiles_count_what_one_piece_counts(tiles: int, domain: np.ndarray) -> None:
    layers = mlp([2, 16, 16, 1], seed=1)
    assert count(layers, domain, tiles=tiles) == partition(layers, domain).count


@pytest.mark.parametrize("seed", range(1, 30, 3))
def test_tiles_count_degenerate_networks(seed: int) -> None:
    layers = degenerate(seed)
    assert count(layers, SQUARE, tiles=3) == partition(layers, SQUARE).count


def test_slabs_cover_the_domain_and_know_their_left_cut() -> None:
    from analysis.linear_regions.plane.cells import Cells

    parts = slabs(regular(9), 4)
    assert np.isclose(sum(Cells.polygon(part).areas[0] for part, _ in parts), Cells.polygon(regular(9)).areas[0])
    assert parts[0][1] is None
    for (left, _), (right, seam) in itertools.pairwise(parts):
        assert seam is not None
        assert right[seam, 0] == right[(seam + 1) % len(right), 0] == left[:, 0].max()


def test_no_tiles_are_refused() -> None:
    with pytest.raises(ValueError, match="tiles must be at least 1"):
        count(mlp([2, 4, 1], 0), SQUARE, tiles=0)
