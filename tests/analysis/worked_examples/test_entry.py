"""What an entry knows of itself."""

import pytest

from analysis.worked_examples import ENTRIES, select
from analysis.worked_examples.entry import entry


def test_the_code_is_the_function_alone() -> None:
    code = ENTRIES["S2.10"].code
    assert code.startswith("def first_entry()")
    assert "@entry" not in code


def test_the_remark_is_the_first_paragraph() -> None:
    assert ENTRIES["S2.10"].remark == "A 3x3 input and a 2x2 kernel."


def test_an_id_has_a_form() -> None:
    with pytest.raises(ValueError, match=r"'2\.7' is no id"):
        entry("2.7", "eq. 4", "a sum")


def test_selection() -> None:
    assert [row.id for row in select(["S2.07", "S0.01"])] == ["S2.07", "S0.01"]
    assert {row.seed for row in select(["seed3"])} == {3}
    assert len(select()) == len(ENTRIES)
    with pytest.raises(ValueError, match=r"'S9\.99' is neither an example nor a document"):
        select(["S9.99"])
