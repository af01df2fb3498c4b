"""The page is one well-formed file that fetches nothing; every formula becomes MathML."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from analysis.worked_examples import ENTRIES, run
from analysis.worked_examples.page import math, page, words

VOID = {"meta", "link", "img", "input"}


class Balance(HTMLParser):
    """Raises where a tag is closed that is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def html() -> str:
    return page([run(ENTRIES[id]) for id in ("S0.26", "S1.38", "S2.46", "S3.14", "S4.36")])


def test_all_tags_are_closed(html: str) -> None:
    balance = Balance()
    balance.feed(html)
    assert balance.open == []


def test_it_fetches_nothing(html: str) -> None:
    targets = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert all(target.startswith(("data:", "#")) for target in targets)
    assert not re.search(r"<script|@import|url\(", html)


def test_chapters_errata_and_pictures(html: str) -> None:
    assert len(re.findall(r'<section id="seed\d">', html)) == 5
    assert len(re.findall(r'class="erratum"', html)) == 2
    assert html.count('<img src="data:image/png;base64,') == 1
    assert "Pad a side of n positions" in html


FORMULAS = [id for id, entry in ENTRIES.items() if entry.formula or entry.corrected]


@pytest.mark.parametrize("id", FORMULAS)
def test_a_formula_becomes_mathml(id: str) -> None:
    """Well-formed, and no LaTeX command is left as text."""
    found = math(ENTRIES[id].formula or "x", "block") + words(ENTRIES[id].corrected)
    for element in re.findall(r"<math.*?</math>", found, re.DOTALL):
        assert "\\" not in "".join(ElementTree.fromstring(element).itertext())
