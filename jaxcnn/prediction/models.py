"""A network ready to judge pictures: its parameters, how its images are made, what its classes are called."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcnn.errors import UserError
from jaxcnn.networks import NAMED, Network
from jaxcnn.networks.network import Params, Shape
from jaxcnn.prediction.preprocessing import Pixels, Preprocessing, imagenet, plain
from jaxcnn.training.metrics import log_probabilities
from jaxcnn.weights import load


@dataclass(frozen=True, eq=False)
class Model:
    """A network with everything that prediction needs."""

    title: str
    network: Network
    params: Params
    state: Params
    preprocessing: Preprocessing
    classes: tuple[str, ...]

    def probabilities(self, pixels: Pixels) -> Float[np.ndarray, " classes"]:
        """The share that softmax gives to each class, in float64.

        Raises:
            UserError: the network's outputs are not finite.
        """
        x = self.preprocessing.normalised(pixels)[None]  # [1, h, w, c]
        outputs = np.asarray(logits(self.params, self.state, x, network=self.network))
        if not np.isfinite(outputs).all():
            raise UserError(f"{self.title}: its outputs for this image are not finite; these weights are of no use")
        return np.exp(log_probabilities(outputs))[0]


@partial(jax.jit, static_argnames="network")
def logits(params: Params, state: Params, x: Array, *, network: Network) -> Float[Array, "n classes"]:
    """The network's outputs with running statistics and without dropout."""
    return network.apply(params, x, state)[0]


def of_run(folder: Path) -> Model:
    """What a training run learnt, from its folder.

    Raises:
        UserError: the folder is no run's, or its parameters are not those of its network.
    """
    config, data = read_json(folder / "config.json"), read_json(folder / "data.json")
    try:
        network = NAMED[config["network"]].build()
        shape, classes = tuple(data["image_shape"]), tuple(data["classes"])
    except KeyError as error:
        raise UserError(f"{folder}: its config.json and data.json do not say {error}; train again") from error
    params, state = load(folder / "params.safetensors", network, shape)
    return Model(f"{config['network']} of {folder}", network, params, state, plain(shape), classes)


def read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"{path}: no such file; --run-dir names a folder that `jaxcnn train` has written")
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise UserError(f"{path}: is no JSON ({error}); train again") from error


def by_name(name: str, weights: Path | None, seed: int, classes: Path | None) -> Model:
    """A network by name with weights from a file, or drawn at random.

    Raises:
        UserError: no such network, unfit weights or class names, or a network that takes no images.
    """
    if name not in NAMED:
        raise UserError(f"--network {name}: unknown; the networks are {', '.join(NAMED)}")
    build, shape = NAMED[name]
    if len(shape) != 3:
        raise UserError(f"--network {name}: takes examples of shape {shape}, not images")
    network = build()
    if weights is None:
        params, state = random_weights(network, shape, seed)
        title = f"{name} with random weights (seed {seed})"
    else:
        params, state = load(weights, network, shape)
        title = f"{name} with {weights}"
    names = class_names(classes, network.output_shape(shape)[0])
    return Model(title, network, params, state, imagenet(shape) if shape[0] > 32 else plain(shape), names)


def random_weights(network: Network, shape: Shape, seed: int) -> tuple[Params, Params]:
    """Freshly drawn parameters, and statistics at rest."""
    return drawn(jax.random.key(seed), network=network, shape=shape), jax.tree.map(
        jnp.asarray, network.init_state(shape)
    )


@partial(jax.jit, static_argnames=("network", "shape"))
def drawn(key: Array, *, network: Network, shape: Shape) -> Params:
    return network.init(key, shape)


def class_names(path: Path | None, count: int) -> tuple[str, ...]:
    """One name per line, in the order of the outputs; their numbers where there is no file.

    Raises:
        UserError: the file cannot be read as text, or has another number of lines than there are classes.
    """
    if path is None:
        return tuple(f"class {number}" for number in range(count))
    try:
        names = tuple(path.read_text("utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--classes {path}: cannot be read as text ({error})") from error
    if len(names) != count:
        raise UserError(f"--classes {path}: has {len(names):,} lines but the network has {count:,} classes")
    return names
