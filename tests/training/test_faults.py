"""Faults from outside, one test each: nothing that was said to be saved is lost, and the message says what to do next.

Elsewhere: kill -9 and SIGTERM in test_experiment.py, Ctrl-C in test_cli.py, damaged checkpoints in test_checkpoint.py,
files that change while they are read in test_rows.py, every kind of damage to every file in test_fuzz.py.
"""

import json
import os
import shutil
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.networks import NAMED, Named
from jaxcnn.training import experiment, loop
from jaxcnn.training.config import Config
from jaxcnn.training.data import DataSet, Examples, fingerprint, load
from jaxcnn.training.experiment import conduct
from jaxcnn.training.run import Run, create, read_metrics, reopen, settings_of
from jaxcnn.training.step import initial_state
from tests.training import tiny
from tests.training.files import striped_set, stripes, write_folder
from tests.training.programs import ENVIRONMENT, ROOT
from tests.training.test_experiment import launch

DRAW = experiment.draw


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "data", striped_set())


@pytest.fixture(autouse=True)
def _tiny_network(monkeypatch):
    monkeypatch.setitem(NAMED, "tiny", Named(tiny.network, tiny.SHAPE))
    monkeypatch.setattr(experiment, "draw", lambda *_: None)


def config(folder, path, **fields):
    return Config(**({"data": str(folder), "network": "tiny", "epochs": 2, "run_dir": path} | fields))


def contents(folder):
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# A disk


@pytest.fixture(scope="session")
def namespace():
    """A command that gives a process mounts of its own, which end with it."""
    for command in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]):
        if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    pytest.skip("this system lets nobody mount a file system of their own")


@pytest.fixture
def python():
    """Runs a Python; what one compiles, the next one finds."""

    def run(*arguments, before=()):
        command = [*before, sys.executable, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT, env=ENVIRONMENT)

    return run


@pytest.fixture
def on_a_disk(namespace, python, folder, tmp_path):
    """Runs a part of faults.py with a place to mount a file system at."""
    (tmp_path / "disk").mkdir()

    def run(what):
        done = python("-m", "tests.training.faults", what, folder, tmp_path / "disk", before=namespace)
        assert done.returncode == 0, done.stderr
        return done

    return run


def test_a_disk_that_is_full_loses_nothing_and_the_run_goes_on_bit_for_bit_when_there_is_room(on_a_disk, tmp_path):
    """A real one, of 20 and of 60 KiB: it is full in the first epoch, and when two are safe."""
    done = on_a_disk("full")
    lines = [line for line in done.stdout.splitlines() if line.startswith("full:")]
    assert lines == [f"full: ended 2, kept {kept}, went on 0, same True" for kept in (0, 2)]
    for epochs in (0, 2):
        assert (
            f"(No space left on device); {tmp_path}/disk/run has everything up to the end of epoch {epochs}"
            in done.stderr
        )
    assert "Traceback" not in done.stderr


def test_a_disk_that_may_not_be_written_to_is_named(on_a_disk, tmp_path):
    """A real one, read-only: the permissions of a directory would not stop root."""
    done = on_a_disk("locked")
    assert done.stdout.splitlines()[-1] == "locked: 2 and 2"
    assert f"--run-dir {tmp_path}/disk/new: cannot be written to (Read-only file system); name another" in done.stderr
    assert f"--resume {tmp_path}/disk/run: cannot be written to (Read-only file system)" in done.stderr


def test_a_quota_is_a_full_disk(python, folder, tmp_path):
    """The kernel's limit of a file's size, where nobody may mount: the checkpoint is the file that is too long."""
    settings = ["--data", folder, "--network", "tiny", "--epochs", 2, "--run-dir", tmp_path / "run"]
    done = python("-c", LIMITED, "train", *settings)
    assert done.returncode == 2, done.stderr
    assert "(File too large)" in done.stderr.splitlines()[-1]
    assert "up to the end of epoch 0; go on with jaxcnn train --resume" in done.stderr.splitlines()[-1]


