"""The verdict follows from the values, whatever was expected."""

import numpy as np
import pytest

from analysis.worked_examples.judge import (
    Claim,
    Experiment,
    Missing,
    Opinion,
    Twice,
    Verdict,
    decide,
    equal,
    printed,
)

CLAIMS = {
    "equal": (Claim("x", [1.0, 2.0], [1.0, 2.0]), Verdict.HOLDS),
    "equal up to rounding errors": (Claim("x", 0.1 + 0.2, 0.3), Verdict.HOLDS),
    "different, nothing better known": (Claim("x", 1.0, 2.0), Verdict.BROKEN),
    "different, the correction is right": (Claim("x", 1.0, 2.0, corrected=2.0), Verdict.ERRATUM),
    "different, the correction is wrong too": (Claim("x", 1.0, 2.0, corrected=3.0), Verdict.BROKEN),
    "right, though a correction is offered": (Claim("x", 2.0, 2.0, corrected=3.0), Verdict.HOLDS),
    "another shape": (Claim("x", [1.0, 1.0], [1.0], corrected=[1.0]), Verdict.ERRATUM),
    "rounded digits": (Claim("x", printed("0.6 0.76"), [0.6043, 0.7616]), Verdict.ROUNDED),
    "digits that are exact": (Claim("x", printed("0.7 1"), [0.7, 1.0]), Verdict.HOLDS),
    "one wrong digit": (
        Claim("x", printed("0.64 0.43"), [0.6347, 0.41997], corrected=[0.6347, 0.41997]),
        Verdict.ERRATUM,
    ),
    "one number for a vector of one": (Claim("x", printed("-1.48"), [-1.4804]), Verdict.ROUNDED),
    "hand and jax.grad agree": (Claim("x", 1.0, Twice(1.0, 1.0)), Verdict.HOLDS),
    "hand and jax.grad differ": (Claim("x", 1.0, Twice(1.0, -1.0)), Verdict.BROKEN),
    "NaN where NaN is said": (Claim("x", [np.nan, 0.0], [np.nan, 0.0]), Verdict.HOLDS),
    "NaN for a number": (Claim("x", [1.0], [np.nan]), Verdict.BROKEN),
    "sizes of different lengths": (Claim("x", [(1, 2), (3,)], [(1, 2), (3,)]), Verdict.HOLDS),
    "names": (Claim("x", ["f2", "f5"], ["f1", "f5"], corrected=["f1", "f5"]), Verdict.ERRATUM),
}


@pytest.mark.parametrize("case", CLAIMS)
def test_a_claim(case: str) -> None:
    claim, verdict = CLAIMS[case]
    assert claim.verdict is verdict


def test_the_leading_finding_decides_and_anything_broken_breaks() -> None:
    right, wrong = Claim("x", 1.0, 1.0), Claim("x", 1.0, 2.0)
    erratum = Claim("x", 1.0, 2.0, corrected=2.0)
    assert decide([right, erratum]) is Verdict.HOLDS
    assert decide([erratum, right]) is Verdict.ERRATUM
    assert decide([right, wrong]) is Verdict.BROKEN
    assert decide([]) is Verdict.BROKEN


def test_what_cannot_be_computed() -> None:
    assert Missing("the picture", "drawn").verdict is Verdict.MISSING_FIGURE
    assert Missing("the solution", "derived", is_figure=False).verdict is Verdict.MISSING_TEXT
    assert Experiment("data", {}).verdict is Verdict.EXPERIMENT
    assert Opinion("a matter of taste").verdict is Verdict.NOT_COMPUTABLE


def test_differences() -> None:
    assert Claim("x", [1.0, 2.0], [1.0, 2.5]).difference == 0.5
    assert Claim("x", printed("0.6"), 0.6043).difference == pytest.approx(0.0043)
    assert Claim("x", [1.0], [1.0, 2.0]).difference is None
    assert Claim("x", True, False).difference is None


def test_rows_of_printed_numbers() -> None:
    assert printed("1 0.5; -2 3.25").values.tolist() == [[1, 0.5], [-2, 3.25]]
    assert printed("1 0.5; -2 3.25").decimals.tolist() == [[0, 1], [0, 2]]


def test_equality_is_relative_to_the_largest_entry() -> None:
    assert equal([1e6, 1e-5], [1e6, 0.0])
    assert not equal([1.0, 1e-5], [1.0, 0.0])
