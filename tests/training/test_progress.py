"""Tests of what the terminal shows."""

import pytest

from jaxcnn.training.gradients import Leaf
from jaxcnn.training.metrics import Epoch
from jaxcnn.training.progress import following, results

EPOCH = Epoch(1, 2.25, 0.25, 2.0, 0.5, 0.125, 4000.0)
WORDS = "loss 2.2500, held out 2.0000; accuracy 0.2500, held out 0.5000; 4,000 examples/s"


def test_without_a_terminal_an_epoch_is_a_line(capsys):
    with following(2) as show:
        show(EPOCH)
    assert capsys.readouterr().err == f"epoch 1/2: {WORDS}\n"


def test_on_a_terminal_there_is_a_bar(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    with following(1) as show:
        show(EPOCH)
    shown = capsys.readouterr().err
    assert WORDS.split(";", maxsplit=1)[0] in shown
    assert "\x1b[" in shown


@pytest.mark.parametrize(("difference", "marked"), [(1e-7, False), (1e-2, True)])
def test_the_table_marks_gradients_that_disagree(capsys, difference, marked):
    results({"held-out accuracy": "0.98"}, {"last": [Leaf("conv1/kernel", 1.0, 1.0, difference, 1e-4)]})
    shown = capsys.readouterr().out
    assert "held-out accuracy" in shown
    assert "conv1/kernel" in shown
    assert f"{difference:.1e}" in shown
    assert ("disagree" in shown) == marked


def test_a_path_is_never_cut_off(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    path = "/".join(["a-long-name-of-a-folder"] * 5)
    results({"results": path}, {})
    assert path in capsys.readouterr().out


def test_a_path_may_look_like_markup(capsys):
    results({"results": "runs/[/red]"}, {})
    assert "runs/[/red]" in capsys.readouterr().out
