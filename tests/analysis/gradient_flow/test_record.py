"""Recording while training: the tables are those of `measure`, at their steps, and the training is unchanged."""

import csv

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from analysis.gradient_flow import measure
from analysis.gradient_flow.record import Recorder, mean_loss_gradient
from jaxcnn import networks, ops

STEPS, EVERY = 7, 3


@pytest.fixture(scope="module")
def case():
    network = networks.serial(a=networks.dense(6), r=networks.relu(), b=networks.dense(3))
    x = jax.random.normal(jax.random.key(1), (8, 4), jnp.float32)
    labels = jnp.arange(8, dtype=jnp.int32) % 3
    recorder = Recorder(network, x, labels, every=EVERY, records=3)
    optimiser = optax.sgd(0.1)
    plain, recorded = (train(network, x, labels, rule) for rule in (optimiser, recorder.wrap(optimiser)))
    return network, x, labels, recorder, plain, recorded


def train(network, x, labels, optimiser):
    """The parameters before every step, and the last state of the optimiser."""

    def loss(params):
        return jnp.mean(ops.softmax_cross_entropy(network.apply(params, x), labels))

    def step(carry, _):
        params, state = carry
        updates, state = optimiser.update(jax.grad(loss)(params), state, params)
        return (optax.apply_updates(params, updates), state), params

    params = network.init(jax.random.key(0), (4,))
    (_, state), seen = jax.jit(lambda start: jax.lax.scan(step, start, length=STEPS))((params, optimiser.init(params)))
    return seen, state


def test_the_training_is_not_changed(case):
    *_, (plain, _), (recorded, _) = case
    jax.tree.map(np.testing.assert_array_equal, plain, recorded)


def test_tables_are_measured_at_their_steps(case):
    network, x, labels, recorder, _, (seen, state) = case
    record = recorder.read(state, jax.tree.map(lambda leaf: leaf[0], seen))
    assert record.steps == [0, 3, 6]
    for step, flow in zip(record.steps, record.flows, strict=True):
        params = jax.tree.map(lambda leaf, step=step: leaf[step], seen)
        expected = measure(network, params, x, mean_loss_gradient(ops, labels))
        for column in ("forward", "backward", "kernel_gradient", "dead"):
            np.testing.assert_allclose(flow[column], expected[column], rtol=1e-5)


def test_table_and_picture_are_written(case, tmp_path):
    *_, recorder, _, (seen, state) = case
    recorder.read(state, jax.tree.map(lambda leaf: leaf[0], seen)).write(tmp_path)
    with (tmp_path / "flow.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [(row["step"], row["layer"]) for row in rows[:4]] == [("0", "a"), ("0", "r"), ("0", "b"), ("3", "a")]
    assert (tmp_path / "flow.png").stat().st_size > 10_000


def test_a_dying_network_is_warned_of_by_name(case):
    network, x, labels, *_ = case

    def lower_the_biases(gradients, params):
        return jax.tree.map(jnp.zeros_like, params) | {"a": {"kernel": 0 * params["a"]["kernel"], "bias": -100 * ones}}

    ones = jnp.ones(6, jnp.float32)
    recorder = Recorder(network, x, labels, every=1, records=5)
    _, state = train(network, x, labels, recorder.wrap(optax.stateless(lower_the_biases)))
    warnings = recorder.read(state, network.init(jax.random.key(0), (4,))).warnings()
    assert [words for words in warnings if ": r: " in words] == [
        "step 1: r: 100% of its units are dead: no slope at any example; "
        "lower the step size, raise its biases, or use leaky ReLU"
    ]
