"""The tables say what was printed, what is true, and what is right."""

import json

import pytest
from rich.console import Console

from analysis.worked_examples import ENTRIES, run
from analysis.worked_examples.report import in_full, overview, totals, verdicts

IDS = ("S0.01", "S2.07", "S2.46", "S4.09", "S2.47")


@pytest.fixture(scope="module")
def outcomes() -> list:
    return [run(ENTRIES[id]) for id in IDS]


def text(renderable: object, width: int = 160) -> str:
    console = Console(width=width, record=True, file=None, quiet=False)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_the_overview_has_a_line_per_row_and_the_totals(outcomes: list) -> None:
    shown = text(overview(outcomes))
    assert all(id in shown for id in IDS)
    assert "1 holds after rounding" in shown
    assert "2 erratum" in shown


def test_an_erratum_shows_what_is_right(outcomes: list) -> None:
    assert "Right: knots t_i instead of 1..n" in text(overview(outcomes))


def test_one_row_in_full(outcomes: list) -> None:
    shown = text(in_full(outcomes[1]))
    assert "∂E/∂X_j = Σ_{i=1}^n ∂E/∂Y_i⋆ R^{180}(K_{ij})" in shown
    assert "def input_gradient()" in shown
    assert "dE/dX of layer 2" in shown


def test_a_missing_figure_says_what_stands_in_for_it(outcomes: list) -> None:
    assert "drawn: input, conv 3x3" in " ".join(text(in_full(outcomes[0])).split())


def test_totals(outcomes: list) -> None:
    assert totals(outcomes).plain.startswith("5 statements in ")


def test_verdicts_as_json(outcomes: list) -> None:
    assert json.loads(verdicts(outcomes))["S2.47"] == "not computable"
