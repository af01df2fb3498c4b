r"""Batch normalisation makes gradients explode: by how much, per layer.

A layer z = W phi(BN(z')) of a wide network with a large batch multiplies the gradient's second moment, towards the
input, by

    E[phi'(u)^2] / Var[phi(u)]      u ~ N(0, 1)          Yang et al. 2019

whatever the weights' variance, for the next layer divides by it. It is at least 1 for every phi (Gaussian Poincare
inequality) and 1 for linear ones: batch normalisation trades a vanishing gradient for an exploding one.
"""

from __future__ import annotations

from analysis.gradient_flow.meanfield import Given
from analysis.gradient_flow.moments import Kinked, activation


def growth(phi: Given) -> float:
    """The factor of E[delta^2] per layer.

    >>> round(growth("relu"), 5), growth("linear")
    (1.46694, 1.0)
    """
    phi = activation(phi)
    variance = phi.moment(2, 0, 1.0) - phi.moment(1, 0, 1.0) ** 2
    return phi.moment(0, 2, 1.0) / variance


def growth_of_slope(slope: float) -> float:
    """The same of leaky ReLU, s / (s - (1 - a)^2 / (2 pi)) with s = (1 + a^2) / 2.

    >>> round(growth_of_slope(0.1), 4)
    1.3428
    """
    return growth(Kinked("leaky_relu", slope))