LIMITED = """
import resource, sys
from jaxcnn import cli
from jaxcnn.networks import NAMED, Named
from tests.training import tiny

NAMED["tiny"] = Named(tiny.network, tiny.SHAPE)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
sys.exit(cli.main(sys.argv[1:]))
"""


def test_a_disk_that_is_full_when_pictures_are_drawn_leaves_a_finished_run_to_go_on_with(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(experiment, "draw", DRAW)
    monkeypatch.setattr(experiment, "draw_all", fail(OSError(28, "No space left on device")))
    run = tmp_path / "run"
    with pytest.raises(UserError, match=rf"run/pictures \(No space left on device\); all epochs .* --resume {run}$"):
        conduct(config(folder, run))
    assert settings_of(run, Config(resume=run)).run_dir == run


def fail(error):
    def failing(*_):
        raise error

    return failing


# The clock


def test_a_clock_that_goes_back_is_nobody_s_clock(folder, tmp_path, monkeypatch):
    """Wall-clock time falls with every look at it: names are fresh, times positive, the newest checkpoint the last."""
    monkeypatch.chdir(tmp_path)
    now = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(now)))
    monkeypatch.setattr(time, "time_ns", lambda: next(now) * 10**9)
    monkeypatch.setattr(time, "strftime", lambda form: "20200101-000000")
    for _ in range(2):
        assert conduct(config(folder, None)) == 0
    first, second = sorted((tmp_path / "runs").iterdir())
    assert second.name == f"{first.name}-2"
    for number, path in enumerate(sorted((second / "checkpoints").iterdir())):
        os.utime(path, (10**9 - number, 10**9 - number))
    (second / "params.safetensors").unlink()
    (second / "summary.json").unlink()
    assert conduct(Config(resume=second)) == 0
    assert (second / "params.safetensors").read_bytes() == (first / "params.safetensors").read_bytes()
    assert all(epoch.seconds > 0 for epoch in read_metrics(second / "metrics.jsonl"))
    assert json.loads((second / "summary.json").read_text())["seconds"] > 0


# Numbers that are none


def test_a_nan_among_images_stops_training_where_it_is_met():
    """Bytes cannot hold one; a data set of floating-point numbers, handed to `train` by a program, can."""
    images = stripes(50).images.astype(np.float32)
    images[33, 4, 4, 0] = np.nan
    data = DataSet(Examples(images, stripes(50).labels), stripes(20, seed=1))
    settings = Config(epochs=3, batch_size=10)
    learner = loop.make_learner(settings, tiny.network(), 50)
    state = initial_state(learner, loop.make_keys(0).initial, tiny.SHAPE)
    result = loop.train(settings, learner, state, data, lambda *_: None)
    assert "training stopped at epoch 1, batch " in result.stopped
    assert "the loss is nan and the gradient of conv/kernel is not finite" in result.stopped
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.state.params))


# The data


def test_a_file_that_disappears_between_two_epochs_says_what_is_safe(folder, tmp_path, monkeypatch):
    """Images that are streamed: training looks at them again in every epoch. When they are back it goes on."""
    run, original = tmp_path / "run", Run.record
    images, elsewhere = folder / "train-images-idx3-ubyte", tmp_path / "elsewhere"

    def record(self, *arguments, **settings):
        original(self, *arguments, **settings)
        images.rename(elsewhere)

    monkeypatch.setattr(Run, "record", record)
    with pytest.raises(UserError) as caught:
        conduct(config(folder, run, stream=True))
    assert f"{images}: cannot be read any more (No such file or directory); put the file back; " in str(caught.value)
    assert str(caught.value).endswith(f"end of epoch 1; go on with jaxcnn train --resume {run}")
    monkeypatch.setattr(Run, "record", original)
    elsewhere.rename(images)
    assert conduct(Config(resume=run)) == 0
    assert [epoch.epoch for epoch in read_metrics(run / "metrics.jsonl")] == [1, 2]


def lose(folder):
    shutil.rmtree(folder)


def lose_one(folder):
    (folder / "train-images-idx3-ubyte").unlink()


def other_pixel(folder):
    path = folder / "t10k-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def fewer(folder):
    write_folder(folder, striped_set(40))


