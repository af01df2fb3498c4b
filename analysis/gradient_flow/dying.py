r"""Dying ReLU at birth: the probability that a random ReLU network is constant (Lu et al. 2019).

Zero biases and symmetric weights; H hidden layers of n units. At one input each unit is off with probability 1/2, one
independent of the other, and a layer whose units are all off kills the network for that input:

    P(dead at x) = 1 - (1 - 2^-n)^H          exactly

To be dead for every input of a domain is harder, so that is an upper bound; for inputs on a line Lu et al. give a
lower one.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float


def dead_at_point(width: int, layers: int) -> float:
    """The probability that no unit of the last hidden layer is on at a given input, for so many hidden layers.

    >>> round(dead_at_point(2, 10), 4)
    0.9437
    """
    return 1 - (1 - 2.0**-width) ** layers


def dead_on_line(width: int, layers: int) -> tuple[float, float]:
    """Bounds of the probability that the network is constant on the whole line (one input).

    >>> [round(bound, 4) for bound in dead_on_line(2, 10)]
    [0.9026, 0.9437]
    """
    n, powers = width, layers - 1  # L - 2 with L = H + 1 layers of weights
    a1 = 1 - 2.0**-n
    a2 = 1 - 2.0 ** (1 - n) - (n - 1) * 4.0**-n
    mixed = (1 - 2.0 ** (1 - n)) * (1 - 2.0**-n) / (1 + (n - 1) * 2.0**-n)
    return 1 - a1**powers + mixed * (a2**powers - a1**powers), dead_at_point(width, layers)


def simulate(
    width: int, layers: int, x: Float[np.ndarray, "points inputs"], networks: int, seed: int = 0
) -> Bool[np.ndarray, "networks points"]:
    """Whether each of so many random networks is dead at each point: all units of a hidden layer are off.

    >>> simulate(2, 3, np.array([[0.0]]), networks=2).tolist()
    [[True], [True]]
    """
    rng = np.random.default_rng(seed)
    h = np.maximum(x @ rng.standard_normal((networks, x.shape[1], width)), 0)  # [networks, points, width]
    for _ in range(layers - 1):
        h = np.maximum(h @ rng.standard_normal((networks, width, width)), 0)
    return (h == 0).all(axis=-1)
