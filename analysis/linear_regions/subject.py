"""What `jaxcnn regions` looks at: a network before and after training, a square in a plane, and marked data points."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from analysis.linear_regions import toy
from analysis.linear_regions.command import Config
from analysis.linear_regions.domain import Plane, around, box
from analysis.linear_regions.graph import Graph
from analysis.linear_regions.layers import from_layers, from_network
from analysis.linear_regions.operations import Array
from jaxcnn.errors import UserError
from jaxcnn.networks import NAMED, Network
from jaxcnn.networks.network import flat, nested

HALF = 1.1  # of the square that toy problems are drawn on


class Subject(NamedTuple):
    """Stages of one network, by title, and where to look at them."""

    name: str
    stages: tuple[tuple[str, Graph], ...]
    plane: Plane | None
    domain: Array
    points: Array  # plane coordinates, or inputs where there is no plane
    labels: Array


def subject(config: Config) -> Subject:
    """Load or train what the configuration names.

    Raises:
        UserError: a run or network that is not there, examples beyond the data, a network that does not fit.
    """
    if config.run is not None:
        return from_run(config, config.run)
    return from_problem(config) if config.network is None else fresh(config, config.network)


def from_problem(config: Config) -> Subject:
    data, network = toy.problem(config.problem, seed=config.seed), toy.classifier(config.units)
    taken = toy.train(network, data, config.steps, snapshots=max(1, config.frames), seed=config.seed)
    stages = tuple(
        (f"step {shot.step:,}, accuracy {shot.accuracy:.1%}", from_layers(toy.layers(network, shot.params)))
        for shot in taken
    )
    return Subject(
        f"{config.problem}-{'x'.join(map(str, config.units))}",
        stages,
        None,
        box(-HALF, HALF),
        data.inputs,
        data.classes,
    )


def fresh(config: Config, name: str) -> Subject:
    if name not in NAMED:
        raise UserError(f"--network {name}: unknown; the networks are {', '.join(NAMED)}")
    network, shape = NAMED[name].build(), NAMED[name].input_shape
    params, state = network.init(jax.random.key(config.seed), shape), network.init_state(shape)
    return on_examples(config, name, (("before training", network, params, state),), "digits")


def from_run(config: Config, folder: Path) -> Subject:
    """A trained network and, if asked for, the same before its first step."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    from jaxcnn.training.config import Config as TrainConfig
    from jaxcnn.training.experiment import prepare

    try:
        settings = json.loads((folder / "config.json").read_text()) | {"run_dir": None}
        trained = TrainConfig(**settings)
        tensors = load_file(folder / "params.safetensors")
    except OSError as error:
        raise UserError(
            f"--run {folder}: is no folder of `jaxcnn train` ({error.strerror or error}: {error.filename})"
        ) from error
    except (TypeError, ValueError, SafetensorError) as error:
        raise UserError(f"--run {folder}: cannot be read ({error}); train it again") from error
    experiment = prepare(trained)
    network, kept = experiment.learner.network, flat(experiment.state.statistics)
    params, state = (nested({k: v for k, v in tensors.items() if (k in kept) is kind}) for kind in (False, True))
    before = ("before training", network, experiment.state.params, experiment.state.statistics)
    stages = (*[before] * config.before, ("after training", network, params, state))
    return on_examples(config, trained.network, stages, trained.data)


def on_examples(config: Config, name: str, stages: tuple[tuple[str, Network, Any, Any], ...], data: str) -> Subject:
    """A plane through three held-out examples."""
    from jaxcnn.training.data import load

    held_out = load(data).test
    if max(config.examples) >= len(held_out.labels):
        raise UserError(
            f"--examples {max(config.examples)}: there are {len(held_out.labels):,} held-out examples, from 0 on"
        )
    inputs = held_out.images[list(config.examples)].astype(np.float64) / 255
    try:
        plane = Plane.through(*inputs)
        graphs = tuple(
            (title, from_network(network, params, inputs.shape[1:], state)) for title, network, params, state in stages
        )
    except (TypeError, ValueError) as error:
        raise UserError(f"{name}: {str(error).removeprefix('regions: ')}") from error
    points, _ = plane.project(inputs)
    return Subject(name, graphs, plane, around(points, config.margin), points, held_out.labels[list(config.examples)])
