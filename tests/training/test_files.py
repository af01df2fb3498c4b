"""Tests of files that are whole, old or new, whatever happens."""

import pytest

from jaxcnn.training.files import parse_json, replace, write_csv


@pytest.mark.parametrize("step", ["write", "fsync"])
def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch, step):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    if step == "write":
        monkeypatch.setattr("pathlib.Path.open", full)
    else:
        monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"


def test_nothing_is_left_beside_a_file_that_was_written(tmp_path):
    replace(tmp_path / "file", b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("file", b"new")]


def test_a_table_has_its_header_first(tmp_path):
    write_csv(tmp_path / "table.csv", ("a", "b"), [(1, 2.5)])
    assert (tmp_path / "table.csv").read_text().splitlines() == ["a,b", "1,2.5"]


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "{", "", b"\xff"], ids=["[", "{", "cut", "none", "byte"]
)
def test_what_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)
