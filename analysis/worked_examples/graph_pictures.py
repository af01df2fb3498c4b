"""The three computation graphs of seed 3, exercise 4, as pictures."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from analysis.autodiff import Tape, convolutional, differentiate, draw, exercise, perceptron

SEQUENCE = np.array([0.5, -1.0, 2.0, 1.5, -0.5, 1.0])
TAPS = np.array([0.4, -0.8, 1.2])
READOUT = np.array([1.5, -0.7])


def exercise_graph(figure: Figure) -> None:
    """S3.27: eq. 9 at x1 = 0.7, x2 = -1.3, theta = 2.1."""
    figure.set_size_inches(8, 4.2)
    graph = exercise(0.7, -1.3, 2.1)
    places = {
        "x1": (0.0, 2.0), "theta": (0.0, 1.0), "x2": (0.0, 0.0), "f1": (1.0, 2.0), "f4": (1.0, 0.0),
        "f2": (2.0, 1.6), "f5": (2.0, 0.6), "f3": (3.0, 1.6), "f6": (4.0, 1.1),
    }  # fmt: skip
    words = {
        "f1": "f1: xy",
        "f2": "f2: x+y",
        "f3": "f3: sin",
        "f4": "f4: x²",
        "f5": "f5: xy",
        "f6": "f6: x+y",
        "theta": "θ",
    }
    ax = draw(graph, figure.subplots(), tape=differentiate(graph), positions=places, labels=words, size=1700)
    ax.set_title("θ, x1, x2 at 2.1, 0.7, -1.3; edges: local derivatives; t: total derivative of f6")


def perceptron_graph(figure: Figure) -> None:
    """S3.37: two inputs, two hidden layers of two units, one output, the error; weights and target as leaves."""
    figure.set_size_inches(11, 6)
    random = np.random.default_rng(3)
    weights = [random.normal(size=shape) for shape in ((2, 2), (2, 2), (1, 2))]
    graph = perceptron(np.array([0.6, -1.1]), weights, 0.3, jnp.tanh)
    places = {"x1": (0.0, 3.0), "x2": (0.0, 1.0), "E": (8.0, 2.0), "y": (8.0, 0.4)}
    for layer, column in ((1, 2.6), (2, 4.6), (3, 6.4)):
        units = 1 if layer == 3 else 2
        for unit in range(1, units + 1):
            row = 2.0 if units == 1 else 5.0 - 2.0 * unit
            places[f"g{layer}_{unit}"] = (column, row)
            for source in (1, 2):
                places[f"w{layer}_{unit}{source}"] = (column - 1.8 + 1.0 * source, row + (1.1 if row >= 2 else -1.1))
    labels = {name: f"$w^{{({name[1]})}}_{{{name[3:]}}}$" for name in graph.nodes if name.startswith("w")}
    labels |= {name: f"$g^{{({name[1]})}}_{name[3]}$" for name in graph.nodes if name.startswith("g")}
    ax = draw(graph, figure.subplots(), positions=places, labels=labels, size=560)
    ax.set_title("a fully connected network: inputs, layer 1, layer 2, output, error (grey rims: leaves)")


def convolutional_tape() -> Tape:
    """The tape of the 1-D convolutional network."""
    return differentiate(convolutional(SEQUENCE, TAPS, READOUT))


def convolutional_graph(figure: Figure) -> None:
    """S3.45: six inputs, four units that share w1, w2, w3, two pooled units, one output."""
    figure.set_size_inches(11, 6)
    graph = convolutional(SEQUENCE, TAPS, READOUT)
    places = {f"x{k}": (0.0, 6.0 - k) for k in range(1, 7)}
    places |= {f"a{k}": (1.6 + 0.8 * k, 5.0 - k) for k in range(1, 5)}
    places |= {f"w{k}": (1.8 + 1.3 * k, 5.9) for k in range(1, 4)}
    places |= {"m1": (6.4, 3.5), "m2": (6.4, 1.5), "v1": (7.2, 4.6), "v2": (7.2, 0.4), "out": (8.2, 2.5)}
    ax = draw(graph, figure.subplots(), positions=places, size=520)
    ax.set_title("conv (length 3, shared weights w1-w3), max pool (2), dense (v1, v2), output")
