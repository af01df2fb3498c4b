"""Residual networks (He et al. 2016): for small images, of depth 6n + 2, and for 224 pixels, of depth 18, 34 and 50.

    small images    conv 3x3; three stages of n blocks with 16, 32, 64 channels; average; dense
    224 pixels      conv 7x7 / 2, pool 3x3 / 2; four stages with 64, 128, 256, 512 channels (bottlenecks: 4 times as
                    many); average; dense

Every stage but the first begins with a block of stride 2. The large ones have torchvision's layers and sizes. Batch
norm takes the place of biases. Since an average ends them, all take images of any size that survives the strides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jaxcnn.networks.blocks import bottleneck_block, projection, residual_block, subsampling
from jaxcnn.networks.combinators import serial
from jaxcnn.networks.initialisers import Initialiser, he
from jaxcnn.networks.layers import batch_norm, conv, dense, global_avg_pool, identity, max_pool, relu
from jaxcnn.networks.network import Network

Make = Callable[[int, int, int], Network]  # a block: channels before it, channels after it, stride


def resnet_small(
    depth: int,
    classes: int = 10,
    *,
    shortcut: bool = True,
    normalised: bool = True,
    pre_activation: bool = False,
    width: int = 16,
    kernel_init: Initialiser = he,
) -> Network:
    """The residual network of `depth` weighted layers for small images (He et al. 2016, section 4.2).

    Its shortcuts learn nothing: the identity, or `subsampling` where the shape changes. So the plain network,
    `shortcut=False`, has exactly the same parameters. Without batch norm convolutions have a bias instead.

    Raises:
        ValueError: depth is not 6n + 2.

    >>> resnet_small(20).output_shape((32, 32, 3))
    (10,)
    """
    blocks, rest = divmod(depth - 2, 6)
    if rest or blocks < 1:
        raise ValueError(f"resnet_small: depth must be 6n + 2, three stages of n blocks of two layers, got {depth}")
    settings: dict[str, Any] = {"bias": None if normalised else "channel", "kernel_init": kernel_init}

    def make(inputs: int, channels: int, stride: int) -> Network:
        across = identity() if (inputs, 1) == (channels, stride) else subsampling(channels, stride=stride)
        return residual_block(
            channels,
            stride=stride,
            shortcut=across if shortcut else None,
            normalised=normalised,
            pre_activation=pre_activation,
            **settings,
        )

    act = {**({"bn1": batch_norm()} if normalised else {}), "relu1": relu()}
    return serial(
        conv1=conv(width, 3, padding=1, **settings),
        **({} if pre_activation else act),
        **stages(make, width, [width, 2 * width, 4 * width], [blocks] * 3),
        **(act if pre_activation else {}),
        average=global_avg_pool(),
        dense=dense(classes, kernel_init=kernel_init),
    )


def resnet18(classes: int = 1000, *, kernel_init: Initialiser = he) -> Network:
    """Depth 18 for images of 224 pixels; 11,689,512 parameters.

    >>> resnet18().output_shape((224, 224, 3))
    (1000,)
    """
    return resnet_large(residual_block, [64, 128, 256, 512], [2, 2, 2, 2], classes, kernel_init)


def resnet34(classes: int = 1000, *, kernel_init: Initialiser = he) -> Network:
    """Depth 34 for images of 224 pixels; 21,797,672 parameters."""
    return resnet_large(residual_block, [64, 128, 256, 512], [3, 4, 6, 3], classes, kernel_init)


def resnet50(classes: int = 1000, *, kernel_init: Initialiser = he) -> Network:
    """Depth 50 for images of 224 pixels, made of bottlenecks; 25,557,032 parameters."""
    return resnet_large(bottleneck_block, [256, 512, 1024, 2048], [3, 4, 6, 3], classes, kernel_init)


def resnet_large(
    make_block: Callable[..., Network],
    widths: Sequence[int],
    counts: Sequence[int],
    classes: int,
    kernel_init: Initialiser,
) -> Network:
    """Stages of `counts` blocks with `widths` channels; a projection wherever a block changes the shape."""
    settings: dict[str, Any] = {"bias": None, "kernel_init": kernel_init}

    def make(inputs: int, channels: int, stride: int) -> Network:
        keeps = (inputs, 1) == (channels, stride)
        across = identity() if keeps else projection(channels, stride=stride, **settings)
        return make_block(channels, stride=stride, shortcut=across, **settings)

    return serial(
        conv1=conv(64, 7, stride=2, padding=3, **settings),
        bn1=batch_norm(),
        relu1=relu(),
        pool1=max_pool(3, stride=2, padding=1),
        **stages(make, 64, widths, counts),
        average=global_avg_pool(),
        dense=dense(classes, kernel_init=kernel_init),
    )


def stages(make: Make, inputs: int, widths: Sequence[int], counts: Sequence[int]) -> dict[str, Network]:
    """layer1, layer2, ...: the first keeps its input's size, the others halve it in their first block."""
    found = {}
    for number, (channels, count) in enumerate(zip(widths, counts, strict=True), start=1):
        strides = [1 if number == 1 else 2] + [1] * (count - 1)
        before = [inputs] + [channels] * (count - 1)
        blocks = {f"block{i}": make(c, channels, s) for i, (c, s) in enumerate(zip(before, strides, strict=True), 1)}
        found[f"layer{number}"], inputs = serial(**blocks), channels
    return found
