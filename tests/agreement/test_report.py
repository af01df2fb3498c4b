"""Where a report goes: JSON, JUnit, Markdown, HTML, and an older report beside it."""

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from jaxcnn.agreement import Report, baseline, check
from jaxcnn.agreement.cases import layers
from jaxcnn.agreement.gallery.mistakes import MISTAKES


@pytest.fixture(scope="module")
def report():
    right = next(c for c in layers() if c.name == "conv stride 2")
    wrong = next(e for e in MISTAKES if e.name == "a gradient cast to integers")
    good = check(
        right.hand, right.auto, *right.args, name="conv <&>", classes=right.classes, transform=False, cost=True
    )
    bad = check(wrong.hand, wrong.auto, *wrong.args(), name="wrong", transform=False)
    return Report(good.records + bad.records, good.provenance)


def test_json_holds_every_record_and_nothing_that_json_does_not_know(report, tmp_path):
    report.to_json(tmp_path / "new" / "report.json")
    text = (tmp_path / "new" / "report.json").read_text()
    whole = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert (whole["schema"], whole["summary"]["ok"], len(whole["records"])) == (1, False, len(report.records))
    assert {"jax", "jaxlib", "device", "XLA_FLAGS", "x64", "matmul_precision", "seed", "git"} <= set(
        whole["provenance"]
    )
    assert any(record["z"] == "inf" for record in whole["records"])
    needed = {"case", "group", "mode", "leaf", "dtype", "verdict", "z", "note"}
    assert all(needed <= set(record) for record in whole["records"])


def test_junit_counts_failures(report, tmp_path):
    report.to_junit(tmp_path / "report.xml")
    root = ElementTree.parse(tmp_path / "report.xml").getroot()
    assert [suite.get("name") for suite in root] == ["conv <&>", "wrong"]
    assert len(root.findall(".//failure")) == len(report.failures) > 0
    assert len(root.findall(".//testcase")) == len(report.records)


def test_markdown_has_a_row_per_case(report):
    text = report.to_markdown()
    assert "DISAGREES" in text
    assert len(re.findall(r"^\| (conv <&>|wrong) \|", text, re.MULTILINE)) == 2


class Page(HTMLParser):
    """Counts elements, and collects whatever would be fetched from elsewhere."""

    def __init__(self):
        super().__init__()
        self.count, self.elsewhere = {}, []

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.elsewhere += [v for k, v in attrs if k in ("src", "href") and not v.startswith("data:")]


def test_html_is_one_page_with_pictures_and_no_script(report, tmp_path):
    report.to_html(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert page.elsewhere == []
    assert "script" not in page.count
    assert page.count["svg"] >= 10
    assert "nan" not in re.sub(r"<title>.*?</title>|<td.*?</td>", "", text)
    for title in (
        "Noise units",
        "Hand against truth",
        "Differences along",
        "z over taps",
        "z over positions",
        "Distance from",
        "Time and error",
    ):
        assert title in text


def test_the_terminal_names_what_failed(report, capsys):
    report.show()
    printed = " ".join(capsys.readouterr().out.split())
    assert "wrong: formula, argument 0, float32: disagree" in printed
    assert "DISAGREES" in printed


def test_an_empty_report_is_no_success():
    assert not Report([]).ok


def record(**changes):
    base = {
        "case": "c",
        "mode": "gradient",
        "leaf": "0",
        "dtype": "float32",
        "verdict": "agree",
        "z": 0.5,
        "rel_l2": 1e-7,
    }
    return base | changes


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ([record(z=0.9)], []),
        ([record(verdict="exact", z=0.0)], []),
        ([record(verdict="noisy", z=2.0)], ["was agree (z 0.5), is noisy (z 2)"]),
        ([record(rel_l2=1e-4)], ["relative error was 1.0e-07, is 1.0e-04"]),
        ([record(leaf="1")], ["is no longer compared"]),
    ],
    ids=["rounding", "better", "a worse verdict", "a grown error", "a missing leaf"],
)
def test_a_baseline_fails_on_what_got_worse(now, said):
    found = baseline.worsened(Report(now), [record()])
    assert len(found) == len(said)
    assert all(part in whole for part, whole in zip(said, found, strict=True))


def test_a_report_is_not_worse_than_itself(report, tmp_path):
    report.to_json(tmp_path / "old.json")
    assert baseline.worsened(report, baseline.read(tmp_path / "old.json")) == []


def test_cost_and_structure_are_in_the_report(report):
    cost = next(r for r in report.records if r["mode"] == "cost")
    for side in ("hand", "auto"):
        assert cost[side]["milliseconds"] > 0
        assert cost[side]["residuals"] >= 4 * np.prod((2, 7, 8, 2))
        assert cost[side]["operations"]
    assert next(r for r in report.records if r["mode"] == "structure")["verdict"] == "exact"
