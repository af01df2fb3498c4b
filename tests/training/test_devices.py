"""Tests of a run on several devices: the same losses and gradients, what is sent, how large weights lie."""

import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxcnn import networks, ops
from jaxcnn.errors import UserError
from jaxcnn.training import devices
from jaxcnn.training.batches import Batch
from jaxcnn.training.gradients import loss_and_gradient
from jaxcnn.training.step import Learner, initial_state, step
from jaxcnn.training.traffic import collectives
from tests.training.programs import free_address, output, start

COUNTS = (1, 2, 4, 8)
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def found():
    """Fifty steps on 1, 2, 4 and 8 devices of one process, and on 4 devices of each of two processes."""
    one = start("tests.training.on_devices", *COUNTS, devices=8)
    address = free_address()
    two = [start("tests.training.on_devices", 8, "--process", i, "--coordinator", address, devices=4) for i in range(2)]
    alone = {str(count): run for count, run in zip(COUNTS, json.loads(output(one)), strict=True)}
    first, second = (json.loads(output(process).splitlines()[-1])[0] for process in two)
    return alone | {"2 x 4": first, "other": second}


@pytest.mark.parametrize("where", ["2", "4", "8", "2 x 4", "other"])
def test_the_losses_of_fifty_steps_are_one_device_s(found, where):
    assert len(found[where]["losses"]) == 50
    np.testing.assert_allclose(found[where]["losses"], found["1"]["losses"], rtol=1e-6)


@pytest.mark.parametrize("where", ["2", "4", "8", "2 x 4"])
def test_gradients_differ_from_one_device_s_by_less_than_its_own_rounding_four_times(found, where):
    """The unit: 2^-24 for each of the 16 images times at least 16 positions that are summed, added up as they fall."""
    for got, want in zip(found[where]["gradient"], found["1"]["gradient"], strict=True):
        noise = 2.0**-24 * np.sqrt(np.mean(np.square(want))) * np.sqrt(16 * 16)
        assert np.sqrt(np.mean(np.square(np.subtract(got, want)))) <= 4 * noise


def test_both_processes_have_the_same(found):
    assert found["2 x 4"] == found["other"]


def plain():
    return networks.serial(
        conv=networks.conv(3, 3), relu=networks.relu(), flat=networks.flatten(), out=networks.dense(10)
    )


def normalised():
    return networks.serial(norm=networks.batch_norm(), body=plain())


@pytest.fixture
def mesh():
    return devices.mesh_for(8, 1, 2, 1)


def compiled_step(mesh, network, shape):
    learner = Learner(network, ops, optax.sgd(0.1), 8)
    with jax.set_mesh(mesh):
        state = devices.everywhere(initial_state(learner, KEY, shape))
        images = devices.assembled((1, 8, *shape), 1, np.zeros((1, 8, *shape), np.uint8).__getitem__)
        labels = devices.assembled((1, 8), 1, np.zeros((1, 8), np.int32).__getitem__)
        weights = devices.assembled((1, 8), 1, np.ones((1, 8), np.float32).__getitem__)
        program = jax.jit(partial(step, learner)).lower(state, Batch(images, labels, weights), devices.everywhere(KEY))
        return program.compile(), state


def test_a_step_sends_its_gradients_once_and_four_numbers(mesh):
    """2 (d - 1) / d times the bytes of the parameters; beside them two sums of a batch, and what divides its loss."""
    program, state = compiled_step(mesh, plain(), (8, 8, 1))
    found = collectives(program.as_text())
    parameters = sum(leaf.nbytes for leaf in jax.tree.leaves(state.params))
    numbers = 4 * 4
    assert {call.kind for call in found} == {"all-reduce"}
    assert sum(call.sent for call in found) == 2 * (2 - 1) / 2 * (parameters + numbers)


def test_batch_norm_sends_its_sums_too(mesh):
    """Mean and variance forwards, two sums backwards, and the statistics that are kept, each of one number here."""
    programs = [compiled_step(mesh, network(), (8, 8, 1))[0].as_text() for network in (normalised, plain)]
    sent, without = (sum(call.sent for call in collectives(program)) for program in programs)
    assert 0 < sent - without <= 10 * 4


