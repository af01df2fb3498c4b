"""Tests of checkpoints that every process writes its part of: bit for bit, on other devices, damaged, missing."""

import sys

import jax
import numpy as np
import optax
import pytest

from jaxcnn.errors import UserError
from jaxcnn.networks import NAMED, Named
from jaxcnn.training import devices, experiment, sharded
from jaxcnn.training.config import Config
from jaxcnn.training.experiment import conduct
from tests.training import tiny
from tests.training.files import striped_set, write_folder

STATE = tiny.state(tiny.learner(optax.adam(0.1)))
WHOLE, SPLIT = (1, 1), (2, 2)  # devices, and of them to each copy of the large layers


def on(state, count, model):
    """The state on a mesh, its 2-D kernels spread over the model axis."""
    specs = jax.tree.map(lambda leaf: jax.P("model", None) if leaf.ndim == 2 and model > 1 else jax.P(), state)
    return devices.put(state, specs)


@pytest.mark.parametrize("before", [WHOLE, SPLIT], ids=["from-one", "from-two"])
@pytest.mark.parametrize("after", [WHOLE, SPLIT], ids=["to-one", "to-two"])
def test_what_was_written_is_read_bit_for_bit_on_other_devices_too(tmp_path, before, after):
    with jax.set_mesh(devices.mesh_for(8, 1, *before)):
        for epoch in (1, 2, 3):
            sharded.write(tmp_path, epoch, on(jax.tree.map(lambda leaf, e=epoch: leaf + e, STATE), *before))
    with jax.set_mesh(devices.mesh_for(8, 1, *after)):
        found = sharded.latest(tmp_path, on(STATE, *after), refused=pytest.fail)
        assert found.epoch == 3
        assert found.state.params["dense"]["kernel"].sharding.num_devices == after[0]
        jax.tree.map(np.testing.assert_array_equal, devices.local(found.state), jax.tree.map(lambda x: x + 3, STATE))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "3"]


def test_a_damaged_checkpoint_is_refused_by_name_and_the_one_before_it_taken(tmp_path):
    said = []
    with jax.set_mesh(devices.mesh_for(8, 1, *WHOLE)):
        state = on(STATE, *WHOLE)
        for epoch in (1, 2):
            sharded.write(tmp_path, epoch, state)
        for path in (tmp_path / "2").rglob("*"):
            if path.is_file():
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        found = sharded.latest(tmp_path, state, said.append)
    assert found.epoch == 1
    assert said[0].startswith(f"{tmp_path / '2'}: cannot be restored (")


def test_nothing_is_found_where_nothing_is(tmp_path):
    with jax.set_mesh(devices.mesh_for(8, 1, *WHOLE)):
        assert sharded.latest(tmp_path / "none", on(STATE, *WHOLE), refused=pytest.fail) is None


class Killed(BaseException):
    """As sudden as a kill."""


def test_a_run_goes_on_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.setitem(NAMED, "tiny", Named(tiny.network, tiny.SHAPE))
    monkeypatch.setattr(experiment, "draw", lambda *_: None)
    data = str(write_folder(tmp_path / "data", striped_set()))
    settings = {"data": data, "network": "tiny", "epochs": 4, "sharded_checkpoints": True}
    assert conduct(Config(run_dir=tmp_path / "a", **settings)) == 0
    original = sharded.write

    def killed(folder, epoch, state):
        if epoch == 3:
            raise Killed
        original(folder, epoch, state)

    monkeypatch.setattr(sharded, "write", killed)
    with pytest.raises(Killed):
        conduct(Config(run_dir=tmp_path / "b", **settings))
    monkeypatch.setattr(sharded, "write", original)
    assert conduct(Config(resume=tmp_path / "b")) == 0
    a, b = ((tmp_path / name / "params.safetensors").read_bytes() for name in "ab")
    assert a == b


def test_without_orbax_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(UserError, match=r"^--sharded-checkpoints: needs Orbax \(.*\); install jaxcnn\[multihost\]$"):
        sharded.package()
