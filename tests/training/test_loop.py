"""Tests of training: both gradients learn alike, runs repeat, and a run that diverges says where."""

import jax
import numpy as np
import pytest

from jaxcnn import networks
from jaxcnn.errors import UserError
from jaxcnn.training.config import Config
from jaxcnn.training.loop import diagnosis, leaf_names, make_keys, make_learner, train
from jaxcnn.training.step import Health, initial_state
from tests.training import tiny
from tests.training.files import striped_set

DATA = striped_set()


def run(**fields):
    """Epochs, final parameters, and why it stopped."""
    config = Config(**({"epochs": 4, "batch_size": 16, "learning_rate": 0.05} | fields))
    learner = make_learner(config, tiny.network(), len(DATA.train.labels))
    state = initial_state(learner, make_keys(config.seed).initial, tiny.SHAPE)
    seen = []
    result = train(config, learner, state, DATA, lambda epoch, state: seen.append(epoch))
    assert seen == result.epochs
    return result


@pytest.fixture(scope="module")
def hand():
    return run()


def curve(result):
    return np.array([epoch[1:5] for epoch in result.epochs])  # losses and accuracies


def test_training_learns_what_can_be_learnt(hand):
    assert hand.stopped is None
    assert [epoch.epoch for epoch in hand.epochs] == [1, 2, 3, 4]
    assert hand.epochs[-1].train_loss < 0.7 * hand.epochs[0].train_loss


def test_handwritten_and_automatic_gradients_learn_alike(hand):
    auto = run(gradients="auto")
    np.testing.assert_allclose(curve(auto), curve(hand), rtol=1e-4)


def test_a_seed_is_a_run(hand):
    again = run()
    np.testing.assert_array_equal(curve(again), curve(hand))
    jax.tree.map(np.testing.assert_array_equal, again.state.params, hand.state.params)


def test_seeds_and_epochs_have_keys_of_their_own():
    keys = [key for seed in (0, 1) for key in (make_keys(seed).initial, *map(make_keys(seed).epoch, (1, 2)))]
    assert len({tuple(jax.random.key_data(key).tolist()) for key in keys}) == 6


def test_a_run_that_diverges_stops_and_says_where():
    result = run(optimiser="sgd", learning_rate=1e36, schedule="constant")
    assert "training stopped at epoch 1, batch 2 of 4 (step 2): the loss is " in result.stopped
    assert "the gradient of conv/kernel is not finite" in result.stopped
    assert result.epochs == []
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.state.params))


GOOD, BAD = (
    np.array([True] * 4),
    np.array([True, False, True, False]),
)  # conv/bias, conv/kernel, dense/bias, dense/kernel


@pytest.mark.parametrize(
    ("loss", "gradients", "params", "message"),
    [
        (np.nan, BAD, BAD, "loss is nan and the gradient of conv/kernel is not finite"),
        (2.5, GOOD, BAD, "loss is 2.5 and conv/kernel is not finite after it"),
        (np.inf, GOOD, GOOD, "loss is inf and the gradient of every parameter is finite"),
    ],
    ids=["gradient", "update", "loss alone"],
)
def test_the_first_bad_parameter_is_named(loss, gradients, params, message):
    config = Config(batch_size=16)
    learner = make_learner(config, tiny.network(), 50)
    state = initial_state(learner, make_keys(0).initial, tiny.SHAPE)
    said = diagnosis(learner, state, Health(np.int32(1), np.float32(loss), gradients, params), 3, DATA.train)
    assert message in said
    assert "epoch 3, batch 2 of 4 (step 10)" in said


def test_parameters_are_named_in_the_order_in_which_an_image_meets_them():
    network = networks.serial(zeta=networks.conv(2, 3), flat=networks.flatten(), alpha=networks.dense(2))
    assert leaf_names(network, (5, 5, 1)) == ["zeta/kernel", "zeta/bias", "alpha/kernel", "alpha/bias"]


def test_a_batch_is_never_larger_than_the_set():
    assert make_learner(Config(batch_size=2**31 - 1), tiny.network(), 50).batch_size == 50


def test_more_steps_than_can_be_counted_are_refused():
    with pytest.raises(UserError, match="--epochs 2147483647: are 4294967294 steps; choose fewer"):
        make_learner(Config(epochs=2**31 - 1), tiny.network(), 50)
