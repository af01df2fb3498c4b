"""Mutated files: each is read right or refused by the project's own error, and nothing else happens.

10,000 in all behind the marker `heavy`, a part of them always: seeded, so that a number says which. Around every
mutation stand a clock, a limit of the address space, and an audit of what is written.
"""

import contextlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tarfile
from collections import Counter
from hashlib import sha256
from pathlib import Path

import jax
import numpy as np
import optax
import pytest
from safetensors.numpy import load as parse
from safetensors.numpy import load_file

from jaxcnn.errors import UserError
from jaxcnn.networks import NAMED, Named, flat
from jaxcnn.training import checkpoint, cifar
from jaxcnn.training.config import Config
from jaxcnn.training.data import load
from jaxcnn.training.experiment import prepare
from jaxcnn.training.metrics import Epoch
from jaxcnn.training.run import create, reopen, settings_of
from jaxcnn.training.runs import Runs, runs
from jaxcnn.weights import load as load_weights
from jaxcnn.weights import save as save_weights
from tests.training import tiny
from tests.training.files import NAMES, idx, striped_set, write_folder
from tests.training.mutations import mutated, mutated_header, mutated_json
from tests.training.test_rows import write_cifar

SECONDS, BYTES = 20, 3 << 30  # for one mutation; for the process beyond what it has
LEARNER = tiny.learner(optax.adam(0.1))
STATE = tiny.state(LEARNER)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod")
WATCHED = {"inside": None, "outside": []}


def audit(event, arguments):
    """Note every change to the file system, by path, that is not inside the folder under test."""
    if WATCHED["inside"] is None:
        return
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES
    paths = arguments[:1] if writes else arguments[:2] if event in CHANGES else ()
    outside = [str(path) for path in paths if isinstance(path, str | os.PathLike)]
    outside = [path for path in outside if not path.startswith((WATCHED["inside"], "/dev/null"))]
    WATCHED["outside"] += [(event, path) for path in outside]


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    """No compiled programs on disk, unlike in the other tests: every write is watched."""


@pytest.fixture(scope="module", autouse=True)
def _audited():
    sys.addaudithook(audit)


@contextlib.contextmanager
def guarded(folder):
    """A clock that runs, little memory to be had, and nothing to be written outside `folder`."""

    def late(*_):
        raise TimeoutError(f"more than {SECONDS} s")

    before, limits = signal.signal(signal.SIGALRM, late), resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as sizes:
        used = int(sizes.read().split()[0]) * resource.getpagesize()
    WATCHED.update(inside=str(folder), outside=[])
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, limits[1]))
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, limits)
        WATCHED["inside"] = None
    assert WATCHED["outside"] == []


def outcome(attempt):
    """What an attempt gives, or the one sentence that refuses it."""
    try:
        return attempt()
    except UserError as error:
        said = str(error)
        assert said
        assert "\n" not in said
        assert "memory" not in said
        return said


