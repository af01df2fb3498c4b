r"""Residual networks: growth is per block, and batch normalisation turns the exponential into a power law.

    x + W phi(x)          second moments of signal and gradient x (1 + sw2 E[phi'^2]) per block (ReLU, leaky, linear)
    x + W relu(BN(x))     He's weights: signal 1 + l after l blocks, its variance over a batch v_l = 1 + (1 - 1/pi) l,
                          gradient towards the input prod_l (1 + 1 / v_l)

The plain network's factor per layer with batch norm, pi / (pi - 1), becomes the exponent: L^{pi / (pi - 1)}.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

SHARE = 1 - 1 / math.pi  # of relu's second moment that is variance, for a unit Gaussian


def plain_growth(weight_variance: float, depth: int | np.ndarray, slope: float = 0.0) -> Any:
    """The factor of E[h^2] forward and of E[delta^2] backward over so many blocks x + W phi(x), phi a (leaky) ReLU.

    >>> round(plain_growth(2 / 20, 20), 3), plain_growth(2.0, 3)
    (2.653, 8.0)
    """
    return (1 + weight_variance * (1 + slope**2) / 2) ** depth


def normalised_moments(depth: int) -> Float[np.ndarray, " blocks"]:
    """E[x_l^2] after l = 0 ... depth blocks x + W relu(BN(x)) with He's weights, of an input with mean square 1.

    >>> normalised_moments(3).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    return 1.0 + np.arange(depth + 1)


def normalised_growth(depth: int) -> float:
    """The factor of E[delta^2] from the last of so many blocks to the input.

    >>> round(normalised_growth(20), 1)
    42.9
    """
    blocks = np.arange(depth)
    return float(np.prod(1 + 1 / (1 + SHARE * blocks)))
