from dataclasses import replace

import numpy as np
import pytest

from analysis.linear_regions import box, certify, partition
from analysis.linear_regions.certify import Labels, displacement
from analysis.linear_regions.synthesis import folded_square
from tests.analysis.linear_regions.examples import SQUARE, arrangement_of, mlp, readout


@pytest.mark.parametrize("widths", [[2, 7, 1], [2, 32, 32, 2], [2, 24, 24, 24, 1]], ids=str)
def test_random_networks_are_certified(widths: list[int]) -> None:
    found = partition(mlp(widths, seed=0), SQUARE)
    certificate = found.certificate
    assert certificate.certified
    assert certificate.margin > 1
    assert str(certificate).startswith("certified: all ")
    crossings_and_ends = len(Labels.of(found).keys)
    units = sum(widths[1:-1])
    assert certificate.certain + crossings_and_ends >= units * len(found.vertices)


def test_every_decision_is_counted_once() -> None:
    found = partition(arrangement_of(np.eye(2), [0.1, 0.2]), SQUARE)
    assert found.certificate.decisions == 9 * 2 - 6  # nine vertices, two units, six times a vertex on a unit's line


def test_concurrent_lines_are_coincidences() -> None:
    angle = 0.1 + np.pi * np.arange(5) / 5
    certificate = certify(partition(arrangement_of(np.stack([np.cos(angle), np.sin(angle)], 1), np.zeros(5)), SQUARE))
    assert (certificate.coincident, certificate.ambiguous, certificate.certified) == (3, 0, False)
    assert "certified up to coincidences" in str(certificate)


def test_folded_square_rests_on_coincidences_alone() -> None:
    certificate = certify(partition(folded_square(4), SQUARE))
    assert certificate.coincident > 0
    assert certificate.ambiguous == 0


def test_lines_closer_than_rounding_are_ambiguous_or_coincident() -> None:
    """A third line passes the crossing of two others at a distance that float64 can hardly see."""
    normals = np.array([[1.0, 0.3], [-0.2, 1.0], [0.7, 0.8]])
    for gap, certified in ((1e-6, True), (3e-15, False)):
        offsets = -normals @ np.array([0.3, 0.2]) + [0, 0, gap]
        assert certify(partition(arrangement_of(normals, offsets), SQUARE)).certified is certified


def test_a_wrong_vertex_is_found_out() -> None:
    """Moved off its lines by a hundredth, or by 1e-9, a vertex no longer lies where its signs say."""
    found = partition(mlp([2, 8, 1], seed=0), SQUARE)
    assert certify(found).certified
    inner = int(np.argmin(np.linalg.norm(found.vertices, axis=1)))
    for step in (1e-2, 1e-9):
        points = found.vertices.copy()
        points[inner] += step
        wrong = replace(found, cells=replace(found.cells, points=points))
        assert displacement(wrong, Labels.of(wrong))[inner] > step / 10
    assert not certify(replace(found, cells=replace(found.cells, points=found.vertices * 1.01))).certified


def test_displacement_bounds_the_true_distance() -> None:
    """Two lines at a thousandth of a radian: the computed crossing against the one from 40 digits."""
    from fractions import Fraction

    angle = 1e-3
    normals = np.array(
        [[0.6, 0.8], [0.6 * np.cos(angle) - 0.8 * np.sin(angle), 0.8 * np.cos(angle) + 0.6 * np.sin(angle)]]
    )
    offsets = np.array([-0.1, -0.1001])
    found = partition(arrangement_of(normals, offsets), box(-2, 2))
    off = displacement(found, Labels.of(found))
    (a, b), (c, d) = ([Fraction(x) for x in row] for row in normals)
    e, f = (-Fraction(x) for x in offsets)
    exact = [(e * d - b * f) / (a * d - b * c), (a * f - e * c) / (a * d - b * c)]
    distance = [
        float(np.hypot(*(float(Fraction(x) - y) for x, y in zip(p, exact, strict=True))))
        for p in found.vertices.tolist()
    ]
    crossing = int(np.argmin(distance))
    assert distance[crossing] <= off[crossing] < 1e-10


def test_three_candidates_that_meet_in_a_point_are_certified() -> None:
    """max(x, y, -x - y): one unit, whose three walls meet where no second unit helps to place the vertex."""
    from analysis.linear_regions.affine import dense
    from analysis.linear_regions.graph import Graph, Node
    from analysis.linear_regions.operations import Maximum

    kernel, bias = np.array([[1.0, 0.1, -1.0], [0.2, 1.0, -1.0]]), np.array([0.1, 0.0, 0.05])
    nodes = (Node("dense", dense(kernel, bias), (-1,)), Node("max", Maximum(np.array([[0, 1, 2]])), (0,)))
    found = partition(Graph(nodes, 2, 3), SQUARE)
    assert found.count == 3
    assert found.certificate.certified
    assert np.isfinite(displacement(found, Labels.of(found))).all()


def test_nothing_to_decide_is_certified() -> None:
    assert certify(partition([readout(2)], SQUARE)).certified
