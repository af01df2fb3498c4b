"""Residual blocks: what they compute is added to what they were given (He et al. 2016).

    y = relu(body(x) + shortcut(x))           body: conv bn relu conv bn                   as first published
    y = body(x) + shortcut(x)                 body: bn relu conv bn relu conv              pre-activation

Seed 4, question 3 counts two bodies: the standard one, two 3x3 convolutions of the block's own width, and the
bottleneck, whose 3x3 convolution works on a quarter of the channels, between two 1x1 convolutions.

The shortcut is a network of its own: `identity()`; where the body changes the shape `projection(...)`, or
`subsampling(...)`, which has no parameters; or None for a plain block, the body and its activation alone.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from jaxcnn.networks.combinators import residual, serial
from jaxcnn.networks.initialisers import Initialiser, he
from jaxcnn.networks.layers import batch_norm, conv, identity, relu
from jaxcnn.networks.network import Call, Network

IDENTITY = identity()


def residual_block(
    channels: int,
    *,
    stride: int = 1,
    shortcut: Network | None = IDENTITY,
    normalised: bool = True,
    pre_activation: bool = False,
    bias: str | None = "channel",
    kernel_init: Initialiser = he,
) -> Network:
    """The standard block: 3x3 and 3x3, both of `channels`; the first takes the stride.

    18,624 parameters at 32 channels (seed 4, question 3), 295,680 at 128.

    >>> from jaxcnn.networks import summary
    >>> sum(row.parameters for row in summary(residual_block(32), (8, 8, 32)))
    18624
    """
    convolutions = [
        conv(channels, 3, stride=stride, padding=1, bias=bias, kernel_init=kernel_init),
        conv(channels, 3, padding=1, bias=bias, kernel_init=kernel_init),
    ]
    return block(convolutions, shortcut, normalised, pre_activation)


def bottleneck_block(
    channels: int,
    *,
    stride: int = 1,
    shortcut: Network | None = IDENTITY,
    normalised: bool = True,
    pre_activation: bool = False,
    bias: str | None = "channel",
    kernel_init: Initialiser = he,
) -> Network:
    """The bottleneck: 1x1 down to a quarter of `channels`, 3x3 there (it takes the stride), 1x1 back up.

    17,984 parameters at 128 channels (seed 4, question 3); 34,752 with a projection as its shortcut.

    Raises:
        ValueError: `channels` is not a multiple of 4.

    >>> from jaxcnn.networks import summary
    >>> sum(row.parameters for row in summary(bottleneck_block(128), (8, 8, 128)))
    17984
    """
    if channels % 4:
        raise ValueError(f"bottleneck_block: channels must be a multiple of 4, the bottleneck's ratio, got {channels}")
    convolutions = [
        conv(channels // 4, 1, bias=bias, kernel_init=kernel_init),
        conv(channels // 4, 3, stride=stride, padding=1, bias=bias, kernel_init=kernel_init),
        conv(channels, 1, bias=bias, kernel_init=kernel_init),
    ]
    return block(convolutions, shortcut, normalised, pre_activation)


def projection(
    channels: int,
    *,
    stride: int = 1,
    normalised: bool = True,
    bias: str | None = "channel",
    kernel_init: Initialiser = he,
) -> Network:
    """A shortcut that learns: 1x1 convolution to the body's shape, and its batch norm (He et al. 2016, option B).

    >>> projection(64, stride=2).output_shape((8, 8, 32))
    (4, 4, 64)
    """
    convolution = conv(channels, 1, stride=stride, bias=bias, kernel_init=kernel_init)
    return serial(conv=convolution, **({"bn": batch_norm()} if normalised else {}))


def subsampling(channels: int, *, stride: int = 2) -> Network:
    """A shortcut that learns nothing: every stride-th position, and zeros for the new channels (option A).

    Raises:
        ValueError: the input has more than `channels` channels already.

    >>> network = subsampling(2)
    >>> network.apply({}, jnp.float32([[[1], [2], [3], [4]]])).tolist()
    [[[1.0, 0.0], [3.0, 0.0]]]
    """

    def forward(x: Array, call: Call) -> tuple[Array, dict[str, Array]]:
        new = channels - x.shape[-1]
        if new < 0:
            raise ValueError(
                f"subsampling: channels={channels} but {x.shape[-1]} come in; use projection to have fewer"
            )
        kept = call.ops.avg_pool(x, 1, stride=stride)  # [n, *ceil(spatial / stride), c]
        return jnp.pad(kept, [(0, 0)] * (x.ndim - 1) + [(0, new)]), {}  # [n, ..., channels]

    return Network("subsampling", {"channels": channels, "stride": stride}, forward=forward)


def block(convolutions: list[Network], shortcut: Network | None, normalised: bool, pre_activation: bool) -> Network:
    """The convolutions with their batch norms and activations, and what bridges them."""
    layers: dict[str, Network] = {}
    for number, convolution in enumerate(convolutions, start=1):
        conv_layer = {f"conv{number}": convolution}
        norm: dict[str, Any] = {f"bn{number}": batch_norm()} if normalised else {}
        act = {f"relu{number}": relu()}
        layers |= norm | act | conv_layer if pre_activation else conv_layer | norm | act
    if pre_activation:
        return serial(**layers) if shortcut is None else residual(serial(**layers), shortcut)
    name, last = layers.popitem()  # the activation that comes after the sum
    body = serial(**layers)
    return serial(**{"sum": body if shortcut is None else residual(body, shortcut), name: last})
