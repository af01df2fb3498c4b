"""Tests of `jaxcnn depth`."""

import numpy as np
import pytest

from jaxcnn.cli import main
from tests.prediction.files import write


def test_blocks_are_counted(capsys):
    assert main(["depth", "blocks"]) == 0
    said = capsys.readouterr().out
    assert "18,624" in said
    assert "34,752" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("blocks", "--wide", "6"), "must be positive multiples of 4"),
        (("training", "--depths", "8", "9"), "--depths 8 9: each must be 6n + 2"),
        (("training", "--epochs", "0"), "--epochs 0: must be at least 1"),
        (("training", "--width", "0"), "--width 0: must be at least 1"),
        (("untrained", "a.png", "--initialisations", "0"), "--initialisations 0: must be at least 1"),
        (("untrained", "absent.png"), "absent.png: No such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_makes_no_sense_is_one_sentence(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["depth", *arguments]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1
    assert not any(tmp_path.iterdir())


@pytest.mark.heavy
def test_untrained_networks_leave_a_table_and_a_histogram(tmp_path, capsys):
    path = write(tmp_path / "a.png", np.zeros((5, 5), np.uint8))
    assert main(["depth", "untrained", str(path), "--initialisations", "2", "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.count("%") == 10
    assert {found.name for found in (tmp_path / "out").iterdir()} == {"untrained.png", "untrained.csv"}
