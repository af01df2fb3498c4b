"""Tests of an epoch: streamed as from memory, in parts as at once, in half precision, with and without what is kept."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxcnn import networks, ops
from jaxcnn.training import devices, mixed
from jaxcnn.training import epoch as module
from jaxcnn.training.batches import Batch
from jaxcnn.training.data import Examples
from jaxcnn.training.epoch import epoch, predictions, streamed_epoch
from jaxcnn.training.mixed import Scaling
from jaxcnn.training.step import Learner, gradient_of_part, initial_state, step
from tests.training import tiny
from tests.training.files import stripes

KEY = jax.random.key(3)
EXAMPLES = stripes(37)


def learner(**fields):
    return Learner(tiny.network(), ops, optax.sgd(0.05, momentum=0.9), 8, **fields)


def after(learner, examples=EXAMPLES, run=epoch, count=1):
    """The progress of an epoch on so many devices, on the host."""
    with jax.set_mesh(devices.mesh_for(learner.batch_size, learner.parts, count, 1)):
        state = devices.everywhere(initial_state(learner, KEY, examples.images.shape[1:]))
        if run is epoch:
            examples = Examples(*devices.everywhere(tuple(examples)))
        return devices.local(run(learner, state, examples, devices.everywhere(KEY)))


def assert_same(found, expected):
    jax.tree.map(np.testing.assert_array_equal, tuple(found), tuple(expected))


def assert_close(found, expected, rtol=1e-5):
    jax.tree.map(partial(np.testing.assert_allclose, rtol=rtol, atol=1e-7), tuple(found.state), tuple(expected.state))


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("block_bytes", [1, 2000, 10**9], ids=["a-step", "two-steps", "all"])
def test_a_streamed_epoch_is_the_epoch_bit_for_bit(monkeypatch, count, block_bytes):
    """In blocks of one step, of two (the last one shorter), of all."""
    monkeypatch.setattr(module, "BLOCK_BYTES", block_bytes)
    same = learner()
    assert_same(after(same, run=streamed_epoch, count=count), after(same, count=count))


def test_a_process_reads_no_more_rows_than_a_block_has():
    asked = []

    class Images:
        shape = EXAMPLES.images.shape

        def __getitem__(self, rows):
            asked.append(rows.size)
            return EXAMPLES.images[rows]

    after(learner(), Examples(Images(), EXAMPLES.labels), streamed_epoch, count=2)
    assert sum(asked) == 5 * 8  # five batches of eight, the last one filled up; each device its half
    assert len(asked) == 2


@pytest.mark.parametrize("parts", [2, 4])
def test_a_batch_in_parts_takes_the_step_of_the_whole(parts):
    assert_close(after(learner(parts=parts)), after(learner()))


def gradient_of(run, state, batch, key, number):
    """What one part adds to the gradient of the last layer's kernel."""
    part = jax.tree.map(lambda leaf: leaf[number], batch)
    found = jax.jit(partial(gradient_of_part, run))(state, state.statistics, part, key, batch.weights.sum())
    return np.asarray(found[2]["out"]["kernel"])


def test_parts_see_their_own_dropout_and_their_own_statistics():
    network = networks.serial(
        norm=networks.batch_norm(), drop=networks.dropout(rate=0.5), flat=networks.flatten(), out=networks.dense(10)
    )
    run = Learner(network, ops, optax.sgd(0.1), 8, parts=2)
    state = initial_state(run, KEY, (4, 4, 1))
    images = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 4, 1), np.uint8).repeat(2, 0)
    batch = Batch(images, np.zeros((2, 4), np.int32), np.ones((2, 4), np.float32))
    new, _, _ = jax.jit(partial(step, run))(state, batch, KEY)
    alone = [gradient_of(run, state, batch, jax.random.fold_in(KEY, number), number) for number in range(2)]
    assert not np.allclose(alone[0], alone[1], rtol=1e-3)  # the halves are equal, what is dropped of them is not
    moved = np.asarray(state.params["out"]["kernel"] - new.params["out"]["kernel"]) / 0.1
    np.testing.assert_allclose(moved, alone[0] + alone[1], rtol=1e-4, atol=1e-6)
    once = 0.1 * (images[0] / 255).mean()
    np.testing.assert_allclose(new.statistics["norm"]["mean"], [once + 0.9 * once], rtol=1e-5)


@pytest.mark.parametrize("count", [1, 2])
def test_what_is_computed_again_is_the_same(count):
    assert_close(after(learner(remat=True), count=count), after(learner(), count=count), rtol=1e-6)


