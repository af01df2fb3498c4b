"""`jaxcnn agree`: exit codes, files, and one sentence for what cannot be done."""

import json
from pathlib import Path

import pytest

from jaxcnn.agreement import meshes
from jaxcnn.agreement.command import Agree, agree
from jaxcnn.errors import UserError

HERE = "tests.agreement.pairs"


@pytest.fixture(autouse=True)
def _no_subprocess(monkeypatch):
    monkeypatch.setattr("jaxcnn.agreement.environment.CANARIES", {})


def run(*functions, args="arguments", **options):
    return agree(Agree(functions=tuple(f"{HERE}:{f}" for f in functions), args=f"{HERE}:{args}", **options))


def test_agreement_is_zero_and_every_file_is_written(tmp_path, capsys):
    paths = {name: tmp_path / f"report.{name}" for name in ("json", "junit", "markdown", "html")}
    assert run("hand", "auto", **paths) == 0
    assert all(path.stat().st_size > 500 for path in paths.values())
    assert "agrees" in capsys.readouterr().out


def test_disagreement_is_one(capsys):
    assert run("wrong", "auto") == 1
    assert "disagree" in capsys.readouterr().out


def test_one_function_alone_is_enough():
    assert run("wrong") == 1


def test_worse_than_the_baseline_is_one(tmp_path, capsys):
    assert run("hand", "auto", json=tmp_path / "old.json") == 0
    old = json.loads((tmp_path / "old.json").read_text())
    old["records"].append(old["records"][0] | {"leaf": "gone"})
    (tmp_path / "old.json").write_text(json.dumps(old))
    assert run("hand", "auto", baseline=tmp_path / "old.json") == 1
    assert "is no longer compared" in capsys.readouterr().err


BAD = {
    "nothing asked for": ({}, "name one or two functions"),
    "both": ({"all": True, "functions": ("a:b",)}, "not both"),
    "no arguments": ({"functions": (f"{HERE}:hand",)}, "their arguments with --args"),
    "not a name": ({"functions": ("hand",), "args": "x"}, "'hand' does not name a function"),
    "no such module": ({"functions": ("nowhere.at_all:f",), "args": "x:y"}, "No module named 'nowhere'"),
    "no such function": ({"functions": (f"{HERE}:nothing",), "args": "x:y"}, "has no function 'nothing'"),
    "not a function": ({"functions": (f"{HERE}:number",), "args": "x:y"}, "has no function 'number'"),
    "a builder that raises": (
        {"functions": (f"{HERE}:hand",), "args": f"{HERE}:broken"},
        "the builder raised OSError: no such file",
    ),
    "a folder for a file": (
        {"functions": (f"{HERE}:hand",), "json": Path(__file__).parent},
        "is a directory; name a file",
    ),
    "a file for a folder": (
        {"functions": (f"{HERE}:hand",), "html": Path(__file__) / "page.html"},
        "page.html cannot be written",
    ),
    "no such case": ({"all": True, "only": "nothing"}, "matches no case"),
    "no such baseline": ({"all": True, "baseline": "nowhere.json"}, "cannot be read as a report"),
}


@pytest.mark.parametrize(("options", "message"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_done_is_one_sentence(options, message):
    with pytest.raises(UserError, match=message):
        agree(Agree(**options))


def test_the_whole_project_runs_with_a_progress_line(capsys):
    assert agree(Agree(all=True, only="identity")) == 0
    printed = capsys.readouterr()
    assert "[1/1] identity" in printed.err
    assert "caught" in printed.out


def test_a_case_that_cannot_run_fails_the_report(monkeypatch):
    from jaxcnn.agreement import suite

    def refuse(case, seed):
        raise ValueError("check: hand raised RuntimeError")

    monkeypatch.setattr(suite, "checked", refuse)
    report = suite.report([c for c in suite.layers() if c.name == "identity"])
    assert not report.ok
    assert report.counts == {"not-run": 1}
    assert meshes.DEVICES == 2
