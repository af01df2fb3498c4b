r"""Convolutions: which spatial patterns survive, and why He's initialisation vanishes under zero padding.

Circular padding: with kernel variances v_t over the window (summing to sw2) the map of second moments over positions
is blurred by v in every layer, so its Fourier mode k decays by chi_1 lambda_k, lambda_k the discrete Fourier
transform of v / sw2; likewise every covariance of positions at a fixed distance (Xiao et al. 2018). Delta-orthogonal
kernels have one tap: every lambda_k is 1, and what stands where is not forgotten.

Zero ("SAME") padding: border positions sum fewer taps. For He's ReLU network with a window of 3 the map of second
moments q of an m x m image goes to A q A, A the tridiagonal matrix of 1/3, and shrinks in the end by its largest
eigenvalue squared,

    ((1 + 2 cos(pi / (m + 1))) / 3)^2         per layer, signal and gradient alike
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from analysis.gradient_flow.points import tap_table
from jaxcnn import ops
from jaxcnn.ops import geometry


def fourier_factors(tap_shares: Float[np.ndarray, " taps"], ring: int) -> Float[np.ndarray, " modes"]:
    """lambda_k, k = 0 ... ring - 1, of a centred window's variance shares on a ring of positions.

    >>> fourier_factors(np.full(3, 1 / 3), 28)[1].round(5), fourier_factors(np.array([0, 1, 0]), 7).tolist()
    (np.float64(0.98329), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    """
    offsets = np.arange(len(tap_shares)) - len(tap_shares) // 2
    modes = np.arange(ring)
    return np.cos(2 * np.pi * np.outer(modes, offsets) / ring) @ np.asarray(tap_shares, np.float64)


def same_padding_matrix(size: int, window: int = 3) -> Float[np.ndarray, "outputs inputs"]:
    """A: the share of its window that each output position has inside the image, by input position.

    >>> (3 * same_padding_matrix(3)).round(6).tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]
    """
    table = tap_table(geometry.window("conv", (size,), (window,), padding="SAME"))
    return (table[:, :, None] == np.arange(size)).sum(axis=0) / window


def same_padding_profile(size: int, depth: int, window: int = 3) -> Float[np.ndarray, " layers"]:
    """The mean of the map of second moments after l = 0 ... depth layers, of a map of ones.

    >>> same_padding_profile(7, 6).round(3).tolist()
    [1.0, 0.819, 0.708, 0.622, 0.551, 0.492, 0.441]
    """
    matrix = same_padding_matrix(size, window)
    sides = [np.ones(size)]
    for _ in range(depth):
        sides.append(matrix @ sides[-1])
    return np.array([side.mean() ** 2 for side in sides])


def same_padding_factor(size: int) -> float:
    """The factor per layer that a 3 x 3 window on an m x m image tends to.

    >>> [round(same_padding_factor(size), 4) for size in (28, 14, 8, 7, 4)]
    [0.9922, 0.9711, 0.9212, 0.9011, 0.7616]
    """
    return ((1 + 2 * math.cos(math.pi / (size + 1))) / 3) ** 2


def circular_conv(x: Float[Array, "n ring c"], kernel: Float[Array, "taps c k"]) -> Float[Array, "n ring k"]:
    """A convolution on a ring, with this project's layer on a wrapped image.

    >>> circular_conv(jnp.array([[[0.0], [1.0], [2.0]]]), jnp.ones((3, 1, 1))).ravel().tolist()
    [3.0, 3.0, 3.0]
    """
    reach = len(kernel) // 2
    return ops.conv(jnp.concatenate([x[:, -reach:], x, x[:, :reach]], axis=1), kernel)


def one_position(key: Array, ring: int, channels: int) -> Float[Array, "1 ring c"]:
    """A ring that is zero but at position 0, where its mean square is 1: all Fourier modes alike."""
    values = jax.random.normal(key, (channels,), jnp.float32)
    return jnp.zeros((1, ring, channels), jnp.float32).at[0, 0].set(values / jnp.sqrt(jnp.mean(values**2)))


def modes(z: Float[np.ndarray, "1 ring c"]) -> Float[np.ndarray, " modes"]:
    """The real Fourier modes of the map of second moments.

    >>> modes(np.array([[[2.0], [0.0]]])).tolist()
    [4.0, 4.0]
    """
    return np.fft.rfft(np.mean(np.square(z[0]), axis=-1)).real


def max_pool_moment(window: int) -> float:
    """E[relu(max of `window` independent N(0, 1))^2].

    >>> round(max_pool_moment(4), 4), round(max_pool_moment(9), 4), round(max_pool_moment(1), 4)
    (1.5438, 2.5626, 0.5)
    """
    z = np.linspace(0, 12, 24001)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    below = np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in z])
    return float(np.trapezoid(z**2 * window * density * below ** (window - 1), z))


def pool_passes(window: int) -> float:
    """The share of windows of independent N(0, q) whose maximum is positive, so that ReLU lets a gradient through.

    >>> pool_passes(4)
    0.9375
    """
    return 1 - 2.0**-window
