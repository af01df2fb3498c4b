"""Formulas and values as a terminal shows them."""

import numpy as np
import pytest

from analysis.worked_examples import ENTRIES, printed
from analysis.worked_examples.judge import Experiment, Missing, Opinion
from analysis.worked_examples.wording import corrected, found, plain, show, stated

FORMULAS = {
    r"E=\frac12\sum_p(t_p-y_p)^2": "E = 1/2Σ_p (t_p-y_p)^2",
    r"\frac{\partial E}{\partial w}": "∂E/∂w",
    r"\frac{n+2p-f}{s}+1": "(n+2p-f)/s+1",
    r"\frac{\partial f}{\partial x}t_f": "∂f/∂x t_f",
    r"\nabla E\le\tfrac14": "∇E≤1/4",
    r"\mathrm{ReLU}(x)": "ReLU(x)",
    r"\begin{bmatrix}1\\2\end{bmatrix}": "[1; 2]",
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula(formula: str) -> None:
    assert plain(formula) == FORMULAS[formula]


@pytest.mark.parametrize("id", [id for id, entry in ENTRIES.items() if entry.formula or entry.corrected])
def test_no_command_is_left(id: str) -> None:
    text = plain(ENTRIES[id].formula) + corrected(ENTRIES[id].corrected)
    assert "\\" not in text
    assert "$" not in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (1 / 3, "0.333333"),
        (np.float64(-2), "-2"),
        ((4, 24, 24), "4, 24, 24"),
        ([(4, 24), (1,)], "4, 24; 1"),
        ([(), (10,)], "(); 10"),
        (np.ones((4, 4), bool), "yes 16 of 16"),
        (np.arange(100.0).reshape(10, 10), "10x10 numbers, 0 to 99"),
        (["f1", "f5"], "f1, f5"),
        (printed("0.60 1"), "0.60, 1"),
        ({}, "none"),
    ],
    ids=str,
)
def test_a_value(value: object, text: str) -> None:
    assert show(value) == text


def test_findings_without_numbers() -> None:
    missing, opinion, experiment = Missing("m", "drawn"), Opinion("taste"), Experiment("data", {"a": 1})
    assert [found(finding) for finding in (missing, opinion)] == ["drawn", "taste"]
    assert found(experiment) == "1 numbers measured with a stand-in"
    assert {stated(finding) for finding in (missing, opinion, experiment)} == {"-"}
