"""Every statement of the five documents: what the run decides against the ledger's verdict."""

import json
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path

import jax
import pytest

import jaxcnn.ops
import jaxcnn.reference
from analysis.worked_examples import ENTRIES, Verdict, run
from analysis.worked_examples.report import row

LEDGER = json.loads(Path(__file__).with_name("ledger.json").read_text())
SWEEPS = {"S0.16", "S1.31", "S2.11", "S2.17", "S4.33"}  # many cases of what their neighbours try as well
# They train, run AlexNet, or differentiate deep networks.
STUDIES = {
    *("S0.32", "S0.36", "S0.39", "S0.40", "S0.42", "S1.39", "S1.40"),
    *("S2.33", "S2.34", "S2.36", "S2.37", "S4.29"),
}
LONG = SWEEPS | STUDIES


def test_the_entries_are_the_ledgers_rows() -> None:
    assert list(ENTRIES) == list(LEDGER)
    assert Counter(LEDGER.values()) == {
        "holds": 146,
        "erratum": 49,
        "missing figure": 9,
        "holds after rounding": 8,
        "experiment": 5,
        "not computable": 3,
        "missing text": 1,
    }


@pytest.mark.parametrize("id", [pytest.param(id, marks=[pytest.mark.heavy] if id in LONG else []) for id in LEDGER])
def test_verdict(id: str) -> None:
    outcome = run(ENTRIES[id])
    wrong = [finding for finding in outcome.findings if finding.verdict is Verdict.BROKEN]
    assert (outcome.verdict, wrong) == (LEDGER[id], [])
    assert all(len(row(finding)) == 4 for finding in outcome.findings)  # it can be shown


@pytest.mark.heavy
def test_no_verdict_survives_wrong_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every layer's values off, in both modules alike: what is left standing is sizes, counts, graphs, data."""
    for module, name in product((jaxcnn.ops, jaxcnn.reference), WRONG):
        monkeypatch.setattr(module, name, off(getattr(module, name)))
    assert sum(map(notices, sorted(LEDGER.keys() - STUDIES))) >= 130


def notices(id: str) -> bool:
    """Whether a row is broken, or finds nothing where it looks."""
    try:
        return run(ENTRIES[id]).verdict is Verdict.BROKEN
    except IndexError:
        return True


WRONG = ("conv", "max_pool", "avg_pool", "dense", "relu", "leaky_relu", "tanh", "softmax_cross_entropy", "batch_norm")


def off(layer: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    return lambda *arguments, **settings: 1.37 * layer(*arguments, **settings) + 0.213


def test_errata_have_a_corrected_form_and_others_have_none() -> None:
    assert {id for id, entry in ENTRIES.items() if entry.corrected} == {
        id for id, v in LEDGER.items() if v == "erratum"
    }


FIGURES = {"S0.01", "S0.10", "S0.17", "S0.26", "S0.34", "S2.14", "S2.42", "S3.27", "S3.37", "S3.45"}


def test_every_figure_that_can_be_drawn_has_a_picture() -> None:
    assert {id for id in FIGURES if ENTRIES[id].picture is None} == set()
    assert {id for id, v in LEDGER.items() if v == "missing figure"} - FIGURES == {"S1.38"}
