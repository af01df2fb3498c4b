"""Tests of checkpoints: what is kept, what is refused and why, and that mutated files never get in."""

import json
import re

import jax
import numpy as np
import optax
import pytest
from safetensors.numpy import load, save

from jaxcnn.training import checkpoint
from jaxcnn.training.metrics import Epoch
from tests.training import tiny

ADAM = tiny.learner(optax.adam(0.1))
STATE = tiny.state(ADAM)


def epoch(number, accuracy=0.5):
    return Epoch(number, 1.0, 0.5, 1.0, accuracy, 0.1, 100.0)


def moved(state, by):
    return jax.tree.map(lambda leaf: leaf + np.asarray(by, leaf.dtype), state)


@pytest.fixture
def folder(tmp_path):
    for number in (1, 2):
        checkpoint.write(tmp_path, epoch(number), moved(STATE, number))
    return tmp_path


def latest(folder, like=STATE):
    said = []
    return checkpoint.latest(folder, like, said.append), said


def test_what_was_written_is_read_bit_for_bit_with_the_optimiser_s_state(folder):
    found, said = latest(folder)
    assert (found.epoch, said) == (2, [])
    assert jax.tree.structure(found.state) == jax.tree.structure(STATE)
    for got, want in zip(jax.tree.leaves(found.state), jax.tree.leaves(moved(STATE, 2)), strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)


def test_nothing_is_found_where_nothing_is(tmp_path):
    assert latest(tmp_path) == (None, [])


def test_the_last_two_and_the_best_are_kept(tmp_path):
    for number, accuracy in enumerate([0.1, 0.9, 0.3, 0.4, 0.2], 1):
        checkpoint.write(tmp_path, epoch(number, accuracy), STATE)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"epoch-0000{number}.{kind}" for number in (2, 4, 5) for kind in ("json", "safetensors")
    ]


def cut(path):
    path.write_bytes(path.read_bytes()[:-5])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def rename(path):
    tensors = load(path.read_bytes())
    tensors["params/other"] = tensors.pop("params/conv/bias")
    resign(path, save(tensors))


def reshape(path):
    tensors = load(path.read_bytes())
    tensors["params/conv/bias"] = np.zeros(7, np.float32)
    resign(path, save(tensors))


def garble(path):
    resign(path, b"these are no tensors")


def resign(path, content):
    """A checksum that fits the content, as if somebody had meant it."""
    about = json.loads(path.with_suffix(".json").read_text())
    path.write_bytes(content)
    about["sha256"] = checkpoint.sha256(content).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(about))


def on_json(content):
    return lambda path: path.with_suffix(".json").write_text(content)


DAMAGE = {
    "cut short": (cut, "is not what was written"),
    "one bit flipped": (flip, "is not what was written"),
    "gone": (lambda path: path.unlink(), r"cannot be read \(No such file"),
    "another network's": (rename, "lacks params/conv/bias: it is of another network or optimiser"),
    "another shape": (reshape, r"params/conv/bias is float32\[7\] and not float32\[3\]"),
    "no tensors": (garble, "is no safetensors file"),
    "json cut short": (on_json('{"format": 1, "ep'), "is no JSON"),
    "another json": (on_json("[1]"), "does not describe a checkpoint"),
    "another epoch": (
        on_json('{"format": 1, "epoch": 9, "test_accuracy": 0.5, "sha256": ""}'),
        "is of format 1 and epoch 9",
    ),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_checkpoint_is_refused_by_name_and_the_one_before_it_used(folder, damage, message):
    damage(folder / "epoch-00002.safetensors")
    found, (said,) = latest(folder)
    assert found.epoch == 1
    assert "epoch-00002" in said
    assert re.search(message, said), said


def test_another_optimiser_s_checkpoint_is_refused(folder):
    found, said = latest(folder, tiny.state(tiny.learner(optax.sgd(0.1))))
    assert found is None
    assert all("it is of another network or optimiser" in line for line in said)


def test_mutated_files_never_get_in(folder):
    """500 mutations of both files: each checkpoint is refused or equal, bit for bit, to what was written."""
    rng = np.random.default_rng(0)
    paths = [folder / f"epoch-00002.{kind}" for kind in ("safetensors", "json")]
    originals = [path.read_bytes() for path in paths]
    for number in range(500):
        for path, content in zip(paths, originals, strict=True):
            path.write_bytes(content)
        chosen = number % 2
        paths[chosen].write_bytes(mutated(originals[chosen], rng))
        found, said = latest(folder)
        assert found.epoch == (1 if said else 2)
        np.testing.assert_array_equal(found.state.params["conv"]["bias"], STATE.params["conv"]["bias"] + found.epoch)


def mutated(content, rng):
    """A few bytes changed, cut out or put in, or the end cut off."""
    place, length = int(rng.integers(len(content))), int(rng.integers(1, 9))
    noise = rng.integers(0, 256, length, np.uint8).tobytes()
    kind = rng.integers(4)
    if kind == 0:
        return content[:place]
    after = place if kind == 1 else place + length
    return content[:place] + (b"" if kind == 2 else noise) + content[after:]
