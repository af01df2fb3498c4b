"""Predictions against closed forms, against published numbers, and against networks drawn and counted."""

from math import comb

import numpy as np
import pytest

from analysis.linear_regions import Plane, box, partition, regular, segment
from analysis.linear_regions.expectation import (
    Ensemble,
    arrangement,
    crossing_density,
    expected_knots,
    expected_regions,
    lower_bound,
    upper_bound,
)
from tests.analysis.linear_regions.examples import SQUARE, mlp, readout


@pytest.mark.parametrize(("units", "half", "h"), [(30, 1.0, 0.5), (1000, 1.0, 0.5), (64, 2.0, 1.5)])
def test_one_layer_on_a_square_is_solid_geometry(units: int, half: float, h: float) -> None:
    hit = 2 / np.pi * np.arccos(h**2 / (2 * half**2 + h**2))
    cross = 2 / np.pi * np.arctan(half**2 / (h * np.sqrt(2 * half**2 + h**2)))
    expected = 1 + units * hit + comb(units, 2) * cross
    ensemble = Ensemble([units], weight_variance=2.0, bias_variance=h * h)  # sw2 / n_0 = 1
    assert expected_regions(ensemble, box(-half, half)) == pytest.approx(expected, rel=1e-9)


def test_one_layer_on_a_disc() -> None:
    h, units = 0.5, 30
    expected = 1 + units / np.hypot(1, h) + comb(units, 2) * (1 - h / np.hypot(1, h))
    found = expected_regions(Ensemble([units], bias_variance=h * h), regular(60))
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("widths", "bias_variance", "predicted"),
    [([64] * 3, 0.25, 8906), ([100] * 3, 0.25, 21634), ([32] * 4, 0.25, 3670), ([32] * 4, 0.01, 7135)],
    ids=["64x3", "100x3", "32x4", "32x4-small-bias"],
)
def test_deep_predictions(widths: list[int], bias_variance: float, predicted: int) -> None:
    assert round(expected_regions(Ensemble(widths, bias_variance=bias_variance), box(-1, 1))) == predicted


@pytest.mark.parametrize(
    ("bias_variance", "predicted"), [(0.0, [86.4] * 5), (0.1, [35.3, 34.0, 32.9, 31.8, 30.9])], ids=["zero", "tenth"]
)
def test_knots_on_a_segment_in_ten_dimensions(bias_variance: float, predicted: list[float]) -> None:
    draw = np.random.default_rng(0)
    if bias_variance == 0:  # only the angle from the origin counts: 86.4 knots of 128 are 121.5 degrees
        angle = 86.4 / 128 * np.pi
        a, b = np.eye(10)[0], np.cos(angle) * np.eye(10)[0] + np.sin(angle) * np.eye(10)[1]
        found = expected_knots(Ensemble([128] * 5), a, 3 * b)
        assert np.allclose(found, predicted, atol=1e-6)
    else:
        found = expected_knots(Ensemble([128] * 5, bias_variance=bias_variance), *draw.normal(size=(2, 10)))
        assert (np.diff(found) < 0).all()  # every layer sees the segment shorter against its bias


def test_small_networks_drawn_and_counted() -> None:
    """24 x 2 over 24 seeds: within three standard errors, as is every layer's number of knots on a segment."""
    counts = [partition([*mlp([2, 24, 24], seed), readout(24)], SQUARE).count for seed in range(24)]
    expected = expected_regions(Ensemble([24, 24], bias_variance=0.25), SQUARE)
    assert abs(np.mean(counts) - expected) < 3 * np.std(counts, ddof=1) / np.sqrt(len(counts))


def test_knots_drawn_and_counted() -> None:
    a, b = np.random.default_rng(1).normal(size=(2, 10))
    expected = expected_knots(Ensemble([128] * 3, bias_variance=0.1), a, b)
    knots = []
    for seed in range(12):
        found = segment([*mlp([10, 128, 128, 128], seed, np.sqrt(0.1)), readout(128)], a, b)
        knots.append(np.bincount(found.stage[1:-1], minlength=3))
    error = np.std(knots, axis=0, ddof=1) / np.sqrt(len(knots))
    assert (np.abs(np.mean(knots, axis=0) - expected) < 3 * error + 0.5).all()


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("widths", "bias_variance"),
    [([64] * 3, 0.25), ([100] * 3, 0.25), ([32] * 4, 0.25), ([32] * 4, 0.01)],
    ids=["64x3", "100x3", "32x4", "32x4-small-bias"],
)
def test_means_over_two_hundred_seeds_are_the_predictions(widths: list[int], bias_variance: float) -> None:
    """Three standard errors; and where layers are not wide, up to (layers - 1) / width fewer, never more."""
    counts = [
        partition([*mlp([2, *widths], seed, np.sqrt(bias_variance)), readout(widths[-1])], SQUARE).count
        for seed in range(200)
    ]
    expected = expected_regions(Ensemble(widths, bias_variance=bias_variance), SQUARE)
    error, fewer = np.std(counts, ddof=1) / np.sqrt(len(counts)), (len(widths) - 1) / widths[0] * expected
    print(f"predicted {expected:,.0f}, counted {np.mean(counts):,.0f} +- {error:,.0f}")
    assert -3 * error - fewer < np.mean(counts) - expected < 3 * error


def test_equal_metrics_cross_as_the_determinant_says() -> None:
    g = np.array([[[2.0, 0.3], [0.3, 0.5]]])
    assert crossing_density(g, g)[0] == pytest.approx(np.sqrt(np.linalg.det(g[0])) / (2 * np.pi), rel=1e-12)


def test_a_turned_plane_has_as_many_regions() -> None:
    draw = np.random.default_rng(2)
    frame = np.linalg.qr(draw.normal(size=(5, 5)))[0][:2]
    ensemble = Ensemble([20, 20], bias_variance=0.3)
    flat = Plane(np.zeros(5), np.eye(5)[:2])
    assert expected_regions(ensemble, SQUARE, Plane(np.zeros(5), frame)) == pytest.approx(
        expected_regions(ensemble, SQUARE, flat), rel=1e-12
    )


def test_bounds_and_arrangements() -> None:
    assert [arrangement(n) for n in (30, 100, 1000)] == [466, 5051, 500501]
    assert [arrangement(n, 3) for n in range(1, 11)] == [2, 4, 8, 15, 26, 42, 64, 93, 130, 176]
    assert upper_bound([5], 1) == 6
    assert upper_bound([5, 7], 1) == 6 * 8
    assert (lower_bound([4] * 3), lower_bound([8] * 3)) == (176, 9472)
