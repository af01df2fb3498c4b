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
from jaxcnn.training.data import fingerprint
from jaxcnn.training.metrics import Epoch
from jaxcnn.training.run import create, environment, fresh, read_metrics, reopen, settings_of
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
        "sha256": fingerprint(striped_set(50, 20)),
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


def test_an_unnamed_run_gets_a_directory_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = {create(None, "seed2-digits").path for _ in range(3)}
    assert len(paths) == 3
    assert all(path.parent.name == "runs" and "seed2-digits" in path.name for path in paths)
    assert fresh(tmp_path, "absent") == tmp_path / "absent"


def test_an_empty_directory_will_do_and_no_other(tmp_path):
    (tmp_path / "empty").mkdir()
    run = create(tmp_path / "empty", "unused")
    with pytest.raises(UserError, match="is not empty; name a new directory, or go on with the run in it by --resume"):
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


def test_a_run_that_is_gone_on_with_has_what_its_checkpoint_has_and_no_more(run):
    for epoch in EPOCHS:
        run.record(epoch, STATE)
    with (run.path / "metrics.jsonl").open("a") as lines:
        lines.write(json.dumps(EPOCHS[1]._replace(epoch=3)._asdict()) + '\n{"epoch": 4, "tr')
    state, epochs = run.reached(STATE, refused=pytest.fail)
    run.rewind(epochs)
    assert epochs == read_metrics(run.path / "metrics.jsonl") == EPOCHS
    assert len((run.path / "metrics.csv").read_text().splitlines()) == 3
    np.testing.assert_array_equal(state.params["conv1"]["kernel"], STATE.params["conv1"]["kernel"])


def test_a_run_without_checkpoints_begins_again(run):
    (run.path / "metrics.jsonl").write_text(json.dumps(EPOCHS[0]._asdict()) + "\n")
    assert run.reached(STATE, refused=pytest.fail) == (STATE, [])


def test_metrics_that_are_missing_are_said_so(run):
    run.record(EPOCHS[0], STATE)
    (run.path / "metrics.jsonl").unlink()
    with pytest.raises(UserError, match=r"metrics\.jsonl does not hold epochs 1 to 1"):
        run.reached(STATE, refused=pytest.fail)


def test_one_process_at_a_time(run):
    with pytest.raises(UserError, match=f"process {os.getpid()} is training there"):
        reopen(run.path)
    os.close(run.lock)
    assert reopen(run.path).path == run.path


def test_a_run_goes_on_with_its_own_settings_where_it_is_told_to(run):
    config = settings_of(run.path, Config(resume=run.path, devices=2, dashboard=True))
    assert (config.per_class, config.run_dir, config.resume) == (5, run.path, None)
    assert (config.devices, config.dashboard) == (2, True)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "holds no config.json; name a directory"), ("{", "cannot be used"), ('{"colour": 1}', "cannot be used")],
    ids=["no run", "no json", "another program's"],
)
def test_what_is_no_run_cannot_be_gone_on_with(tmp_path, content, message):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError, match=message):
        settings_of(tmp_path, Config(resume=tmp_path))


def test_a_run_that_has_ended_is_not_gone_on_with(run):
    run.write_json("summary.json", {})
    with pytest.raises(UserError, match="the run has ended"):
        settings_of(run.path, Config(resume=run.path))


@pytest.mark.parametrize(
    "value", ['"1.0"', "null", "true", "[]", "9" * 400], ids=["text", "null", "true", "list", "huge"]
)
def test_metrics_end_where_a_value_is_no_number(run, value):
    run.record(EPOCHS[0], STATE)
    with (run.path / "metrics.jsonl").open("a") as lines:
        lines.write(json.dumps(EPOCHS[1]._asdict()).replace("1.25", value) + "\n")
    assert read_metrics(run.path / "metrics.jsonl") == EPOCHS[:1]
