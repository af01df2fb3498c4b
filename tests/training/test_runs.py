"""Tests of `jaxcnn runs`: what is listed, and the picture."""

import csv
import json

import pytest

from jaxcnn.errors import UserError
from jaxcnn.training.metrics import Epoch
from jaxcnn.training.runs import Runs, runs


def make(path, accuracies, summary=None):
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({"network": "seed2", "data": "digits", "epochs": 3}))
    lines = [Epoch(i, 1.0, 0.5, 1.0 / i, a, 0.1, 100.0)._asdict() for i, a in enumerate(accuracies, 1)]
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if summary is not None:
        (path / "summary.json").write_text(json.dumps(summary))


@pytest.fixture
def folder(tmp_path):
    make(tmp_path / "runs" / "1-whole", [0.5, 0.9, 0.8125], {"stopped": None})
    make(tmp_path / "runs" / "2-diverged", [0.25], {"stopped": "the loss is nan"})
    make(tmp_path / "runs" / "3-killed", [])
    (tmp_path / "runs" / "notes").mkdir()
    return tmp_path / "runs"


def test_every_run_is_a_row_newest_first(folder, capsys):
    assert runs(Runs((folder,))) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split()[0].rpartition("/")[2] for row in rows] == ["3-killed", "2-diverged", "1-whole"]
    assert "0 of 3" in rows[0]
    assert rows[0].rstrip().endswith("not ended")
    assert rows[1].rstrip().endswith("stopped")
    assert rows[2].split()[-4:] == ["0.8125", "0.9000", "0.3333", "done"]


def test_the_picture_and_its_numbers(folder, tmp_path):
    assert runs(Runs((folder / "1-whole", folder / "2-diverged"), picture=tmp_path / "new" / "curves.png")) == 0
    assert (tmp_path / "new" / "curves.png").read_bytes()[:4] == b"\x89PNG"
    with (tmp_path / "new" / "curves.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [(row["run"], row["test_accuracy"]) for row in rows][:2] == [("2-diverged", "0.25"), ("1-whole", "0.5")]


@pytest.mark.parametrize(("name", "message"), [("absent", "is no folder"), ("notes", "no run in .*notes")])
def test_where_there_is_no_run_it_is_said(folder, name, message):
    with pytest.raises(UserError, match=message):
        runs(Runs((folder / name,)))


def test_names_are_shown_as_they_are_and_command_no_terminal(tmp_path, capsys):
    run = tmp_path / "[red]run[/blue]"
    make(run, [0.5])
    (run / "config.json").write_text(json.dumps({"network": "a\x1b[2Jb\ud800", "data": "[bold]"}))
    assert runs(Runs((run,))) == 0
    shown = capsys.readouterr().out
    assert "[red]run[/blue]" in shown
    assert "a?[2Jb?" in shown
    assert "[bold]" in shown