class Idx:
    """Four IDX files, one of them mutated; read whole and mapped."""

    def __init__(self, folder):
        self.folder = write_folder(folder, striped_set(50, 20))
        self.contents = {name: (self.folder / name).read_bytes() for name in NAMES}

    def attempt(self, rng, number):
        name = NAMES[number % 4]
        content = mutated(self.contents[name], rng)
        (self.folder / name).write_bytes(content)
        whole, mapped = (outcome(lambda m=m: load(str(self.folder), mapped=m)) for m in (False, True))
        (self.folder / name).write_bytes(self.contents[name])
        if isinstance(whole, str):
            assert isinstance(mapped, str)
            return False
        part = (whole.train, whole.test)[number % 4 // 2]
        found = part.images[..., 0] if number % 2 == 0 else part.labels.astype(np.uint8)
        assert idx(found) == content
        return True


class Cifar:
    """CIFAR-10's binary files, one mutated; read whole and mapped."""

    def __init__(self, folder):
        self.folder = write_cifar(folder, sizes=(2, 1), test=1)
        self.paths = sorted(self.folder.iterdir())
        self.contents = [path.read_bytes() for path in self.paths]

    def attempt(self, rng, number):
        path, before = self.paths[number % 3], self.contents[number % 3]
        path.write_bytes(content := mutated(before, rng))
        whole, mapped = (outcome(lambda m=m: load(str(self.folder), mapped=m)) for m in (False, True))
        if isinstance(whole, str):
            assert whole == mapped
        else:
            np.testing.assert_array_equal(mapped.train.images[:], whole.train.images)
            parts = {path.name: whole.train for path in self.paths[:2]} | {"test_batch.bin": whole.test}
            first = 0 if number % 3 != 1 else len(self.contents[0]) // cifar.RECORD
            count = len(content) // cifar.RECORD
            images = parts[path.name].images[first : first + count].transpose(0, 3, 1, 2).reshape(count, -1)
            labels = parts[path.name].labels[first : first + count].astype(np.uint8)
            assert np.concatenate([labels[:, None], images], axis=1).tobytes() == content
        path.write_bytes(before)
        return not isinstance(whole, str)


class Archive:
    """CIFAR-10's tar, plain and gzipped, mutated."""

    def __init__(self, folder):
        folder.mkdir()
        self.path = folder / "set.tar"
        self.contents = []
        for kind in ("w", "w:gz"):
            with tarfile.open(self.path, kind) as archive:
                entry = tarfile.TarInfo(cifar.TEST[0])
                entry.size = 2 * cifar.RECORD
                archive.addfile(entry, io.BytesIO(bytes(entry.size)))
            self.contents.append(self.path.read_bytes())

    def attempt(self, rng, number):
        self.path.write_bytes(mutated(self.contents[number % 2], rng))
        found = outcome(lambda: cifar.read_cifar10(self.path, cifar.TEST))
        assert isinstance(found, str) or found[0].shape[1:] == (32, 32, 3)
        return not isinstance(found, str)


class Weights:
    """A file of weights, by either kind of names, mutated."""

    def __init__(self, folder):
        folder.mkdir()
        self.path = folder / "w.safetensors"
        self.network, self.contents = tiny.network(), []
        for names in ("jaxcnn", "pytorch"):
            save_weights(self.path, self.network, tiny.SHAPE, STATE.params, names=names)
            self.contents.append(self.path.read_bytes())

    def attempt(self, rng, number):
        content = self.contents[number % 2]
        self.path.write_bytes(content := mutated_header(content, rng) if number % 3 else mutated(content, rng))
        found = outcome(lambda: load_weights(self.path, self.network, tiny.SHAPE))
        if isinstance(found, str):
            return False
        bias = load_file(self.path)["conv/bias" if number % 2 == 0 else "conv.bias"]
        np.testing.assert_array_equal(found[0]["conv"]["bias"], bias.astype(np.float32))
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
        return True


class Checkpoints:
    """The newer of two checkpoints mutated, with its checksum or, as if somebody meant it, with one that fits."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder = folder
        for number in (1, 2):
            checkpoint.write(folder, Epoch(number, 1.0, 0.5, 1.0, 0.5, 0.1, 100.0), STATE)
        self.tensors, self.about = (folder / f"epoch-00002.{kind}" for kind in ("safetensors", "json"))
        self.contents = {path: path.read_bytes() for path in (self.tensors, self.about)}

    def attempt(self, rng, number):
        for path, content in self.contents.items():
            path.write_bytes(content)
        meant = number % 3 == 0
        if number % 3 == 1:
            self.about.write_bytes(mutated_json(self.contents[self.about], rng))
        else:
            change = mutated_header if rng.integers(2) else mutated
            self.tensors.write_bytes(content := change(self.contents[self.tensors], rng))
            if meant:
                about = json.loads(self.contents[self.about]) | {"sha256": sha256(content).hexdigest()}
                self.about.write_text(json.dumps(about))
        said = []
        found = checkpoint.latest(self.folder, STATE, said.append)
        assert found.epoch == (1 if said else 2)
        assert not any("\n" in line for line in said)
        expected = (
            parse(content) if meant and not said else {name: np.asarray(leaf) for name, leaf in flat(STATE).items()}
        )
        for name, leaf in flat(found.state).items():
            np.testing.assert_array_equal(leaf, expected[name])
        return not said


class Configurations:
    """A run directory's JSON mutated; the run is listed, reopened, prepared and gone on with up to its first step."""

    def __init__(self, folder):
        data = write_folder(folder.with_name("configured"), striped_set())
        self.path = folder
        run = create(folder, "unused")
        prepared = prepare(Config(data=str(data), network="tiny", epochs=2))
        run.begin(prepared.config, prepared.data)
        run.record(Epoch(1, 1.0, 0.5, 1.0, 0.5, 0.1, 100.0), prepared.state)
        os.close(run.lock)
        names = ("config.json", "config.json", "metrics.jsonl", "data.json", "summary.json")
        (folder / "summary.json").write_text('{"stopped": null, "seconds": 1.5}')
        self.files = [(folder / name, (folder / name).read_bytes()) for name in names]

    def attempt(self, rng, number):
        for path, content in self.files:
            path.write_bytes(content)
        path, content = self.files[number % 5]
        path.write_bytes(mutated_json(content, rng))
        self.listed()
        (self.path / "summary.json").unlink()
        found = outcome(self.gone_on_with)
        return not isinstance(found, str)

    def listed(self):
        written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with contextlib.redirect_stdout(written):
            outcome(lambda: runs(Runs((self.path,))))
            written.flush()

    def gone_on_with(self):
        config, run = settings_of(self.path, Config(resume=self.path)), reopen(self.path)
        with run:
            experiment = prepare(config)
            run.reached(experiment.state, refused=lambda why: None)
            experiment.batch(1, 0)
        return run


SUBJECTS = {
    "idx": (Idx, 2_000),
    "cifar": (Cifar, 1_500),
    "archive": (Archive, 500),
    "weights": (Weights, 2_000),
    "checkpoints": (Checkpoints, 2_000),
    "run": (Configurations, 2_000),
}
assert sum(count for _, count in SUBJECTS.values()) == 10_000


def always_and_heavy():
    for name, (subject, count) in SUBJECTS.items():
        yield pytest.param(subject, count // 20, id=f"{name}-{count // 20}")
        yield pytest.param(subject, count, id=f"{name}-{count}", marks=pytest.mark.heavy)


@pytest.mark.parametrize(("subject", "count"), [*always_and_heavy()])
def test_a_mutated_file_is_read_right_or_refused(subject, count, tmp_path, monkeypatch):
    monkeypatch.setitem(NAMED, "tiny", Named(tiny.network, tiny.SHAPE))
    files, taken = subject(tmp_path / "subject"), Counter()
    for number in range(count):
        try:
            with guarded(tmp_path):
                taken[files.attempt(np.random.default_rng(number), number)] += 1
        except BaseException as error:
            error.add_note(f"mutation {number}")
            raise
    assert taken[False] > 0.3 * count, taken  # the mutations do damage


DEEP = b'{"network": ' + b"[" * 100_000
AS_A_USER = {
    "images cut short": (
        ["train", "--data", "set"],
        {f"set/{NAMES[0]}": idx(np.zeros((50, 10, 10), np.uint8))[:-1]},
        2,
    ),
    "a configuration nested deeply": (["train", "--resume", "run"], {"run/config.json": DEEP}, 2),
    "a list for a network": (["train", "--resume", "run"], {"run/config.json": b'{"network": ["seed2"]}'}, 2),
    "markup and half a letter": (["runs", "run"], {"run/config.json": b'{"network": "[/red]\\ud800"}'}, 0),
}


@pytest.mark.parametrize(("arguments", "files", "code"), AS_A_USER.values(), ids=AS_A_USER)
def test_the_command_line_says_one_sentence(arguments, files, code, tmp_path):
    write_folder(tmp_path / "set", striped_set())
    (tmp_path / "run").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    command = [sys.executable, "-m", "jaxcnn", *arguments]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path, env=environment)
    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == (code == 2)
    assert code == 0 or done.stderr.startswith(f"jaxcnn {arguments[0]}: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "set"]
