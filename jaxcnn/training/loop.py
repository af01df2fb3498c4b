"""Training: one epoch after the other, the held-out part judged after each.

The loop writes nothing and prints nothing: `on_epoch` is called after every epoch with what was measured and the state
that goes with it. That state is valid until the next epoch begins, which reuses its memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax

import jaxcnn.ops
import jaxcnn.reference
from jaxcnn.errors import UserError
from jaxcnn.networks.network import Network, flat, join
from jaxcnn.training import devices, metrics
from jaxcnn.training.config import MOST, Config
from jaxcnn.training.data import DataSet, Examples
from jaxcnn.training.epoch import Progress, epoch, predictions, streamed_epoch
from jaxcnn.training.metrics import Epoch
from jaxcnn.training.step import Health, Learner, State, make_optimiser

OnEpoch = Callable[[Epoch, State], None]


class Result(NamedTuple):
    """What training leaves: the last good state, and why it ended early where it did."""

    state: State
    epochs: list[Epoch]
    stopped: str | None


class Keys(NamedTuple):
    """A run's two sources of randomness."""

    initial: jax.Array
    epochs: jax.Array

    def epoch(self, number: int) -> jax.Array:
        """The key of one epoch, the same whether or not the run was interrupted before it."""
        return jax.random.fold_in(self.epochs, number)


def make_keys(seed: int) -> Keys:
    return Keys(*jax.random.split(jax.random.key(seed)))


def make_learner(config: Config, network: Network, examples: int) -> Learner:
    """The learner of a run over so many training examples; a batch is never larger than they are.

    Raises:
        UserError: more steps than the optimiser can count.
    """
    steps = config.epochs * -(-examples // config.batch_size)
    if steps > MOST:
        raise UserError(f"--epochs {config.epochs}: are {steps} steps; choose fewer, so that there are at most {MOST}")
    layers = jaxcnn.reference if config.gradients == "auto" else jaxcnn.ops
    parts = config.accumulate
    batch_size = min(config.batch_size, -(-examples // parts) * parts)
    optimiser = make_optimiser(config, steps)
    return Learner(network, layers, optimiser, batch_size, parts, config.precision, config.remat)


def train(
    config: Config, learner: Learner, state: State, data: DataSet, on_epoch: OnEpoch, behind: Sequence[Epoch] = ()
) -> Result:
    """Train from `state`, which is given up, until `config.epochs` epochs are done or a step is not finite.

    `behind` are the epochs that led to `state`; none at the beginning.
    """
    keys, seen = make_keys(config.seed), list(behind)
    pass_over = make_pass(config, learner, state, data.train, keys.epoch(1))
    for number in range(len(seen) + 1, config.epochs + 1):
        began = time.perf_counter()
        state, sums, health = jax.block_until_ready(pass_over(state, keys.epoch(number)))
        seconds = time.perf_counter() - began
        if not health.is_good:
            return Result(state, seen, diagnosis(learner, state, health, number, data.train))
        logits = predictions(learner, state, data.test.images)
        count = len(data.train.labels)
        seen.append(
            Epoch(
                epoch=number,
                train_loss=float(sums.loss) / count,
                train_accuracy=float(sums.correct) / count,
                test_loss=metrics.loss(logits, data.test.labels),
                test_accuracy=metrics.accuracy(logits, data.test.labels),
                seconds=seconds,
                examples_per_second=count / seconds,
            )
        )
        on_epoch(seen[-1], state)
    return Result(state, seen, None)


def make_pass(
    config: Config, learner: Learner, state: State, examples: Examples, key: jax.Array
) -> Callable[[State, jax.Array], Progress]:
    """What makes one pass over the examples, compiled; they lie on the devices unless they are to be streamed."""
    if config.stream:
        return lambda state, key: streamed_epoch(learner, state, examples, devices.everywhere(key))
    resident, key = devices.everywhere((examples, key))
    compiled = epoch.lower(learner, state, Examples(*resident), key).compile()
    return lambda state, key: compiled(state, Examples(*resident), devices.everywhere(key))


def diagnosis(learner: Learner, state: State, health: Health, number: int, examples: Examples) -> str:
    """Where a run went wrong: the step, and the first parameter, in running order, that is not finite in it."""
    taken, per_epoch = int(health.taken), -(-len(examples.labels) // learner.batch_size)
    order = leaf_names(learner.network, examples.images.shape[1:])
    for finite, what in (
        (health.gradients, "the gradient of {} is not finite"),
        (health.params, "{} is not finite after it"),
    ):
        bad = {name for name, is_finite in zip(flat(state.params), finite, strict=True) if not is_finite}
        if bad:
            culprit = what.format(next(name for name in order if name in bad))
            break
    else:
        culprit = "the gradient of every parameter is finite"
    step = (number - 1) * per_epoch + taken + 1
    return (
        f"training stopped at epoch {number}, batch {taken + 1} of {per_epoch} (step {step}): "
        f"the loss is {float(health.loss):.6g} and {culprit}; "
        "lower --learning-rate, set --clip-norm or choose another --initialiser"
    )


def leaf_names(network: Network, image_shape: tuple[int, ...]) -> list[str]:
    """The parameters' names in the order in which an image meets them."""
    sites = network.sites(image_shape)
    return [join(site.path, name) for site in sites for name in site.layer.leaves(site.input_shape)]
