"""Seed 4, question 3: the standard residual block and the bottleneck, counted at their own and at equal widths.

Parameters and multiply-adds are counted on the built networks (`jaxcnn.networks.summary`); what one output sees is
measured, as the extent of its gradient with respect to the input.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.networks import Network, bottleneck_block, projection, residual_block, summary

MAP = 16  # height and width that multiply-adds are counted on
SPREAD = 9  # a map wide enough to see the whole receptive field


class Row(NamedTuple):
    """A block on `channels` maps. Multiply-adds are per position; the field is [rows, columns] of the input."""

    block: str
    channels: int
    parameters: int
    multiply_adds: int
    field: tuple[int, ...]


def rows(narrow: int = 32, wide: int = 128) -> list[Row]:
    """Both blocks, at the seed's two widths, and with a shortcut that learns."""
    return [
        row("standard", narrow, residual_block(narrow)),
        row("bottleneck", wide, bottleneck_block(wide)),
        row("standard", wide, residual_block(wide)),
        row("bottleneck", narrow, bottleneck_block(narrow)),
        row("standard, projection", wide, residual_block(wide, shortcut=projection(wide))),
        row("bottleneck, projection", wide, bottleneck_block(wide, shortcut=projection(wide))),
    ]


def row(name: str, channels: int, block: Network) -> Row:
    """One block's numbers."""
    layers = summary(block, (MAP, MAP, channels))
    products = sum(layer.multiply_adds for layer in layers) // MAP**2
    parameters = sum(layer.parameters for layer in layers)
    return Row(name, channels, parameters, products, receptive_field(block, (SPREAD, SPREAD, channels)))


def receptive_field(network: Network, input_shape: tuple[int, ...]) -> tuple[int, ...]:
    """How far the inputs reach that move the output at the middle position, along each spatial axis.

    Measured on the network in inference mode with random parameters and input: the extent of the input gradient's
    support. The images must be larger than the answer.

    >>> from jaxcnn.networks import conv
    >>> receptive_field(conv(8, (3, 5)), (9, 9, 4))
    (3, 5)
    """
    params, state = network.init(jax.random.key(0), input_shape), network.init_state(input_shape)
    x = jax.random.normal(jax.random.key(1), (1, *input_shape), jnp.float32)

    def middle(x: jax.Array) -> jax.Array:
        y, _ = network.apply(params, x, state)
        return y[(0, *(size // 2 for size in y.shape[1:-1]))].sum()

    seen = np.asarray(jax.jit(jax.grad(middle))(x))[0].any(axis=-1)  # [*spatial]
    return tuple(int(np.ptp(places)) + 1 for places in np.nonzero(seen))


def table(found: list[Row]) -> str:
    """The rows as text.

    >>> print(table([Row("standard", 32, 18_624, 18_432, (5, 5))]).splitlines()[1])
    standard                      32       18,624            18,432    5 x 5
    """
    lines = [f"{'block':<24}{'channels':>8}{'parameters':>13}{'products/position':>18}{'sees':>9}"]
    for block, channels, parameters, products, field in found:
        lines.append(f"{block:<24}{channels:>8}{parameters:>13,}{products:>18,}{' x '.join(map(str, field)):>9}")
    return "\n".join(lines)
