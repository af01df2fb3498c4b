"""Tests of whole runs, as `jaxcnn train` makes them, on data and networks that take a moment."""

import contextlib
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from jaxcnn.errors import UserError
from jaxcnn.networks import NAMED, Named
from jaxcnn.training import checkpoint, experiment
from jaxcnn.training.config import Config
from jaxcnn.training.experiment import conduct, prepare
from jaxcnn.training.gradients import Leaf
from jaxcnn.training.run import Run, read_metrics
from tests.training import tiny
from tests.training.files import striped_set, write_folder
from tests.training.programs import start


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    """Not here: what a resumed run compiles anew comes to the same bits."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(write_folder(tmp_path_factory.mktemp("data"), striped_set()))


@pytest.fixture(autouse=True)
def _tiny_network(monkeypatch):
    monkeypatch.setitem(NAMED, "tiny", Named(tiny.network, tiny.SHAPE))


def config(folder, path, **fields):
    return Config(**({"data": folder, "network": "tiny", "epochs": 2, "run_dir": path} | fields))


def test_a_run_leaves_everything_and_says_what_it_found(folder, tmp_path, capsys):
    run = tmp_path / "run"
    assert conduct(config(folder, run, gradients="both")) == 0
    files = {
        "config.json",
        "data.json",
        "environment.json",
        "metrics.csv",
        "metrics.jsonl",
        "params.safetensors",
        "summary.json",
    }
    assert {path.name for path in run.iterdir()} == files | {"pictures", "checkpoints", "lock"}
    summary = json.loads((run / "summary.json").read_text())
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert summary["test_accuracy"] == last["test_accuracy"]
    assert summary["parameters"] == sum(leaf.size for leaf in load_file(run / "params.safetensors").values())
    assert set(summary["gradient_differences"]) == {"first", "last"}
    shown = capsys.readouterr()
    assert "epoch 2/2: loss" in shown.err
    for word in ("held-out accuracy", "time", str(run), "first batch", "last batch", "conv/kernel"):
        assert word in shown.out


def test_a_run_that_diverges_keeps_its_last_good_parameters(folder, tmp_path, capsys):
    run = tmp_path / "run"
    diverging = config(folder, run, optimiser="sgd", learning_rate=1e36, schedule="constant")
    assert conduct(diverging) == 1
    said = capsys.readouterr().err
    assert "training stopped at epoch 1, batch 2 of 2 (step 2)" in said
    assert str(run) in said
    assert all(np.isfinite(leaf).all() for leaf in load_file(run / "params.safetensors").values())
    assert "conv/kernel" in json.loads((run / "summary.json").read_text())["stopped"]


def test_gradients_that_disagree_are_an_error(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(experiment, "draw", lambda *_: None)
    monkeypatch.setattr(
        experiment, "compare", lambda *_: [Leaf("conv/kernel", 1.0, 1.0, difference=0.01, tolerance=1e-4)]
    )
    assert conduct(config(folder, tmp_path / "run", epochs=1)) == 1
    assert "disagree" in capsys.readouterr().out


def test_an_interrupt_says_what_is_on_disk(folder, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "train", interrupted)
    with pytest.raises(KeyboardInterrupt, match=r"up to the end of epoch 0; go on with jaxcnn train --resume .*run$"):
        conduct(config(folder, tmp_path / "run"))


class Killed(BaseException):
    """As sudden as a kill: nothing is tidied up."""


@pytest.mark.parametrize("after", [0, 1, 3], ids=["before-the-first-epoch", "after-one", "after-the-last"])
@pytest.mark.parametrize("where", ["metrics", "checkpoint"])
def test_a_run_that_is_gone_on_with_ends_bit_for_bit_as_if_it_had_not_stopped(
    folder, tmp_path, monkeypatch, whole, after, where
):
    """Killed while it records an epoch: before anything of it is written, or when all but the checkpoint is."""
    target, name = (Run, "save") if where == "metrics" else (checkpoint, "write")
    original, calls = getattr(target, name), []

    def killed(*arguments):
        calls.append(name)
        if len(calls) > after:
            raise Killed
        return original(*arguments)

    monkeypatch.setattr(target, name, killed)
    monkeypatch.setattr(experiment, "draw", lambda *_: None)
    with contextlib.suppress(Killed):
        conduct(config(folder, tmp_path / "run", epochs=3))
    monkeypatch.setattr(target, name, original)
    (tmp_path / "run" / "summary.json").unlink(missing_ok=True)
    assert conduct(Config(resume=tmp_path / "run")) == 0
    assert (tmp_path / "run" / "params.safetensors").read_bytes() == whole
    assert [epoch.epoch for epoch in read_metrics(tmp_path / "run" / "metrics.jsonl")] == [1, 2, 3]


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    """The parameters of the run that was not stopped."""
    path = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NAMED, "tiny", Named(tiny.network, tiny.SHAPE))
        patch.setattr(experiment, "draw", lambda *_: None)
        assert conduct(config(folder, path, epochs=3)) == 0
    return (path / "params.safetensors").read_bytes()


def test_a_full_disk_ends_a_run_in_one_sentence_and_loses_nothing(folder, tmp_path, monkeypatch):
    original, written = checkpoint.replace, []

    def full(path, content):
        written.append(path)
        if len(written) > 2:
            raise OSError(28, "No space left on device", str(path))
        original(path, content)

    monkeypatch.setattr(checkpoint, "replace", full)
    with pytest.raises(UserError, match=r"No space left on device\); .* up to the end of epoch 1; go on with jaxcnn"):
        conduct(config(folder, tmp_path / "run", epochs=3))
    assert (tmp_path / "run" / "checkpoints" / "epoch-00001.json").exists()


def launch(*arguments):
    return start("tests.training.tiny_program", *arguments, stdout=subprocess.DEVNULL)


def finished(process):
    """The exit code, with the pipe closed."""
    process.communicate()
    return process.returncode


def kill_until_done(begin, path, kills):
    """Train in processes that are killed at random moments, each resumed by the next; how many were killed."""
    rng = np.random.default_rng(0)
    for number in range(kills):
        process = launch("train", "--resume", path) if (path / "config.json").exists() else launch(*begin)
        next(line for line in process.stderr if "before the first step" in line)
        try:
            process.wait(rng.uniform(0, 1.5))
        except subprocess.TimeoutExpired:
            process.kill()
        if finished(process) == 0:
            return number
    assert finished(launch("train", "--resume", path)) == 0
    return kills


@pytest.mark.parametrize("kills", [2, pytest.param(100, marks=pytest.mark.heavy)])
def test_kills_at_random_moments_change_nothing(folder, tmp_path, kills):
    begin = ("train", "--data", folder, "--network", "tiny", "--epochs", 20 * kills, "--run-dir")
    assert finished(launch(*begin, tmp_path / "a")) == 0
    assert kill_until_done((*begin, tmp_path / "b"), tmp_path / "b", kills) > 0
    a, b = ((tmp_path / name / "params.safetensors").read_bytes() for name in "ab")
    assert a == b


def test_sigterm_is_an_interrupt(folder, tmp_path):
    process = launch("train", "--data", folder, "--network", "tiny", "--epochs", 100_000, "--run-dir", tmp_path / "run")
    for line in process.stderr:
        if "epoch 3/" in line:
            break
    process.terminate()
    said = process.communicate()[1]
    assert process.returncode == 130
    assert "go on with jaxcnn train --resume" in said.splitlines()[-1]


WRONG = {
    "unknown network": ({"network": "resnet"}, "--network resnet: unknown; the networks are seed0"),
    "network for numbers": (
        {"network": "seed4"},
        "--network seed4: does not take images of shape \\(10, 10, 1\\): dense",
    ),
    "another number of outputs": (
        {"network": "ten"},
        "--network ten: has outputs of shape \\(8, 8, 3\\); 10 classes need \\(10,\\)",
    ),
    "unknown data": ({"data": "imagenet"}, "--data imagenet: no such folder"),
    "too few per class": ({"per_class": 6}, "--per-class 6: class 0 has only 5"),
}


@pytest.mark.parametrize(("fields", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(folder, tmp_path, monkeypatch, fields, message):
    from jaxcnn.networks import conv

    monkeypatch.setitem(NAMED, "ten", Named(lambda: conv(3, 3), tiny.SHAPE))
    with pytest.raises(UserError, match=f"^{message}"):
        conduct(config(folder, tmp_path / "run", **fields))
    assert not (tmp_path / "run").exists()


def test_an_initialiser_is_handed_to_the_network(tmp_path):
    kernels = {}
    for name in ("he", "unit_normal"):
        data = str(write_folder(Path(tmp_path) / name, striped_set()))
        prepared = prepare(Config(data=data, network="seed2_shallow", initialiser=name))
        kernels[name] = np.asarray(prepared.state.params["dense1"]["kernel"])
    np.testing.assert_allclose(kernels["unit_normal"].std(), 1, rtol=0.05)
    assert kernels["he"].std() < 0.3
