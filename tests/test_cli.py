"""Tests of the command line: help without JAX, one sentence and an exit code for what a person can mend."""

import os
import signal
import subprocess
import sys
import time

import pytest

from jaxcnn import cli
from jaxcnn.errors import UserError

COMMAND = [sys.executable, "-m", "jaxcnn"]


def jaxcnn(*arguments):
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=300)


def test_help_lists_the_commands_and_loads_no_jax():
    done = jaxcnn("--help")
    assert done.returncode == 0
    assert all(command in done.stdout for command in cli.COMMANDS)
    script = "import sys; from jaxcnn import cli; cli.main([]); sys.exit('jax' in sys.modules or 'tyro' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], stdout=subprocess.DEVNULL).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate"], "jaxcnn evaluate: no such command; choose from train"),
        (["train", "--epochs", "0"], "jaxcnn train: --epochs 0: must be at least 1"),
        (["train", "--data", "imagenet"], "jaxcnn train: --data imagenet: no such folder"),
    ],
    ids=["unknown command", "value out of range", "unknown data"],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(arguments, message, capsys):
    assert cli.main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(message)
    assert shown.err.count("\n") == 1
    assert shown.out == ""


@pytest.mark.parametrize(
    "arguments", [["--epochs", "many"], ["--gradients", "none"], ["--colour", "red"]], ids=["type", "choice", "flag"]
)
def test_what_the_help_does_not_offer_is_refused_with_exit_code_2(arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(["train", *arguments])
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UserError("--data x: no"), 2, "jaxcnn train: --data x: no\n"),
        (OSError(28, "No space left on device", "runs/a"), 2, "jaxcnn train: runs/a: No space left on device\n"),
        (KeyboardInterrupt(), 130, "jaxcnn train: interrupted\n"),
        (KeyboardInterrupt("interrupted; see runs/a"), 130, "jaxcnn train: interrupted; see runs/a\n"),
    ],
    ids=["user", "disk", "interrupt", "interrupt with a note"],
)
def test_errors_end_in_one_place(error, code, message, capsys, monkeypatch):
    def failing(*_):
        raise error

    monkeypatch.setattr(cli, "run", failing)
    assert cli.main(["train"]) == code
    assert capsys.readouterr().err == message


def test_a_mistake_in_the_program_keeps_its_traceback(monkeypatch):
    def failing(*_):
        raise ValueError("not the user's")

    monkeypatch.setattr(cli, "run", failing)
    with pytest.raises(ValueError, match="not the user's"):
        cli.main(["train"])


def written(path):
    return path.exists() and path.stat().st_size > 0


def test_ctrl_c_ends_a_run_with_130_and_leaves_what_was_learnt(tmp_path):
    run = tmp_path / "run"
    process = subprocess.Popen(
        [*COMMAND, "train", "--epochs", "100000", "--per-class", "3", "--run-dir", str(run)],
        stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while not written(run / "metrics.jsonl") and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert f"jaxcnn train: interrupted; {run} has everything up to the end of epoch" in said
    assert "Traceback" not in said
    assert (run / "params.safetensors").exists()
