"""Convolutions: zero padding makes He's initialisation vanish on small maps; a ring keeps what its modes allow."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

from analysis.gradient_flow import convolution, pictures
from analysis.gradient_flow.experiments.outcome import Outcome
from jaxcnn import ops
from jaxcnn.networks.initialisers import he

SIZES, CHANNELS, RING, LAYERS = (28, 14, 7, 4), 48, 28, 4


def run(quick: bool) -> Outcome:
    """Left: mean squares by layer for several map sizes. Right: decay of Fourier modes on a ring."""
    networks, depth = (12, 12) if quick else (24, 24)
    figure, (left, right) = pictures.panels(2)
    rows = []
    layers = np.arange(depth + 1)
    for colour, size in zip(pictures.COLOURS, SIZES, strict=False):
        expected = convolution.same_padding_profile(size, depth)
        found = np.array([padded(size, depth, seed) for seed in range(networks)])
        label = f"{size} x {size}: to x {convolution.same_padding_factor(size):.4f} per layer"
        pictures.predicted(left, layers, expected, colour=colour, label=label)
        mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / networks**0.5
        left.errorbar(layers, mean, 2 * error, fmt="o", color=colour, markersize=3, linewidth=0.8)
        rows += [(f"SAME {size}", layer, expected[layer], mean[layer], error[layer]) for layer in layers]
    pictures.named(
        left,
        f"SAME padding, 3 x 3, He, ReLU, {CHANNELS} channels, {networks} networks",
        "layer",
        "mean square of the signal",
    )
    _, layer, expected, found, error = next(row for row in rows[::-1] if row[0] == "SAME 7")
    says = (
        f"SAME padding on a 7 x 7 map: He's signal falls to {found:.3f} ± {error:.3f} in {layer} layers "
        f"(predicted {expected:.3f}), by a factor tending to {convolution.same_padding_factor(7):.4f} per layer."
    )
    rows += ring(right, 40 if quick else 400)
    return Outcome(says, figure, ["setting", "layer_or_mode", "predicted", "measured", "standard_error"], rows)


def padded(size: int, depth: int, seed: int) -> np.ndarray:
    """Mean squares of 2 E[relu(z_l)^2] = E[z_l^2], l = 0 ... depth, of one network, relative to l = 0."""
    keys = jax.random.split(jax.random.key(seed), depth + 1)
    x = jax.random.normal(keys[0], (1, size, size, CHANNELS), jnp.float32)
    return np.asarray(padded_stack(x, keys[1:]), np.float64)


@jax.jit
def padded_stack(x: jax.Array, keys: jax.Array) -> jax.Array:
    """White noise through convolutions."""

    def layer(z: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        z = ops.conv(ops.relu(z), he(key, (3, 3, CHANNELS, CHANNELS)), padding="SAME")
        return z, jnp.mean(z**2)

    squares = jax.lax.scan(layer, x, keys)[1]
    return jnp.append(1.0, squares / jnp.mean(x**2))


def ring(ax: Axes, networks: int) -> list[tuple]:
    """The decay of every Fourier mode of the map of second moments, for uniform kernels and for one tap."""
    rows, numbers = [], np.arange(RING // 2 + 1)
    shares = {"uniform 3 taps": np.full(3, 1 / 3), "one tap (delta)": np.array([0.0, 1.0, 0.0])}
    for colour, (words, share) in zip(pictures.COLOURS, shares.items(), strict=False):
        found = np.array([ring_modes(share, seed) for seed in range(networks)])  # [networks, layers, modes]
        for layer, style in ((1, "o"), (LAYERS, "s")):
            expected = convolution.fourier_factors(share, RING)[: RING // 2 + 1] ** layer
            mean, error = found[:, layer - 1].mean(axis=0), found[:, layer - 1].std(axis=0, ddof=1) / networks**0.5
            pictures.predicted(ax, numbers, expected, colour=colour, label=words if layer == 1 else "")
            ax.errorbar(numbers, mean, 2 * error, fmt=style, color=colour, markersize=3, linewidth=0.8)
            rows += [(f"ring, {words}, {layer} layers", k, expected[k], mean[k], error[k]) for k in numbers]
    pictures.named(
        ax,
        f"Ring of {RING}: 1 layer (dots) and {LAYERS} layers (squares)",
        "Fourier mode k",
        "what is left of it",
        is_log=False,
    )
    return rows


def ring_modes(share: np.ndarray, seed: int) -> np.ndarray:
    """Fourier modes of the map of second moments after each of LAYERS linear layers, of a signal at one position."""
    keys = jax.random.split(jax.random.key(seed), LAYERS + 1)
    scale = jnp.sqrt(jnp.asarray(share, jnp.float32) / CHANNELS)[:, None, None]
    z, found = convolution.one_position(keys[0], RING, CHANNELS), []
    for key in keys[1:]:
        z = convolution.circular_conv(z, scale * jax.random.normal(key, (3, CHANNELS, CHANNELS), jnp.float32))
        found.append(convolution.modes(np.asarray(z, np.float64)))
    return np.array(found)
