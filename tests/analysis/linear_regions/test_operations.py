import numpy as np
import pytest

from analysis.linear_regions.operations import ABSOLUTE, HARD_TANH, RELU, Maximum, leaky

Z = np.array([[-2.0, -1.0, -0.25, 0.0, 0.5, 1.0, 3.0]])


@pytest.mark.parametrize(
    ("kink", "function", "pieces"),
    [
        (RELU, lambda z: np.maximum(z, 0), [0, 0, 0, 0, 1, 1, 1]),
        (leaky(0.25), lambda z: np.where(z > 0, z, 0.25 * z), [0, 0, 0, 0, 1, 1, 1]),
        (ABSOLUTE, np.abs, [0, 0, 0, 0, 1, 1, 1]),
        (HARD_TANH, lambda z: np.clip(z, -1, 1), [0, 0, 1, 1, 1, 1, 2]),
    ],
    ids=["relu", "leaky", "absolute", "hard_tanh"],
)
def test_kinks(kink, function, pieces: list[int]) -> None:
    assert (kink.value(Z) == function(Z)).all()
    assert kink.piece(Z)[0].tolist() == pieces
    assert (kink.tangent(Z, 2 * np.ones_like(Z))[0] == 2 * np.asarray(kink.slopes)[pieces]).all()


def test_windows_with_missing_candidates() -> None:
    x = np.array([[3.0, 5.0, -1.0], [-2.0, -3.0, -4.0], [1.0, 1.0, 1.0]])
    plain = Maximum(np.array([[0, 1, 2], [2, -1, -1]]))
    assert plain.value(x).tolist() == [[5, -1], [-2, -4], [1, 1]]
    assert plain.winner(x).tolist() == [[1, 0], [0, 0], [0, 0]]  # the first of several
    assert plain.lead(x).tolist() == [[2, np.inf], [1, np.inf], [0, np.inf]]
    floored = Maximum(plain.index, floor=True)
    assert floored.value(x).tolist() == [[5, 0], [0, 0], [1, 1]]
    assert floored.winner(x).tolist() == [[1, 3], [3, 3], [0, 0]]
    assert floored.lead(x).tolist() == [[2, 1], [2, 4], [0, 1]]
    assert floored.tangent(x, x).tolist() == [[5, 0], [0, 0], [1, 1]]
    assert (plain.shared, Maximum(np.array([[0, 1], [2, 3]])).shared) == (2, 1)


def test_the_floor_wins_a_tie_with_zero() -> None:
    assert Maximum(np.array([[0]]), floor=True).winner(np.array([[0.0], [-0.0], [1e-300]])).tolist() == [[1], [1], [0]]
