"""The command: every experiment is there, a mistake is one sentence, and a small one leaves its files."""

from importlib import import_module
from pathlib import Path

import pytest

import analysis.gradient_flow.experiments
from analysis.gradient_flow.command import EXPERIMENTS, Config, flow
from jaxcnn.errors import UserError

HELPERS = {"__init__", "outcome", "digits"}


def test_every_experiment_is_listed():
    files = {path.stem for path in Path(analysis.gradient_flow.experiments.__file__).parent.glob("*.py")}
    assert files - HELPERS == set(EXPERIMENTS)
    assert all(callable(import_module(f"analysis.gradient_flow.experiments.{name}").run) for name in EXPERIMENTS)


def test_an_unknown_experiment_is_refused():
    with pytest.raises(UserError, match="--only depth: no such experiment; choose from calibration, sensitivity"):
        Config(only=("depth",))


def test_an_experiment_leaves_picture_and_table(tmp_path, capsys):
    assert flow(Config(only=("flat_gradients",), quick=True, out=tmp_path)) == 0
    assert "weight gradients stay within a factor" in capsys.readouterr().out
    assert (tmp_path / "flat_gradients.png").stat().st_size > 10_000
    header, *rows = (tmp_path / "flat_gradients.csv").read_text().splitlines()
    assert header.startswith("layer,forward_predicted,forward_measured")
    assert len(rows) == 20


@pytest.mark.heavy
@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_every_experiment_runs(name, tmp_path):
    assert flow(Config(only=(name,), quick=True, out=tmp_path)) == 0


@pytest.mark.heavy
def test_a_thousand_layers_train_with_orthogonal_weights_only():
    from analysis.gradient_flow.experiments.thousand_layers import train

    assert train(1000, 150, is_orthogonal=True)[-20:].mean() < 0.5
    assert train(1000, 150, is_orthogonal=False)[-20:].mean() > 2.2
