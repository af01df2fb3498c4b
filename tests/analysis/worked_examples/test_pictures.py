"""Every picture can be drawn, and what it says is in it."""

from functools import cache

import numpy as np
import pytest

from analysis.worked_examples import ENTRIES
from analysis.worked_examples.runner import draw

LONG = {  # they run a study first, or compile many layers
    *("S0.36", "S0.39", "S0.40", "S1.18", "S1.22", "S2.34", "S3.21", "S3.24", "S3.46", "S4.03"),
}
PICTURES = [id for id, entry in ENTRIES.items() if entry.picture]


@pytest.mark.parametrize("id", [pytest.param(id, marks=[pytest.mark.heavy] if id in LONG else []) for id in PICTURES])
def test_it_is_drawn(id: str) -> None:
    figure, columns = draw(ENTRIES[id])
    assert figure.axes
    assert all(ax.has_data() or ax.patches or ax.texts for ax in figure.axes)
    if columns:
        assert len({np.size(column) for column in columns.values()}) == 1


@cache
def words(id: str) -> set[str]:
    figure, _ = draw(ENTRIES[id])
    return {text.get_text() for ax in figure.axes for text in ax.texts}


def test_the_block_diagram_ends_in_outputs() -> None:
    assert {"28x28x1", "26x26x8", "400", "10", "$y_p$"} <= words("S0.01")


def test_the_graph_of_exercise_4_shows_totals() -> None:
    assert "θ\nt=2.38" in words("S3.27")


def test_the_perceptron_has_its_weights_as_leaves() -> None:
    assert {"$w^{(1)}_{11}$", "$w^{(3)}_{12}$", "$g^{(2)}_2$", "E", "y"} <= words("S3.37")


def test_an_entry_without_picture() -> None:
    with pytest.raises(ValueError, match=r"S1\.38 has no picture"):
        draw(ENTRIES["S1.38"])
