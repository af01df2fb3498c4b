"""The networks of the seed documents, each on one screen.

Where a document states no size, the choice made here is named. Every constructor takes `kernel_init`: seed 2's
network trains with `he` and explodes with `unit_normal`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from jaxcnn.networks import layers
from jaxcnn.networks.combinators import serial
from jaxcnn.networks.initialisers import Initialiser, he, xavier
from jaxcnn.networks.layers import avg_pool, conv, dense, flatten, max_pool, relu, tanh
from jaxcnn.networks.network import Network, Shape


def seed0(pool: str = "max", activation: str = "relu", kernel_init: Initialiser = he) -> Network:
    """Seed 0, exercise 1: 3x3 filters of stride 1, pools between them, then an MLP; `pool` is "max" or "avg".

    `activation` is "relu" or "leaky_relu" (exercise 2). The picture is lost (ledger S0.01): 8 and 16 filters, 2x2
    pools, 32 hidden units and 10 outputs are chosen here.
    """
    act = choose("activation", activation, {"relu": layers.relu, "leaky_relu": layers.leaky_relu})
    pooling = choose("pool", pool, {"max": max_pool, "avg": avg_pool})
    return serial(
        conv1=conv(8, (3, 3), kernel_init=kernel_init),
        act1=act(),
        pool1=pooling(2),
        conv2=conv(16, (3, 3), kernel_init=kernel_init),
        act2=act(),
        pool2=pooling(2),
        flatten=flatten(),
        dense1=dense(32, kernel_init=kernel_init),
        act3=act(),
        dense2=dense(10, kernel_init=kernel_init),
    )


def seed2(bias: str | None = "position", kernel_init: Initialiser = he) -> Network:
    """Seed 2, tables 1 to 7: the full network, which the document could not train.

    21,518 parameters with one bias per output position as in table 1; 18,714 with `bias="channel"`.
    """
    return serial(
        conv1=conv(4, (5, 5), bias=bias, kernel_init=kernel_init),  # [n, 24, 24, 4]
        relu1=relu(),
        pool1=max_pool(2),  # [n, 12, 12, 4]
        conv2=conv(8, (5, 5), bias=bias, kernel_init=kernel_init),  # [n, 8, 8, 8]
        relu2=relu(),
        pool2=max_pool(2),  # [n, 4, 4, 8]
        flatten=flatten(),
        dense1=dense(128, kernel_init=kernel_init),
        relu3=relu(),
        dense2=dense(10, kernel_init=kernel_init),
    )


def seed2_shallow(bias: str | None = "position", kernel_init: Initialiser = he) -> Network:
    """Seed 2, section 1.5: one convolution, one pool, two dense layers; this one was trained to 0.686.

    Its sizes are not stated (ledger S2.36); those of the full network's layers of the same name are chosen.
    """
    return serial(
        conv1=conv(4, (5, 5), bias=bias, kernel_init=kernel_init),  # [n, 24, 24, 4]
        relu1=relu(),
        pool1=max_pool(2),  # [n, 12, 12, 4]
        flatten=flatten(),
        dense1=dense(128, kernel_init=kernel_init),
        relu2=relu(),
        dense2=dense(10, kernel_init=kernel_init),
    )


def seed3(
    filters: int = 8,
    outputs: int = 10,
    nonlinearity: str = "sigmoid",
    pool: int | None = None,
    kernel_init: Initialiser = xavier,
) -> Network:
    """Seed 3, exercise 1a: 5x5x3 filters, a nonlinearity, a linear readout without bias; 1c with `pool` (its window).

    The number of filters and outputs and the function sigma are not stated.
    """
    pooling = {} if pool is None else {"pool": max_pool(pool)}
    return serial(
        conv=conv(filters, (5, 5), kernel_init=kernel_init),
        sigma=nonlinear(nonlinearity),
        **pooling,
        flatten=flatten(),
        readout=dense(outputs, bias=None, kernel_init=kernel_init),
    )


def seed3_dense(
    hidden: int = 8, outputs: int = 10, nonlinearity: str = "sigmoid", kernel_init: Initialiser = xavier
) -> Network:
    """Seed 3, exercise 1b: the dense counterpart, whose every hidden unit has its own weights for the whole image."""
    return serial(
        flatten=flatten(),
        dense=dense(hidden, kernel_init=kernel_init),
        sigma=nonlinear(nonlinearity),
        readout=dense(outputs, bias=None, kernel_init=kernel_init),
    )


def seed3_1d(kernel_init: Initialiser = he) -> Network:
    """Seed 3, exercise 4c: one filter of length 3 and stride 1, a max pool of 2, a dense layer with a single output."""
    return serial(
        conv=conv(1, (3,), kernel_init=kernel_init),
        pool=max_pool(2),
        flatten=flatten(),
        dense=dense(1, kernel_init=kernel_init),
    )


def seed4(kernel_init: Initialiser = xavier) -> Network:
    """Seed 4, question 2: the 1-2-1-1 tanh network with linear output.

    The document's W holds the bias unit's weights in its first row: here bias = W[0] and kernel = W[1:].
    """
    return serial(
        dense1=dense(2, kernel_init=kernel_init),
        tanh1=tanh(),
        dense2=dense(1, kernel_init=kernel_init),
        tanh2=tanh(),
        dense3=dense(1, kernel_init=kernel_init),
    )


class Named(NamedTuple):
    """A network's constructor and the shape of one example for it."""

    build: Callable[..., Network]
    input_shape: Shape


# Sizes of images that the documents leave open: seed 0 as seed 2, seed 3 as CIFAR-10, 4c as in ledger S3.45.
NAMED = {
    "seed0": Named(seed0, (28, 28, 1)),
    "seed2": Named(seed2, (28, 28, 1)),
    "seed2_shallow": Named(seed2_shallow, (28, 28, 1)),
    "seed3": Named(seed3, (32, 32, 3)),
    "seed3_dense": Named(seed3_dense, (32, 32, 3)),
    "seed3_1d": Named(seed3_1d, (6, 1)),
    "seed4": Named(seed4, (1,)),
}


def nonlinear(name: str) -> Network:
    names = ("sigmoid", "tanh", "relu", "leaky_relu", "identity")
    return choose("nonlinearity", name, {name: getattr(layers, name) for name in names})()


def choose(argument: str, word: str, choices: dict[str, Callable[..., Network]]) -> Callable[..., Network]:
    if word not in choices:
        raise ValueError(f"unknown {argument} {word!r}; use one of {', '.join(choices)}")
    return choices[word]
