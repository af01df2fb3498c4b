from dataclasses import replace

import numpy as np
import pytest

from analysis.linear_regions import invariants, partition, statistics
from analysis.linear_regions.statistics import gradient_norms, kinks, pieces, seen_by_grid
from tests.analysis.linear_regions.examples import SQUARE, arrangement_of, mlp


def test_a_pyramid_by_hand() -> None:
    """|x| + 2 |y|: four pieces of gradient norm sqrt(5); the slope jumps by 2 across x = 0 and by 4 across y = 0."""
    kernel = np.array([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 2.0, -2.0]])
    found = partition([(kernel, np.zeros(4)), (np.ones((4, 1)), np.zeros(1))], SQUARE)
    numbers = statistics(found)
    assert (numbers.regions, numbers.affine_pieces, numbers.vertices, numbers.edges) == (4, 4, 9, 12)
    assert np.allclose(gradient_norms(found), np.sqrt(5))
    assert numbers.dirichlet_energy == pytest.approx(4 * 5)
    assert numbers.total_kink == pytest.approx(2 * 2 + 2 * 4)
    assert numbers.edge_length_by_stage == pytest.approx({"layer1": 4.0})
    assert sorted(set(kinks(found).round(12))) == [0, 2, 4]


def test_units_that_nobody_listens_to_make_patterns_but_no_pieces() -> None:
    layers = arrangement_of([[1, 0], [0, 1]], [0.0, 0.0])
    layers[1][0][1] = 0
    found = partition(layers, SQUARE)
    assert (found.count, pieces(found).max() + 1) == (4, 2)
    assert statistics(found).affine_pieces == 2


def test_invariants_notice_a_vertex_out_of_place() -> None:
    found = partition(mlp([2, 8, 8, 2], seed=0), SQUARE)
    assert invariants(found).ok
    points = found.vertices.copy()
    points[-1] += 0.05
    moved = invariants(replace(found, cells=replace(found.cells, points=points)))
    assert not moved.ok
    assert moved.seam_error > 1e-10


def test_invariants_notice_a_lost_cell() -> None:
    found = partition(mlp([2, 8, 8, 2], seed=0), SQUARE)
    cells, end = found.cells, found.cells.offsets[-2]
    fewer = replace(cells, offsets=cells.offsets[:-1], corners=cells.corners[:end], sides=cells.sides[:end])
    lost = invariants(replace(found, cells=fewer))
    assert (lost.euler, lost.area_error > 1e-6, lost.ok) == (0, True, False)


def test_invariants_notice_a_wrong_map_and_a_repeated_pattern() -> None:
    found = partition(mlp([2, 8, 8, 2], seed=0), SQUARE)
    other = partition(mlp([2, 8, 8, 2], seed=1), SQUARE)
    assert invariants(replace(other, cells=found.cells)).map_error > 1e-10  # another network's regions
    linear = partition([(np.ones((2, 1)), np.zeros(1))], SQUARE)
    assert not invariants(replace(linear, cells=found.cells)).distinct_patterns


def test_a_grid_sees_what_it_hits() -> None:
    cross = partition(arrangement_of(np.eye(2), [0.0, 0.0]), SQUARE)
    assert [seen_by_grid(cross, side) for side in (1, 2, 50)] == [1, 4, 4]
    found = partition(mlp([2, 24, 24, 1], seed=0), SQUARE)
    assert seen_by_grid(found, 10) < seen_by_grid(found, 100) < found.count


@pytest.mark.heavy
def test_published_grid_counts() -> None:
    """64 x 3 with 8,752 regions: a grid of 100 x 100 sees 3,687 of them, one of 300 x 300 sees 6,539."""
    found = partition([*mlp([2, 64, 64, 64], seed=0), (np.ones((64, 1)), np.zeros(1))], SQUARE)
    assert found.count == 8752
    assert abs(seen_by_grid(found, 100) - 3687) < 60
    assert abs(seen_by_grid(found, 300) - 6539) < 60


def test_numbers_are_plain_json() -> None:
    import json

    found = statistics(partition(mlp([2, 6, 6, 3], seed=1), SQUARE))
    assert json.loads(json.dumps(found.to_json()))["regions_after_stage"]["layer2"] == found.regions
