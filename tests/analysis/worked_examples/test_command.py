"""`jaxcnn examples`: what is shown, what is written, and mistakes in one sentence."""

import json
from pathlib import Path

import pytest

from analysis.worked_examples import command
from analysis.worked_examples.command import Examples, examples
from jaxcnn.errors import UserError


def test_one_row_in_full_with_its_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert examples(Examples(which=("S2.14",), pictures=tmp_path)) == 0
    shown = capsys.readouterr().out
    assert "def printed_block()" in shown
    assert (tmp_path / "S2.14.png").stat().st_size > 10_000


def test_the_numbers_of_a_picture_are_saved_beside_it(tmp_path: Path) -> None:
    examples(Examples(which=("S0.26",), pictures=tmp_path))
    lines = (tmp_path / "S0.26.csv").read_text().splitlines()
    assert lines[0] == "x,y,slope"
    assert len(lines) == 402


def test_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = Examples(
        which=("S4.36", "S4.35"), errata=True, html=tmp_path / "a" / "page.html", json=tmp_path / "v.json"
    )
    assert examples(request) == 0
    assert json.loads((tmp_path / "v.json").read_text()) == {"S4.36": "erratum"}
    assert "S4.35" not in (tmp_path / "a" / "page.html").read_text()
    assert str(tmp_path / "v.json") in capsys.readouterr().out


def test_an_unknown_name() -> None:
    with pytest.raises(UserError, match="'seed9' is neither an example nor a document"):
        examples(Examples(which=("seed9",)))


def test_a_file_that_cannot_be_written_is_found_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "run_with_progress", lambda entries: pytest.fail("it ran"))
    with pytest.raises(IsADirectoryError):
        examples(Examples(html=tmp_path))


def test_nothing_wrong_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    examples(Examples(which=("S4.35",), errata=True))
    assert capsys.readouterr().out == "none of these statements is an erratum\n"
