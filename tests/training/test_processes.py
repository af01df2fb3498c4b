"""Tests of several processes that train together: real ones, on loopback, one of them killed."""

import re

import jax
import pytest

from jaxcnn.errors import UserError
from jaxcnn.training import processes
from jaxcnn.training.config import Config
from jaxcnn.training.run import read_metrics
from tests.training.files import striped_set, write_folder
from tests.training.programs import free_address, output, start


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data"), striped_set(64, 20))


def pair(*arguments):
    """Two processes of four devices each."""
    address = free_address()
    return [
        start("tests.training.tiny_program", "train", *arguments, "--coordinator", address, "--processes", 2,
              "--process", number, devices=4)
        for number in range(2)
    ]  # fmt: skip


def train(folder, path, *more):
    return pair("--data", folder, "--network", "tiny", "--epochs", 12, "--batch-size", 16, "--run-dir", path, *more)


def parameters(path):
    return (path / "params.safetensors").read_bytes()


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    """The run that was not stopped, and what its two processes said."""
    path = tmp_path_factory.mktemp("whole") / "run"
    said = [process.communicate() for process in train(folder, path)]
    return path, said


def test_process_0_alone_writes_and_speaks(whole):
    path, ((first, progress), (second, _)) = whole
    assert "8 devices of 8 (cpu) in 2 processes" in progress
    assert f"start all again with --resume {path}" in progress
    assert "held-out accuracy" in first
    assert "held-out accuracy" not in second
    assert [epoch.epoch for epoch in read_metrics(path / "metrics.jsonl")] == list(range(1, 13))


def kill_the_second(processes_, wait_for_the_first):
    """After the third epoch; what is left is killed too, or waited for until JAX ends it."""
    first, second = processes_
    next(line for line in first.stderr if "epoch 3/" in line)
    second.kill()
    second.communicate()
    if not wait_for_the_first:
        first.kill()
    first.communicate()
    return first.returncode


@pytest.mark.heavy
@pytest.mark.parametrize("waits", [False, True], ids=["all-killed", "one-killed"])
def test_a_job_of_which_a_process_is_killed_goes_on_bit_for_bit(folder, tmp_path, whole, waits):
    code = kill_the_second(train(folder, tmp_path / "run", "--epochs", 12), waits)
    assert code == (-6 if waits else -9)
    for process in pair("--resume", tmp_path / "run"):
        output(process)
    assert parameters(tmp_path / "run") == parameters(whole[0])


def test_what_process_0_cannot_begin_ends_all(folder, tmp_path):
    (tmp_path / "taken").write_text("something")
    first, second = train(folder, tmp_path)
    (_, said), (_, also) = first.communicate(), second.communicate()
    assert (first.returncode, second.returncode) == (2, 2)
    assert f"jaxcnn train: --run-dir {tmp_path}: is not empty" in said
    assert "jaxcnn train: process 0 cannot begin, and has said why" in also
    assert "Traceback" not in said + also


def test_one_process_alone_decides_by_itself():
    assert processes.is_first()
    assert processes.by_first(lambda: 3) == 3
    assert processes.same_everywhere(3, "checkpoints") is None
    processes.join(Config())
    assert jax.process_count() == 1


def test_a_coordinator_that_is_not_there_is_named(monkeypatch):
    def unreachable(*_, **__):
        raise RuntimeError("DEADLINE_EXCEEDED: no answer\nmore")

    monkeypatch.setattr(jax.distributed, "initialize", unreachable)
    with pytest.raises(
        UserError, match=r"^--coordinator a:1: the processes did not find each other \(DEADLINE.*answer\)$"
    ):
        processes.join(Config(coordinator="a:1", processes=2, process=1))
    with pytest.raises(UserError, match=re.escape("--distributed: the processes did not find each other")):
        processes.join(Config(distributed=True))
