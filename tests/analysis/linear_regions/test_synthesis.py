from fractions import Fraction

import numpy as np
import pytest

from analysis.linear_regions import segment
from analysis.linear_regions.synthesis import approximation, evaluate, folded_square, interpolant, tent

SEED2 = interpolant([0, 2, 4, 6], [0, 2, -2, 4], right_slope=-3)


def test_seed_2_equation_23_and_the_pieces_it_really_has() -> None:
    """Eq. 24 without its errata: x, -2x + 6, 3x - 14, -3x + 22, and 0 left of 0."""
    x = np.arange(-24, 81) / 8.0
    bent = [0 * x, x, 6 - 2 * x, 3 * x - 14, 22 - 3 * x]
    expected = np.choose(np.searchsorted([0, 2, 4, 6], x), bent)
    relu = np.maximum(x - np.array([[0], [2], [4], [6]]), 0)
    assert (np.array([1, -3, 5, -6]) @ relu == expected).all()
    assert (evaluate(SEED2, x) == expected).all()
    assert SEED2[0][0].shape == (1, 4)


def test_seed_2_equation_24_as_printed_jumps() -> None:
    """x - 3x, x - 3x + 5x, x - 3x + 5x - 6x: the right slopes, without the constants that hold them together."""
    printed = np.cumsum([1, -3, 5, -6])
    jumps = [(float(printed[k] * t), float(printed[k + 1] * t)) for k, t in enumerate((2, 4, 6))]
    assert jumps == [(2, -4), (-8, 12), (18, -18)]
    found = segment(SEED2, [-1.0], [9.0])
    assert found.slopes.ravel().tolist() == [0, 10, -20, 30, -30]
    assert np.allclose(found.knots * 10 - 1, [-1, 0, 2, 4, 6, 9], rtol=1e-15)


def test_seed_2_sign_changes() -> None:
    classes = segment(SEED2, [0.5], [9.0]).classes()
    assert np.allclose([0.5 + 8.5 * start for start, _, _ in classes[1:]], [3, 14 / 3, 22 / 3], rtol=1e-14)


def test_equation_25_with_its_knots_at_1_to_n_misses_equation_23() -> None:
    x = np.linspace(-3, 12, 1501)
    columns = np.concatenate([np.ones((len(x), 1)), np.maximum(x[:, None] - np.arange(1, 9), 0)], axis=1)
    y = evaluate(SEED2, x)
    fit = columns @ np.linalg.lstsq(columns, y, rcond=None)[0]
    assert np.abs(fit - y).max() > 0.5


@pytest.mark.parametrize("seed", range(20))
def test_dyadic_functions_are_reproduced_bit_for_bit(seed: int) -> None:
    draw = np.random.default_rng(seed)
    knots = np.unique(draw.integers(-64, 64, draw.integers(1, 12))) / 8
    slopes = draw.integers(-9, 10, len(knots) + 1) / 4.0
    values = draw.integers(-20, 20) / 4 + np.append(0, np.cumsum(np.diff(knots) * slopes[1:-1]))
    layers = interpolant(knots, values, slopes[0], slopes[-1])
    x = draw.integers(-2000, 2000, 500) / 128
    assert (evaluate(layers, x) == [float(exactly(Fraction(t), knots, values, slopes)) for t in x]).all()
    bends = np.count_nonzero(np.diff(slopes))
    assert layers[0][0].shape[1] <= len(knots) + 1
    assert segment(layers, [-100.0], [100.0]).count <= bends + 1


def exactly(t: Fraction, knots, values, slopes) -> Fraction:
    k = int(np.searchsorted(knots, float(t)))
    base = max(k - 1, 0)
    return Fraction(values[base]) + Fraction(slopes[k]) * (t - Fraction(knots[base]))


def test_one_constant_piece_saves_a_unit() -> None:
    assert interpolant([0, 1, 2], [0, 3, 3], 1, 2)[0][0].shape[1] == 3
    assert interpolant([0, 1, 2], [0, 3, 4], 1, 2)[0][0].shape[1] == 4
    assert interpolant([5], [2])[0][0].shape[1] == 1  # a constant keeps one idle unit


@pytest.mark.parametrize("pieces", [4, 8, 16, 32])
def test_sine_within_h_squared_over_eight(pieces: int) -> None:
    x = np.linspace(0, 2 * np.pi, 20_001)
    error = np.abs(evaluate(approximation(np.sin, 0, 2 * np.pi, pieces), x) - np.sin(x)).max()
    ledger = {4: 0.2105, 8: 0.0704, 16: 0.0188, 32: 0.0048}
    assert error == pytest.approx(ledger[pieces], abs=5e-5)
    assert error <= (2 * np.pi / pieces) ** 2 / 8


def test_twice_the_units_a_quarter_of_the_error() -> None:
    x = np.linspace(-1, 1, 10_001)
    errors = [np.abs(evaluate(approximation(np.square, -1, 1, n), x) - x * x).max() for n in (8, 16, 32)]
    assert np.allclose([8 * 8 * errors[0], 16 * 16 * errors[1], 32 * 32 * errors[2]], 1, rtol=1e-3)  # h^2 / 8 * 2


def test_tent_map_of_seed_and_depth() -> None:
    x = np.arange(-256, 257) / 256
    y = x
    for folds in range(1, 7):
        y = 2 * np.abs(y) - 1
        assert (evaluate(tent(folds), x) == y).all()
        assert sum(kernel.shape[1] for kernel, _ in tent(folds)[:-1]) == 2 * folds
    assert sum(kernel.shape[1] for kernel, _ in folded_square(5)[:-1]) == 20


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: interpolant([0, 0], [1, 2]), "strictly increase"),
        (lambda: interpolant([0, 1], [1]), "of one length"),
        (lambda: interpolant([0, np.inf], [1, 2]), "finite"),
        (lambda: interpolant([], []), "of one length"),
        (lambda: approximation(np.sin, 1, 0, 4), "low < high"),
        (lambda: approximation(np.sin, 0, 1, 0), "at least one piece"),
        (lambda: tent(0), "at least 1"),
    ],
    ids=["equal-knots", "lengths", "infinite", "empty", "interval", "pieces", "folds"],
)
def test_bad_functions_are_named(call, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()