def peak(remat):
    blocks = {
        f"block{n}": networks.serial(**{f"conv{i}": networks.conv(8, 3, padding=1) for i in range(6)}) for n in range(6)
    }
    network = networks.serial(**blocks, flat=networks.flatten(), out=networks.dense(10))
    run = Learner(network, ops, optax.sgd(0.1), 16, remat=remat)
    state = jax.eval_shape(lambda: initial_state(run, KEY, (16, 16, 8)))
    shapes = ((1, 16, 16, 16, 8), np.uint8), ((1, 16), np.int32), ((1, 16), np.float32)
    batch = Batch(*(jax.ShapeDtypeStruct(*each) for each in shapes))
    return jax.jit(partial(step, run)).lower(state, batch, KEY).compile().memory_analysis().temp_size_in_bytes


@pytest.mark.skipif(jax.__version__.startswith("0.10."), reason="XLA for CPU in jaxlib 0.10 undoes rematerialisation")
def test_what_is_computed_again_is_not_kept():
    assert peak(remat=True) < 0.8 * peak(remat=False)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_computes_in_halves_and_keeps_masters(precision):
    run = learner(precision=precision)
    found, wide = after(run), after(learner())
    assert {leaf.dtype for leaf in jax.tree.leaves((found.state.params, found.state.optimiser))} == {
        np.dtype("float32")
    }
    program = jax.make_jaxpr(partial(epoch, run))(initial_state(run, KEY, tiny.SHAPE), EXAMPLES, KEY)
    assert {"bfloat16": "bf16[8,8,8,3]", "float16": "f16[8,8,8,3]"}[precision] in str(
        program
    )  # the convolution's output
    near = {"bfloat16": 2.0**-7, "float16": 2.0**-10}[precision]
    np.testing.assert_allclose(found.sums.loss, wide.sums.loss, rtol=near)
    assert not np.array_equal(found.sums.loss, wide.sums.loss)


def one_step(state, run):
    batch = Batch(EXAMPLES.images[None, :8], EXAMPLES.labels[None, :8], np.ones((1, 8), np.float32))
    return jax.jit(partial(step, run))(state, batch, KEY)


def test_a_gradient_that_float16_would_lose_survives_its_scale():
    """Weights of 1e-4 of a loss of which the gradient is below 6e-8 in float16: gone without a scale, not with one."""
    run = learner(precision="float16")
    state = initial_state(run, KEY, tiny.SHAPE)
    small = state._replace(params=jax.tree.map(lambda leaf: leaf * 1e-4, state.params))
    scaled, _, _ = one_step(small, run)
    plain, _, _ = one_step(small._replace(scaling=Scaling(jnp.float32(2.0**-12), jnp.int32(0))), run)
    moves = [
        np.abs(np.asarray(new.params["conv"]["kernel"] - small.params["conv"]["kernel"])).max()
        for new in (scaled, plain)
    ]
    assert moves[0] > 0 == moves[1]


def test_a_scaled_gradient_that_overflows_costs_a_step_and_half_of_the_scale():
    run = learner(precision="float16")
    state = initial_state(run, KEY, tiny.SHAPE)._replace(scaling=Scaling(jnp.float32(2.0**30), jnp.int32(7)))
    new, _, health = one_step(state, run)
    assert health.is_good
    assert (new.scaling.scale, new.scaling.steps) == (2.0**29, 0)
    jax.tree.map(np.testing.assert_array_equal, (new.params, new.optimiser), (state.params, state.optimiser))


def test_a_gradient_that_is_not_finite_with_the_smallest_scale_is_a_bad_step():
    run = learner(precision="float16")
    state = initial_state(run, KEY, tiny.SHAPE)._replace(scaling=Scaling(jnp.float32(1), jnp.int32(0)))
    broken = state._replace(params=jax.tree.map(lambda leaf: leaf + jnp.inf, state.params))
    assert not one_step(broken, run)[2].is_good


def test_the_scale_grows_after_enough_good_steps_and_no_further_than_its_limit():
    grown = mixed.moved(Scaling(jnp.float32(mixed.LARGEST), jnp.int32(mixed.PATIENCE - 1)), jnp.bool_(True))
    assert (grown.scale, grown.steps) == (mixed.LARGEST, 0)
    assert mixed.moved((), jnp.bool_(True)) == ()


@pytest.mark.parametrize("count", [1, 2])
def test_predictions_of_images_in_files_are_those_of_an_array(count, monkeypatch):
    run = learner()
    state = initial_state(run, KEY, tiny.SHAPE)
    monkeypatch.setattr(module, "in_turn", lambda images: (images.array[i : i + 10] for i in range(0, 37, 10)))

    class Images:
        array = EXAMPLES.images

    with jax.set_mesh(devices.mesh_for(8, 1, count, 1)):
        state = devices.everywhere(state)
        np.testing.assert_array_equal(predictions(run, state, Images()), predictions(run, state, EXAMPLES.images))
