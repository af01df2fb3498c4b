"""Symptoms by layer, and the depth budget in words."""

import numpy as np
import pytest

from analysis.gradient_flow import Flow, Init, symptoms, verdict
from analysis.gradient_flow.measure import COLUMNS


def flow(**columns):
    """Two dense layers with an activation between them, healthy but for the columns given."""
    healthy = {name: np.full(3, np.nan) for name in COLUMNS} | {"forward": np.ones(3), "backward": np.ones(3)}
    return Flow(("first", "act", "last"), ("dense", "tanh", "dense"), (4, 0, 4), healthy | columns)


def test_a_healthy_network_has_none():
    assert symptoms(flow()) == []


@pytest.mark.parametrize(
    ("columns", "layer", "words"),
    [
        ({"backward": np.array([1e-8, 1e-4, 1.0])}, "first", "gradient vanishes"),
        ({"backward": np.array([1e8, 1e4, 1.0])}, "first", "gradient explodes"),
        ({"saturated": np.array([np.nan, 0.95, np.nan])}, "act", "saturates: 95%"),
        ({"dead": np.array([np.nan, 1.0, np.nan])}, "act", "100% of its units are dead"),
        ({"forward": np.array([1.0, np.inf, np.inf])}, "act", "signal is not finite"),
    ],
    ids=["vanish", "explode", "saturate", "die", "overflow"],
)
def test_every_symptom_is_named(columns, layer, words):
    (finding,) = symptoms(flow(**columns))
    assert finding.layer == layer
    assert finding.symptom.startswith(words)
    assert finding.remedy


def test_the_verdict_says_phase_budget_and_critical_point():
    words = verdict("tanh", Init(1.69, 0.09), 50)
    assert "ordered: gradients vanish" in words
    assert "6 xi = 97 layers, enough for the 50 asked for" in words
    assert "critical at weight variance" in words
    assert "fewer than the 200 asked for" in verdict("tanh", Init(1.69, 0.09), 200)


def test_the_verdict_where_there_is_no_critical_point():
    assert "at 0 it has one at 2" in verdict("relu", Init(1.0, 0.1), 10)
    assert "inputs stay apart at any depth" in verdict("relu", Init(2.0), 10)