def test_batch_norm_normalises_by_the_whole_batch(mesh):
    """Parameters and statistics after a step of a batch on two devices are those of a step on one."""
    learner = Learner(normalised(), ops, optax.sgd(0.1), 8)
    state = initial_state(learner, KEY, (8, 8, 1))
    images = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 8, 1), np.uint8)
    batch = Batch(images, np.arange(8, dtype=np.int32)[None], np.ones((1, 8), np.float32))
    alone, _, _ = jax.jit(partial(step, learner))(state, batch, KEY)
    with jax.set_mesh(mesh):
        parts = Batch(*(devices.assembled(leaf.shape, 1, leaf.__getitem__) for leaf in batch))
        together, _, _ = jax.jit(partial(step, learner))(devices.everywhere(state), parts, devices.everywhere(KEY))
        together = devices.local(together)
    assert_close = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)
    jax.tree.map(assert_close, tuple(together), tuple(alone))


def test_large_dense_layers_are_spread_over_the_model_axis():
    network = networks.serial(
        flat=networks.flatten(), wide=networks.dense(2048), relu=networks.relu(), out=networks.dense(10)
    )
    shapes = {"wide/kernel": (1024, 2048), "wide/bias": (2048,), "out/kernel": (2048, 10), "out/bias": (10,)}
    learner = Learner(network, ops, optax.adam(0.1), 8)
    state, key = initial_state(learner, KEY, (32, 32, 1)), jax.random.key(1)
    batch = Batch(
        np.arange(8 * 1024, dtype=np.uint8).reshape(8, 32, 32, 1), np.zeros(8, np.int32), np.ones(8, np.float32)
    )
    _, _, want = loss_and_gradient(network, ops, state, batch, key)
    with jax.set_mesh(devices.mesh_for(8, 1, 2, 2)):
        placed = devices.put(state, devices.specs(state, shapes))
        _, _, got = loss_and_gradient(network, ops, placed, batch, key)
        assert placed.params["wide"]["kernel"].addressable_shards[0].data.shape == (1024, 1024)
        assert placed.optimiser[0].mu["wide"]["kernel"].addressable_shards[0].data.shape == (1024, 1024)
        assert devices.local(placed).params["wide"]["kernel"].shape == (1024, 2048)
    jax.tree.map(lambda g, w: np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-7), got, want)


def test_large_layers_take_turns():
    layout = devices.layout({"a": (1024, 1024), "small": (10, 10), "b": (1024, 1024), "c": (1024, 1024)})
    assert [tuple(layout[name]) for name in "abc"] == [(None, "model"), ("model", None), (None, "model")]
    assert layout["small"] == jax.P()


WRONG = {
    "more than there are": ((8, 1, 3, 1), "--devices 3: there are 2; on CPU, JAX_NUM_CPU_DEVICES=3 splits it"),
    "a model axis that does not divide": ((8, 1, 1, 2), "--model-devices 2: does not divide the 1 devices"),
    "a larger model axis than there are": ((8, 1, None, 3), "--model-devices 3: there are 2 devices"),
    "a batch that cannot be shared": (
        (9, 1, 2, 1),
        "--batch-size 9: 2 devices cannot share 9 examples evenly; choose",
    ),
    "parts that cannot be shared": ((6, 2, 2, 1), "--batch-size 6: 2 devices cannot share 3 examples evenly; .* of 4"),
}


@pytest.mark.parametrize(("asked", "message"), WRONG.values(), ids=WRONG)
def test_what_devices_cannot_do_is_refused(asked, message):
    with pytest.raises(UserError, match=f"^{message}"):
        devices.mesh_for(*asked)


@pytest.mark.parametrize(
    ("batch", "parts", "model", "count"), [(8, 1, 1, 2), (7, 1, 1, 1), (8, 8, 1, 1), (8, 4, 1, 2), (8, 1, 2, 2)]
)
def test_as_many_devices_as_can_share_a_batch(batch, parts, model, count):
    assert devices.mesh_for(batch, parts, None, model).size == count


def test_without_a_mesh_arrays_stay_as_they_are():
    tree = {"a": jnp.ones(3)}
    assert devices.spread(tree) is tree
    assert devices.shares() == 1
    assert not devices.is_in_use()
