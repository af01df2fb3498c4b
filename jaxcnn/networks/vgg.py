"""VGG with 11 and 16 weighted layers (Simonyan and Zisserman 2015, configurations A and D; torchvision's sizes)."""

from __future__ import annotations

from jaxcnn.networks.adaptive import adaptive_avg_pool
from jaxcnn.networks.combinators import serial
from jaxcnn.networks.initialisers import Initialiser, he
from jaxcnn.networks.layers import conv, dense, dropout, flatten, max_pool, relu
from jaxcnn.networks.network import Network

WIDTHS = (64, 128, 256, 512, 512)  # channels of the five stages; each ends in a pool of 2


def vgg11(classes: int = 1000, *, kernel_init: Initialiser = he) -> Network:
    """Configuration A: eight 3x3 convolutions and three dense layers; 132,863,336 parameters.

    >>> vgg11().output_shape((224, 224, 3))
    (1000,)
    """
    return vgg((1, 1, 2, 2, 2), classes, kernel_init)


def vgg16(classes: int = 1000, *, kernel_init: Initialiser = he) -> Network:
    """Configuration D: thirteen 3x3 convolutions and three dense layers; 138,357,544 parameters."""
    return vgg((2, 2, 3, 3, 3), classes, kernel_init)


def vgg(counts: tuple[int, ...], classes: int, kernel_init: Initialiser) -> Network:
    """So many convolutions in each stage. Images are [224, 224, 3], or other multiples of 224 by 224."""
    features: dict[str, Network] = {}
    last = 0
    for stage, (channels, count) in enumerate(zip(WIDTHS, counts, strict=True), start=1):
        first, last = last + 1, last + count
        for number in range(first, last + 1):
            features[f"conv{number}"] = conv(channels, 3, padding=1, kernel_init=kernel_init)
            features[f"relu{number}"] = relu()
        features[f"pool{stage}"] = max_pool(2)
    classifier = serial(
        dense1=dense(4096, kernel_init=kernel_init),
        relu1=relu(),
        drop1=dropout(),
        dense2=dense(4096, kernel_init=kernel_init),
        relu2=relu(),
        drop2=dropout(),
        dense3=dense(classes, kernel_init=kernel_init),
    )
    return serial(features=serial(**features), average=adaptive_avg_pool(7), flatten=flatten(), classifier=classifier)
