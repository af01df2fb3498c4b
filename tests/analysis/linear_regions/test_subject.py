import json
from dataclasses import asdict, replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from analysis.linear_regions import toy
from analysis.linear_regions.command import Config
from analysis.linear_regions.subject import subject
from jaxcnn import reference
from jaxcnn.errors import UserError
from jaxcnn.networks import NAMED
from jaxcnn.networks.network import flat
from jaxcnn.training import config as training
from jaxcnn.training.data import load


@pytest.fixture(autouse=True)
def single_precision():
    with jax.enable_x64(False):
        yield


def run_folder(folder: Path) -> tuple[Path, dict]:
    """What `jaxcnn train` leaves of a network, its parameters drawn instead of trained."""
    config = training.Config(network="seed2_shallow", data="digits", seed=3)
    params = NAMED["seed2_shallow"].build().init(jax.random.key(99), (28, 28, 1))
    (folder / "config.json").write_text(json.dumps(asdict(config), default=str))
    save_file({name: np.asarray(leaf) for name, leaf in flat(params).items()}, folder / "params.safetensors")
    return folder, params


def test_a_run_is_its_own_network_on_the_plane_of_its_examples(tmp_path) -> None:
    folder, params = run_folder(tmp_path)
    found = subject(Config(run=folder, examples=(4, 0, 9)))
    digits = load("digits").test
    images = digits.images[[4, 0, 9]].astype(float) / 255
    assert np.allclose(found.plane.at(found.points), images, atol=1e-12)
    assert found.labels.tolist() == digits.labels[[4, 0, 9]].tolist()
    ((title, graph),) = found.stages
    expected = NAMED["seed2_shallow"].build().apply(params, jnp.asarray(images, jnp.float32), ops=reference)
    assert title == "after training"
    assert np.allclose(graph.value(images.reshape(3, -1)), expected, atol=1e-4)


def test_before_training_the_parameters_are_the_runs_first_ones(tmp_path) -> None:
    folder, _ = run_folder(tmp_path)
    (title, before), (_, after) = subject(Config(run=folder, before=True)).stages
    x = np.ones((1, 784))
    assert title == "before training"
    assert not np.allclose(before.value(x), after.value(x))
    again = subject(Config(run=folder, before=True, examples=(5, 6, 7))).stages[0][1]
    assert (again.value(x) == before.value(x)).all()


def test_a_fresh_network_is_drawn_from_the_seed() -> None:
    one, same, other = (
        subject(Config(network="seed2_shallow", seed=seed)).stages[0][1].value(np.ones((1, 784))) for seed in (1, 1, 2)
    )
    assert (one == same).all()
    assert not np.allclose(one, other)


def test_a_toy_problem_has_a_stage_per_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    found = subject(Config(problem="moons", units=(3,), steps=4, frames=2))
    assert [title.split(",")[0] for title, _ in found.stages] == ["step 0", "step 1", "step 4"]
    assert (found.points == toy.problem("moons").inputs).all()
    assert found.plane is None


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"network": "cats"}, "--network cats: unknown; the networks are seed0, seed2"),
        ({"network": "seed3"}, "seed3: layer sigma is sigmoid, which is smooth.*; use hard_tanh instead"),
        ({"network": "seed4"}, "seed4: dense: one example must be a vector"),
        ({"network": "seed2", "examples": (0, 1, 355)}, "--examples 355: there are 355 held-out examples, from 0 on"),
        ({"run": Path("nowhere")}, r"--run nowhere: is no folder of `jaxcnn train` \(No such file or directory"),
    ],
    ids=["unknown", "smooth", "shape", "examples", "no-run"],
)
def test_what_cannot_be_looked_at_is_named(given, says: str) -> None:
    with pytest.raises(UserError, match=says):
        subject(replace(Config(), **given))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b"{"),
        ("config.json", b'{"network": "seed2_shallow", "colour": 1}'),
        ("params.safetensors", b"12345678901234"),
    ],
    ids=["json", "setting", "tensors"],
)
def test_a_damaged_run_is_named(tmp_path, name: str, content: bytes) -> None:
    folder, _ = run_folder(tmp_path)
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=r"--run .*: cannot be read \(.*\); train it again"):
        subject(Config(run=folder))
