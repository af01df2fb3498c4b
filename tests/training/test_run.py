"""Tests of the run directory: what is written, how, and where it refuses to write."""

import csv
import json
import os

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file

from jaxcnn.errors import UserError
from jaxcnn.training.config import Config
from jaxcnn.training.metrics import Epoch
from jaxcnn.training.run import create, environment, fresh, replace
from jaxcnn.training.step import State
from tests.training.files import striped_set

EPOCHS = [Epoch(1, 2.25, 0.25, 2.0, 0.5, 0.125, 400.0), Epoch(2, 1.5, 0.5, 1.25, 0.75, 0.0625, 800.0)]
STATE = State(
    {"conv1": {"kernel": np.ones((3, 3, 1, 2), np.float32)}, "block": {"bn": {"scale": np.float32([1, 2])}}},
    {"block": {"bn": {"mean": np.zeros(2, np.float32)}}},
    (),
)


@pytest.fixture
def run(tmp_path):
    run = create(tmp_path / "run", "unused")
    run.begin(Config(per_class=5), striped_set(50, 20))
    return run


def test_what_is_known_before_the_first_step_is_written(run):
    assert json.loads((run.path / "config.json").read_text())["per_class"] == 5
    assert json.loads((run.path / "data.json").read_text()) == {
        "image_shape": [10, 10, 1],
        "classes": list("0123456789"),
        "training_examples": 50,
        "held_out_examples": 20,
    }
    found = json.loads((run.path / "environment.json").read_text())
    assert found["jax"] == jax.__version__
    assert {"jaxlib", "device", "XLA_FLAGS", "default_matmul_precision", "enable_x64", "git_commit"} <= set(found)


def test_metrics_are_one_object_per_epoch_and_the_same_as_a_table(run):
    for epoch in EPOCHS:
        run.record(epoch, STATE)
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert [Epoch(**line) for line in lines] == EPOCHS
    with (run.path / "metrics.csv").open() as table:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(table)]
    assert rows == lines


def test_parameters_and_statistics_are_saved_by_name(run):
    run.record(EPOCHS[0], STATE)
    found = load_file(run.path / "params.safetensors")
    assert sorted(found) == ["block/bn/mean", "block/bn/scale", "conv1/kernel"]
    np.testing.assert_array_equal(found["block/bn/scale"], [1, 2])
    assert not list(run.path.glob("*.partial"))


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr("pathlib.Path.write_bytes", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space left"):
        replace(path, b"new")
    assert path.read_bytes() == b"old"


def test_an_unnamed_run_gets_a_directory_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = {create(None, "seed2-digits").path for _ in range(3)}
    assert len(paths) == 3
    assert all(path.parent.name == "runs" and "seed2-digits" in path.name for path in paths)
    assert fresh(tmp_path, "absent") == tmp_path / "absent"


def test_an_empty_directory_will_do_and_no_other(tmp_path):
    (tmp_path / "empty").mkdir()
    run = create(tmp_path / "empty", "unused")
    with pytest.raises(UserError, match="is not empty; name a new directory"):
        create(run.path, "unused")


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written to \\(File exists\\)"):
        create(tmp_path / "file", "unused")
    with pytest.raises(UserError, match="cannot be written to \\(Not a directory\\)"):
        create(tmp_path / "file" / "run", "unused")


def test_the_commit_is_that_of_the_package_not_of_whoever_runs_it(tmp_path, monkeypatch):
    expected = environment()["git_commit"]
    monkeypatch.chdir(tmp_path)
    assert environment()["git_commit"] == expected
    monkeypatch.setitem(os.environ, "PATH", "")
    assert environment()["git_commit"] is None
