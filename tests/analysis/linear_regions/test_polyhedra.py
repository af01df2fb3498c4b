from itertools import combinations
from math import comb, factorial

import numpy as np
import pytest

from analysis.linear_regions import ABSOLUTE, HARD_TANH, partition, regions_in_box
from analysis.linear_regions.expectation import arrangement
from analysis.linear_regions.polyhedra import cube
from tests.analysis.linear_regions.examples import SQUARE, arrangement_of, degenerate, mlp


def general(lines: int, dimension: int) -> list:
    draw = np.random.default_rng(lines)
    normals = draw.normal(size=(lines, dimension))
    return arrangement_of(normals / np.linalg.norm(normals, axis=1, keepdims=True), 0.05 * draw.normal(size=lines))


@pytest.mark.parametrize("dimension", [1, 2, 3, 4])
def test_a_cube_by_its_faces(dimension: int) -> None:
    assert cube(dimension).counts == [comb(dimension, k) * 2 ** (dimension - k) for k in range(dimension + 1)]


@pytest.mark.parametrize(
    ("lines", "dimension"), [(n, 3) for n in range(1, 11)] + [(n, 2) for n in (1, 4, 10)] + [(3, 4), (6, 4), (5, 5)]
)
def test_hyperplanes_in_general_position(lines: int, dimension: int) -> None:
    found = regions_in_box(general(lines, dimension), dimension, 1e4)
    assert found.count == arrangement(lines, dimension)
    assert found.euler == 1


@pytest.mark.parametrize(("lines", "dimension"), [(4, 3), (7, 3), (5, 4)])
def test_hyperplanes_through_one_point(lines: int, dimension: int) -> None:
    normals = np.random.default_rng(0).normal(size=(lines, dimension))
    found = regions_in_box(arrangement_of(normals, np.zeros(lines)), dimension)
    assert found.count == 2 * sum(comb(lines - 1, k) for k in range(dimension))
    assert found.euler == 1


@pytest.mark.parametrize("dimension", [2, 3, 4])
def test_braid_arrangement_has_a_region_per_permutation(dimension: int) -> None:
    pairs = list(combinations(range(dimension), 2))
    normals = np.zeros((len(pairs), dimension))
    for row, (i, j) in zip(normals, pairs, strict=True):
        row[i], row[j] = 1, -1
    found = regions_in_box(arrangement_of(normals, np.zeros(len(pairs))), dimension)
    assert (found.count, found.euler) == (factorial(dimension), 1)


@pytest.mark.parametrize("seed", range(0, 40, 3))
def test_two_dimensions_as_the_plane_engine(seed: int) -> None:
    layers = degenerate(seed)
    assert regions_in_box(layers, 2).count == partition(layers, SQUARE).count


@pytest.mark.parametrize("activation", [ABSOLUTE, HARD_TANH], ids=["absolute", "hard_tanh"])
def test_other_kinks(activation) -> None:
    layers = mlp([2, 7, 7, 1], seed=3)
    assert (
        regions_in_box(layers, 2, activation=activation).count == partition(layers, SQUARE, activation=activation).count
    )


def test_a_slice_of_space_is_the_plane() -> None:
    """The walls that a plane z = const meets are the regions of the network on it."""
    from analysis.linear_regions import Plane

    layers = mlp([3, 6, 6, 1], seed=0)
    space = regions_in_box(layers, 3)
    height = 0.1234
    flat = partition(layers, SQUARE, plane=Plane(np.array([0, 0, height]), np.eye(3)[:2]))
    low, high = np.full(space.count, np.inf), np.full(space.count, -np.inf)
    corners = incident(space)
    np.minimum.at(low, corners[0], space.points[corners[1], 2])
    np.maximum.at(high, corners[0], space.points[corners[1], 2])
    assert np.count_nonzero((low < height) & (high > height)) == flat.count


def incident(space) -> tuple[np.ndarray, np.ndarray]:
    """(region, vertex) pairs, from region to wall to edge to vertex."""
    cell, facet = space.bounds[2].cell, space.bounds[2].facet
    for bounds in (space.bounds[1], space.bounds[0]):
        pairs = [(c, g) for c, f in zip(cell, facet, strict=True) for g in bounds.facet[bounds.cell == f]]
        cell, facet = np.array(sorted(set(pairs))).T
    return cell, facet


def test_a_decision_surface_is_where_the_output_vanishes() -> None:
    layers = mlp([3, 8, 1], seed=2)
    space = regions_in_box(layers, 3, surface=True)
    walls = space.walls(8)
    assert len(walls) > 5
    (kernel, bias), (weights, constant) = layers
    for wall in walls:
        assert len(wall) >= 3
        assert np.abs(np.maximum(wall @ kernel + bias, 0) @ weights + constant).max() < 1e-12
    around = walls[0] - walls[0].mean(axis=0)
    turns = np.cross(around, np.roll(around, -1, axis=0))
    assert (turns @ turns[0] > 0).all()  # the corners go around


def test_maxima_and_wrong_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="3 inputs; give dimension=3"):
        regions_in_box(mlp([3, 4, 1], 0), 2)
    from analysis.linear_regions.affine import dense
    from analysis.linear_regions.graph import Graph, Node
    from analysis.linear_regions.operations import Maximum

    nodes = (Node("dense", dense(np.eye(3)), (-1,)), Node("pool", Maximum(np.array([[0, 1, 2]])), (0,)))
    with pytest.raises(ValueError, match="pool takes a maximum"):
        regions_in_box(Graph(nodes, 3, 3), 3)
