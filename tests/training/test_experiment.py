"""Tests of whole runs, as `jaxcnn train` makes them, on data and networks that take a moment."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from jaxcnn.errors import UserError
from jaxcnn.networks import NAMED, Named
from jaxcnn.training import experiment
from jaxcnn.training.config import Config
from jaxcnn.training.experiment import conduct, prepare
from jaxcnn.training.gradients import Leaf
from tests.training import tiny
from tests.training.files import striped_set, write_folder


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
    assert {path.name for path in run.iterdir()} == files | {"pictures"}
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
    with pytest.raises(KeyboardInterrupt, match=r"interrupted; .*run has everything up to the end of epoch 0"):
        conduct(config(folder, tmp_path / "run"))


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
