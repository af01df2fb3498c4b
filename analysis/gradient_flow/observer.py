"""`jaxcnn train --flow`: a recorder in a training run, its table, its picture and its warnings in the run directory."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp

from analysis.gradient_flow.record import PROBES, Recorder
from jaxcnn.training.batches import pixels
from jaxcnn.training.experiment import Experiment
from jaxcnn.training.step import State


class Observer:
    """Records the first PROBES training examples as the network sees them, every `flow_every` steps of a run."""

    def attach(self, experiment: Experiment) -> Experiment:
        """The experiment with a recorder around its optimiser."""
        self.recorder = recorder_of(experiment)
        learner = replace(experiment.learner, optimiser=self.recorder.wrap(experiment.learner.optimiser))
        state = experiment.state._replace(optimiser=learner.optimiser.init(experiment.state.params))
        return experiment._replace(learner=learner, state=state)

    def conclude(self, experiment: Experiment, folder: Path, state: State) -> None:
        """Write pictures/flow.csv and pictures/flow.png, and say what is wrong on stderr."""
        record = self.recorder.read(state.optimiser, state.params)
        record.write(folder / "pictures")
        for words in record.warnings():
            print(f"jaxcnn train: {words}", file=sys.stderr)


def recorder_of(experiment: Experiment) -> Recorder:
    """A recorder with room for the whole run."""
    config, train = experiment.config, experiment.data.train
    steps = config.epochs * -(-len(train.labels) // config.batch_size)
    return Recorder(
        experiment.learner.network,
        pixels(jnp.asarray(train.images[:PROBES])),
        jnp.asarray(train.labels[:PROBES]),
        config.flow_every,
        -(-steps // config.flow_every),
        experiment.learner.layers,
    )
