import numpy as np
import pytest

from analysis.linear_regions import box, decision, distances, partition, walls
from analysis.linear_regions.synthesis import interpolant
from tests.analysis.linear_regions.examples import SQUARE, arrangement_of, mlp


@pytest.mark.parametrize("classes", [1, 2, 3, 10])
def test_the_two_best_tie_on_every_segment_and_nowhere_else(classes: int) -> None:
    found = partition(mlp([2, 16, 16, classes], seed=classes + 1), box(-2, 2))
    boundary = decision(found)
    assert len(boundary.edges) > 3
    y = found.graph.value(boundary.segments.reshape(-1, 2)).reshape(-1, 2, classes)
    ranked = np.sort(np.append(y, np.zeros_like(y), axis=2) if classes == 1 else y, axis=2)
    assert np.abs(ranked[..., -1] - ranked[..., -2]).max() < 1e-13 * np.abs(found.graph.value(found.vertices)).max()
    grid = np.random.default_rng(0).uniform(-2, 2, (2000, 2))
    far = grid[distances(grid, boundary.segments) > 1e-9]
    answer = found.graph.value(far)
    winner = (answer[:, 0] > 0).astype(int) if classes == 1 else answer.argmax(axis=1)
    assert set(winner) <= set(boundary.classes)
    share = np.bincount(winner, minlength=len(boundary.class_areas)) / len(far)
    assert np.allclose(share, boundary.class_areas / 16, atol=0.04)
    assert np.isclose(boundary.class_areas.sum(), 16, rtol=1e-12)


def test_ties_of_also_rans_are_no_walls() -> None:
    """Outputs x, -x and 5: the first two tie on a line on which the third is far ahead."""
    kernel, bias = np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]]), np.array([0.0, 0.0, 5.0])
    boundary = partition([(kernel, bias)], SQUARE).boundary
    assert (len(boundary.edges), boundary.length, boundary.class_areas.tolist()) == (0, 0.0, [0.0, 0.0, 4.0])


def test_three_classes_that_meet_in_a_point() -> None:
    angle = 2 * np.pi * np.arange(3) / 3
    kernel = np.stack([np.cos(angle), np.sin(angle)])
    boundary = partition([(kernel, np.zeros(3))], box(-1, 1)).boundary
    assert boundary.pairs[np.lexsort(boundary.pairs.T)].tolist() == [[0, 1], [0, 2], [1, 2]]
    assert np.isclose(boundary.length, 1 + 2 * 2 / np.sqrt(3), rtol=1e-14)  # a ray to the left, two at 60 degrees


def test_seed_2_figure_has_the_boundary_it_should() -> None:
    """Section 2: above or below x2 = f(x1), eq. 23; the boundary is the graph of f, and no straight line."""
    (kernel, bias), (weights, constant) = interpolant([0, 2, 4, 6], [0, 2, -2, 4], right_slope=-3)
    first = np.concatenate([np.concatenate([kernel, 0 * kernel]), [[0, 0], [1, -1]]], axis=1)
    layers = [
        (first, np.append(bias, [0.0, 0.0])),
        (np.concatenate([-weights, [[1.0], [-1.0]]]), -constant),  # relu(x2) - relu(-x2) - f(x1)
    ]
    boundary = partition(layers, [(-1, -7), (9, -7), (9, 7), (-1, 7)]).boundary
    corners = np.unique(boundary.segments.reshape(-1, 2).round(12), axis=0)
    expected = [[-1, 0], [0, 0], [2, 2], [3, 0], [4, -2], [14 / 3, 0], [6, 4], [22 / 3, 0], [9, -5]]
    assert np.allclose(corners, expected, atol=1e-12)
    lengths = 1 + 2 * np.sqrt(2) + 2 * np.sqrt(5) + 2 * np.sqrt(10) + 3 * np.sqrt(10)
    assert np.isclose(boundary.length, lengths, rtol=1e-13)


def test_distances_to_walls_and_boundary() -> None:
    found = partition(arrangement_of([[1, 0], [0, 1]], [0.0, -0.5]), SQUARE)
    points = np.array([[0.25, 0.0], [-0.9, 0.4]])
    assert np.allclose(distances(points, walls(found)), [0.25, 0.1])
    assert distances(points, np.empty((0, 2, 2))).tolist() == [np.inf, np.inf]


def test_distances_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    points, segments = draw.normal(size=(7, 2)), draw.normal(size=(50, 2, 2))
    whole = distances(points, segments)
    monkeypatch.setattr("analysis.linear_regions.boundary.CHUNK", 14)
    assert (distances(points, segments) == whole).all()
    along = np.linspace(0, 1, 2001)[:, None, None]
    sampled = np.linalg.norm(
        points[:, None, None] - (segments[:, 0] + along * (segments[:, 1] - segments[:, 0])), axis=3
    )
    assert np.allclose(whole, sampled.min(axis=(1, 2)), atol=2e-3)


def test_the_cells_know_the_region_they_are_part_of() -> None:
    found = partition(mlp([2, 16, 3], seed=1), SQUARE)
    boundary = found.boundary
    areas = np.bincount(boundary.region, weights=boundary.cells.areas, minlength=found.count)
    assert np.allclose(areas, found.areas, rtol=1e-10)
