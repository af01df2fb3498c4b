"""Where a report comes from, and the canaries."""

import pytest

from jaxcnn.agreement import environment
from jaxcnn.agreement.bands import bands, verdict
from jaxcnn.agreement.units import DTYPES, unit


def test_this_jaxlib_passes_both_canaries():
    assert [r["verdict"] for r in environment.canary_records()] == ["exact", "exact"]


def test_a_canary_that_dies_is_a_failure(monkeypatch):
    monkeypatch.setattr(environment, "CANARIES", {"dead": "import os; os.abort()"})
    (record,) = environment.canary_records()
    assert record["verdict"] == "disagree"


def test_the_revision_is_that_of_this_checkout():
    assert environment.revision() is None or len(environment.revision().rstrip("+")) == 12


@pytest.mark.parametrize("dtype", DTYPES)
def test_bands_are_measured_and_widen_by_the_same_factor(dtype):
    band = bands()[dtype]
    assert band["disagree"] == 4 * band["agree"] <= 16
    assert [verdict(z * band["agree"], dtype) for z in (0.5, 1, 2, 4.1)] == ["agree", "agree", "noisy", "disagree"]


@pytest.mark.parametrize(("dtype", "bits"), list(zip(DTYPES, (53, 24, 8, 11), strict=True)))
def test_units_are_half_the_distance_to_the_next_number(dtype, bits):
    assert unit(dtype) == 2.0**-bits
