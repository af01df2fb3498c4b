import numpy as np
import pytest

from analysis.linear_regions import Plane, around, box, regular
from analysis.linear_regions.domain import polygon


def test_plane_through_three_inputs() -> None:
    points = np.random.default_rng(0).normal(size=(3, 4, 4, 2))
    plane = Plane.through(*points)
    axes = plane.axes.reshape(2, -1)
    assert np.allclose(axes @ axes.T, np.eye(2), atol=1e-14)
    coordinates, distance = plane.project(points)
    assert np.allclose(plane.at(coordinates), points, atol=1e-13)
    assert np.abs(distance).max() < 1e-13
    assert np.allclose(coordinates[0], 0, atol=1e-14)
    assert abs(coordinates[1, 1]) < 1e-13 < coordinates[1, 0]


def test_projection_finds_the_nearest_point() -> None:
    plane = Plane(np.array([0.0, 0.0, 1.0]), np.array([[1.0, 0, 0], [1.0, 1.0, 0]]))
    coordinates, distance = plane.project(np.array([[3.0, 2.0, 5.0]]))
    assert np.allclose(coordinates, [[1, 2]])
    assert np.allclose(distance, [4])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Plane(np.zeros(3), np.array([[1.0, 2, 3], [2.0, 4, 6]])), "parallel"),
        (lambda: Plane(np.zeros(3), np.array([[1.0, 2, 3], [0.0, 0, 0]])), "parallel"),
        (lambda: Plane.through([0, 0, 0], [1, 1, 1], [2, 2, 2]), "parallel.*three points that do not lie on one line"),
        (lambda: Plane.through([1, 2, 3], [1, 2, 3], [0, 0, 0]), "parallel"),
        (lambda: Plane(np.zeros(3), np.zeros((2, 4))), "do not go with an origin"),
        (lambda: Plane(np.array([np.nan, 0]), np.eye(2)), "finite"),
    ],
    ids=["parallel", "zero", "collinear", "equal", "shape", "nan"],
)
def test_bad_planes_are_named(call, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()


def test_shapes_are_domains() -> None:
    for shape in (box(-2, 3), regular(3), regular(50, 1e-3), around(np.array([[0.0, 0], [1, 0], [0, 1]]))):
        assert (polygon(shape) == shape).all()
