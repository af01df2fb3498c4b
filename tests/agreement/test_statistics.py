"""What is said about one leaf."""

import numpy as np
import pytest

from jaxcnn.agreement.statistics import compare, ordered, ulp_histogram

TRUTH = np.array([[1.0, 2.0], [0.0, -4.0]])
NOISE = np.full(TRUTH.shape, 0.25)


def test_a_wrong_element_is_named_with_both_values():
    got = np.float32(np.add(TRUTH, [[0, 0], [0, 0.5]]))
    stats = compare(got, TRUTH, NOISE, {"left": np.array([[True, False]] * 2), "right": np.array([[False, True]] * 2)})
    assert (stats["z"], stats["max_abs"]) == (2.0, 0.5)
    assert stats["worst"] == {"index": [1, 1], "got": -3.5, "truth": -4.0}
    assert stats["classes"] == {"left": {"n": 2, "z": 0.0}, "right": {"n": 2, "z": 2.0}}
    assert (stats["n"], stats["n_finite"], stats["n_nonzero"]) == (4, 4, 3)
    assert stats["rel_l2"] == pytest.approx(0.5 / 21**0.5)


def test_equal_leaves_are_exact():
    stats = compare(np.float32(TRUTH), TRUTH, np.zeros(TRUTH.shape))
    assert (stats["z"], stats["rel_l2"], stats["cosine"]) == (0.0, 0.0, pytest.approx(1))


def test_no_noise_leaves_no_room():
    assert compare(np.float32(TRUTH + 1e-6), TRUTH, np.zeros(TRUTH.shape))["z"] == np.inf


@pytest.mark.parametrize(
    ("got", "truth", "z"), [(np.nan, np.nan, 0), (np.nan, 1, np.inf), (np.inf, np.inf, 0), (1, np.nan, np.inf)]
)
def test_what_is_not_finite_must_be_so_on_both_sides(got, truth, z):
    assert compare(np.float32([got]), np.float64([truth]), np.ones(1))["z"] == z


def test_overflow_is_right_where_the_dtype_ends():
    assert compare(np.float16([np.inf]), np.float64([1e6]), np.ones(1))["z"] == 0
    assert compare(np.float16([-np.inf]), np.float64([1e6]), np.ones(1))["z"] == np.inf


def test_units_in_the_last_place():
    one = np.float32([1, 1, 1, 1])
    apart = np.nextafter(one, np.float32(2))
    assert ulp_histogram(apart, np.float64([1, 1, 1, 1]))[:3] == [0, 4, 0]
    assert ordered(np.float32([-1e-45, -0.0, 0.0, 1e-45])).tolist() == [-1, 0, 0, 1]