GONE = {
    "the folder is gone": (lose, "--data .*/data: no such folder"),
    "a file is gone": (lose_one, "holds neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz"),
    "a pixel is another": (other_pixel, r"not those that the run began with: sha256 was '\w+\.\.\.\w+' and is '\w+"),
    "there are fewer": (fewer, "training_examples was 50 and is 40; put the former back, or begin anew"),
}


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A run that has an epoch to go, and its data."""
    path = tmp_path_factory.mktemp("killed")
    folder = write_folder(path / "data", striped_set())
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NAMED, "tiny", Named(tiny.network, tiny.SHAPE))
        patch.setattr(experiment, "draw", lambda *_: None)
        assert conduct(config(folder, path / "run", epochs=1)) == 0
    (path / "run" / "summary.json").unlink()
    (path / "run" / "lock").unlink()
    return path


def moved(killed, path):
    """A copy of it, data and all."""
    shutil.copytree(killed, path)
    settings = json.loads((path / "run" / "config.json").read_text()) | {"data": str(path / "data"), "epochs": 2}
    (path / "run" / "config.json").write_text(json.dumps(settings))
    return path


@pytest.mark.parametrize(("happens", "message"), GONE.values(), ids=GONE)
def test_without_its_data_a_run_is_not_gone_on_with_and_nothing_of_it_is_lost(killed, tmp_path, happens, message):
    run = moved(killed, tmp_path / "copy") / "run"
    before = contents(run)
    happens(tmp_path / "copy" / "data")
    with pytest.raises(UserError, match=message):
        conduct(Config(resume=run))
    assert {**contents(run), str(run / "lock"): None} == {**before, str(run / "lock"): None}


def test_when_its_data_are_back_a_run_goes_on(killed, tmp_path):
    path = moved(killed, tmp_path / "copy")
    (path / "data").rename(path / "elsewhere")
    process = launch("train", "--resume", path / "run")
    said = process.communicate()[1]
    assert (process.returncode, said) == (
        2,
        f"jaxcnn train: --data {path}/data: no such folder, and no set of that name; "
        "the sets are digits, mnist, fashion-mnist, cifar10\n",
    )
    (path / "elsewhere").rename(path / "data")
    assert conduct(Config(resume=path / "run")) == 0
    assert [epoch.epoch for epoch in read_metrics(path / "run" / "metrics.jsonl")] == [1, 2]


def test_a_fingerprint_is_the_set_s_own_however_it_is_read(folder, tmp_path):
    whole, mapped = load(str(folder)), load(str(folder), mapped=True)
    assert fingerprint(whole) == fingerprint(mapped)
    swapped = DataSet(whole.test, whole.train)
    relabelled = whole._replace(train=Examples(whole.train.images, whole.train.labels[::-1]))
    flat = whole._replace(train=Examples(whole.train.images.reshape(50, 5, 20, 1), whole.train.labels))
    assert len({fingerprint(data) for data in (whole, swapped, relabelled, flat)}) == 4


@pytest.mark.parametrize("content", [None, b"", b"[]", b"[" * 100_000], ids=["missing", "empty", "list", "deep"])
def test_what_the_run_began_with_has_to_be_known(folder, tmp_path, content):
    run = create(tmp_path / "run", "unused")
    data = load(str(folder))
    run.begin(config(folder, run.path), data)
    run.expect(data)
    (run.path / "data.json").unlink()
    if content is not None:
        (run.path / "data.json").write_bytes(content)
    with pytest.raises(UserError, match=r"data.json cannot be used|image_shape was None and is \[10, 10, 1\]"):
        run.expect(data)


def test_a_directory_that_another_process_uses_is_left_to_it(folder, tmp_path):
    run = tmp_path / "run"
    process = launch("train", "--data", folder, "--network", "tiny", "--epochs", 100_000, "--run-dir", run)
    try:
        next(line for line in process.stderr if "epoch 1/" in line)
        with pytest.raises(UserError, match=f"process {process.pid} is training there; wait for it, or stop it first"):
            reopen(run)
    finally:
        process.kill()
        process.communicate()
    os.close(reopen(run).lock)
