"""Tests of a step and an epoch: the masked last batch, the order of examples, donation, what a bad step leaves."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxcnn import networks, ops
from jaxcnn.training.batches import Batch, batch_at, shuffled
from jaxcnn.training.config import Config
from jaxcnn.training.epoch import epoch, predict
from jaxcnn.training.step import batch_loss, initial_state, make_optimiser
from tests.training import tiny
from tests.training.files import stripes

KEY = jax.random.key(3)
EXAMPLES = stripes(21)  # three batches of 8, the last one of 5


def mean_loss(params, network, images, labels):
    """Without a mask: the mean over the batch as it is."""
    logits = network.apply(params, images.astype(np.float32) / 255)
    return ops.softmax_cross_entropy(logits, labels).mean()


gradient_of_mean = jax.jit(jax.value_and_grad(mean_loss), static_argnums=1)


def assert_trees_close(found, expected, rtol=1e-5):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-7), found, expected)


def test_the_masked_mean_is_the_mean_of_what_counts():
    learner = tiny.learner(optax.sgd(0.1))
    state, chosen = tiny.state(learner), np.array([4, 7, 1])
    batch = Batch(EXAMPLES.images[chosen], EXAMPLES.labels[chosen], np.array([1, 1, 0], np.float32))
    masked = jax.jit(jax.value_and_grad(partial(batch_loss, network=learner.network, layers=ops), has_aux=True))
    (loss, (_, sums, _)), gradient = masked(state.params, {}, batch, KEY)
    expected = gradient_of_mean(state.params, learner.network, EXAMPLES.images[[4, 7]], EXAMPLES.labels[[4, 7]])
    assert_trees_close((loss, gradient), expected)
    np.testing.assert_allclose(sums.loss, 2 * expected[0], rtol=1e-6)


@pytest.fixture(scope="module")
def momentum():
    return tiny.learner(optax.sgd(0.05, momentum=0.9))


def test_an_epoch_is_its_steps_one_by_one_the_last_one_partial(momentum):
    state = tiny.state(momentum)
    params, rule = state.params, state.optimiser
    losses = []
    for number, size in enumerate((8, 8, 5)):
        batch, _ = batch_at(EXAMPLES, 8, KEY, number)
        assert batch.weights.sum() == size
        images, labels = batch.images[:size], batch.labels[:size]
        loss, gradient = gradient_of_mean(params, momentum.network, images, labels)
        losses.append(size * loss)
        updates, rule = momentum.optimiser.update(gradient, rule, params)
        params = optax.apply_updates(params, updates)
    found, sums, health = epoch(momentum, state, EXAMPLES, KEY)
    assert_trees_close(found.params, params)
    np.testing.assert_allclose(sums.loss, sum(losses), rtol=1e-5)
    assert health.taken == 3
    assert health.is_good


def test_an_epoch_compiles_once_and_reuses_the_memory_of_its_state(momentum):
    state = tiny.state(momentum)
    leaf = state.params["conv"]["kernel"]
    before = epoch._cache_size()
    for number in range(3):
        state, _, _ = epoch(momentum, state, EXAMPLES, jax.random.fold_in(KEY, number))
    assert epoch._cache_size() - before <= 1
    assert leaf.is_deleted()


@pytest.mark.parametrize(("examples", "batch_size"), [(21, 8), (16, 8), (3, 8), (1, 1)])
def test_every_example_counts_once_per_epoch(examples, batch_size):
    order, weights = shuffled(KEY, examples, batch_size)
    assert sorted(order[weights == 1].tolist()) == list(range(examples))
    assert order.shape == weights.shape == (-(-examples // batch_size), batch_size)
    assert order.max() < examples


def test_epochs_are_shuffled_differently():
    orders = [shuffled(jax.random.fold_in(KEY, number), 21, 8)[0].tolist() for number in range(3)]
    assert orders[0] != orders[1] != orders[2]


def test_a_bad_step_is_not_taken_and_none_after_it():
    learner = tiny.learner(optax.sgd(1e36))  # with what the first step leaves, the second overflows
    params = tiny.state(learner).params
    batch, _ = batch_at(EXAMPLES, 8, KEY, 0)
    gradient = gradient_of_mean(params, learner.network, batch.images, batch.labels)[1]
    state, sums, health = epoch(learner, tiny.state(learner), EXAMPLES, KEY)
    assert health.taken == 1
    assert not health.is_good
    assert jnp.isfinite(sums.loss)
    assert_trees_close(state.params, jax.tree.map(lambda old, slope: old - 1e36 * slope, params, gradient))


def test_predictions_do_not_depend_on_what_fills_the_last_batch():
    learner = tiny.learner(optax.sgd(0.1))
    state = tiny.state(learner)
    examples = stripes(300)  # more than one batch of predictions
    found = predict(learner, state, examples.images)
    expected = learner.network.apply(state.params, examples.images.astype(np.float32) / 255)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_running_statistics_are_trained_and_dropout_draws_from_the_key():
    network = networks.serial(
        flat=networks.flatten(), bn=networks.batch_norm(), drop=networks.dropout(), dense=networks.dense(10)
    )
    learner = tiny.Learner(network, ops, optax.sgd(0.1), 8)
    states = [
        epoch(learner, initial_state(learner, KEY, tiny.SHAPE), EXAMPLES, jax.random.key(seed))[0] for seed in (0, 0, 1)
    ]
    means = [state.statistics["bn"]["mean"] for state in states]
    kernels = [state.params["dense"]["kernel"] for state in states]
    assert (means[0] != 0).any()
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert (kernels[0] != kernels[2]).any()


SCHEDULES = {"constant": (1.0, 1.0, 1.0), "cosine": (1.0, 0.5, 0.0), "warmup_cosine": (0.0, 0.5413, 0.0)}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_begin_and_end_as_said(schedule):
    optimiser = make_optimiser(Config(optimiser="sgd", schedule=schedule, learning_rate=1.0), steps=100)
    gradient, state, sizes = jnp.ones((), jnp.float32), optimiser.init(jnp.ones((), jnp.float32)), []
    for _ in range(101):
        update, state = optimiser.update(gradient, state)
        sizes.append(-float(update))
    np.testing.assert_allclose([sizes[0], sizes[50], sizes[100]], SCHEDULES[schedule], atol=1e-4)


@pytest.mark.parametrize(
    ("name", "second"),
    [("sgd", -0.5), ("momentum", -0.5 * (1 + 0.9 + 0.81)), ("adam", -0.5)],
)
def test_rules_take_the_step_their_equation_says(name, second):
    optimiser = make_optimiser(Config(optimiser=name, schedule="constant", learning_rate=0.5), steps=10)
    gradient = jnp.ones((), jnp.float32)
    state = optimiser.init(gradient)
    _, state = optimiser.update(gradient, state)
    update, _ = optimiser.update(gradient, state)
    np.testing.assert_allclose(update, second, rtol=1e-5)


def test_clipping_is_by_the_norm_of_all_gradients_together():
    optimiser = make_optimiser(Config(optimiser="sgd", schedule="constant", learning_rate=1.0, clip_norm=1.0), steps=10)
    gradients = {"a": jnp.float32(3), "b": jnp.float32(4)}
    update, _ = optimiser.update(gradients, optimiser.init(gradients))
    assert_trees_close(update, {"a": -0.6, "b": -0.8})
