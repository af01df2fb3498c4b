"""Tests of the comparison of handwritten and automatic gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxcnn.ops
from jaxcnn.training.batches import batch_at
from jaxcnn.training.gradients import compare, compare_leaf, look
from tests.training import tiny
from tests.training.files import stripes

KEY = jax.random.key(0)
LEARNER = tiny.learner(optax.sgd(0.1))
BATCH = batch_at(stripes(13), LEARNER.batch_size, KEY, -1)  # five examples that count, three that do not


def test_the_difference_is_relative_to_the_automatic_gradient():
    leaf = compare_leaf("w", jnp.array([3.0, 4.4], jnp.float32), jnp.array([3.0, 4.0], jnp.float32))
    np.testing.assert_allclose((leaf.auto, leaf.difference), (5.0, 0.08), rtol=1e-6)
    assert not leaf.agrees


@pytest.mark.parametrize(
    ("hand", "auto", "agrees"),
    [
        (0.0, 0.0, True),
        (1e-30, 0.0, False),
        (1.0001, 1.0, True),
        (1.001, 1.0, False),
        (np.nan, 1.0, False),
        (1.0, np.nan, False),
    ],
)
def test_agreement_is_half_the_digits(hand, auto, agrees):
    assert compare_leaf("w", jnp.full(3, hand, jnp.float32), jnp.full(3, auto, jnp.float32)).agrees == agrees


def test_every_parameter_of_a_network_is_compared_and_agrees():
    leaves = compare(LEARNER.network, tiny.state(LEARNER), *BATCH)
    assert [leaf.name for leaf in leaves] == ["conv/bias", "conv/kernel", "dense/bias", "dense/kernel"]
    assert all(leaf.agrees and leaf.hand > 0 for leaf in leaves)


def test_a_wrong_rule_is_found_in_its_parameter(monkeypatch):
    right = jaxcnn.ops.dense

    def wrong(x, kernel, bias=None):
        """One percent too steep in the kernel."""
        return right(x, 1.01 * kernel - 0.01 * jax.lax.stop_gradient(kernel), bias)

    monkeypatch.setattr(jaxcnn.ops, "dense", wrong)
    leaves = compare(tiny.network(), tiny.state(LEARNER), *BATCH)
    assert [leaf.name for leaf in leaves if not leaf.agrees] == ["dense/kernel"]


def test_a_look_is_loss_logits_and_gradient_norm():
    state, (batch, key) = tiny.state(LEARNER), BATCH
    seen = look(LEARNER, state, batch, key)
    logits = LEARNER.network.apply(state.params, batch.images.astype(np.float32) / 255)
    np.testing.assert_allclose(seen.logits_rms, np.sqrt(np.mean(np.square(logits))), rtol=1e-5)
    norms = [leaf.hand for leaf in compare(LEARNER.network, state, batch, key)]
    np.testing.assert_allclose(seen.gradient_norm, np.linalg.norm(norms), rtol=1e-5)
