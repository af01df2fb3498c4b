"""AlexNet with torchvision's layer sizes (Krizhevsky 2014, "One weird trick"; seed 1, question 3)."""

from __future__ import annotations

from typing import Any

from jaxcnn.networks.adaptive import adaptive_avg_pool
from jaxcnn.networks.combinators import serial
from jaxcnn.networks.initialisers import Initialiser, uniform
from jaxcnn.networks.layers import conv, dense, dropout, flatten, max_pool, relu
from jaxcnn.networks.network import Network


def alexnet(classes: int = 1000, *, kernel_init: Initialiser | None = None) -> Network:
    """Five convolutions, three dense layers; 61,100,840 parameters, 4,096,000 of them the last layer's weights.

    Kernels and biases are drawn as PyTorch draws them, uniformly within 1 / sqrt(fan_in), unless `kernel_init` says
    otherwise (then biases are zero). Such small weights shrink the signal from layer to layer: an untrained network
    gives every class about 1 / 1000.

    Images are [224, 224, 3]; of other sizes, those whose last pool is a multiple of 6 wide and high.

    >>> alexnet().output_shape((224, 224, 3))
    (1000,)
    """

    def drawn(fan_in: int) -> dict[str, Any]:
        if kernel_init is not None:
            return {"kernel_init": kernel_init}
        return dict.fromkeys(("kernel_init", "bias_init"), uniform(fan_in))

    features = serial(
        conv1=conv(64, 11, stride=4, padding=2, **drawn(11 * 11 * 3)),  # [n, 55, 55, 64]
        relu1=relu(),
        pool1=max_pool(3, stride=2),  # [n, 27, 27, 64]
        conv2=conv(192, 5, padding=2, **drawn(5 * 5 * 64)),
        relu2=relu(),
        pool2=max_pool(3, stride=2),  # [n, 13, 13, 192]
        conv3=conv(384, 3, padding=1, **drawn(3 * 3 * 192)),
        relu3=relu(),
        conv4=conv(256, 3, padding=1, **drawn(3 * 3 * 384)),
        relu4=relu(),
        conv5=conv(256, 3, padding=1, **drawn(3 * 3 * 256)),
        relu5=relu(),
        pool3=max_pool(3, stride=2),  # [n, 6, 6, 256]
    )
    classifier = serial(
        drop1=dropout(),
        dense1=dense(4096, **drawn(6 * 6 * 256)),
        relu1=relu(),
        drop2=dropout(),
        dense2=dense(4096, **drawn(4096)),
        relu2=relu(),
        dense3=dense(classes, **drawn(4096)),
    )
    return serial(features=features, average=adaptive_avg_pool(6), flatten=flatten(), classifier=classifier)
