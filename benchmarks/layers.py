"""Convolutions of well-known networks, by name: whether a layer that is no row of the table falls into a slow lowering.

Batches are small, so that all of them take some minutes. `python -m benchmarks --layers` measures them.
"""

from __future__ import annotations

from typing import Any

from benchmarks.rows import Row
from jaxcnn import networks
from jaxcnn.networks.network import Shape

Window = int | tuple[int, ...]


def conv(network: str, batch: int, image: Shape, features: int, window: Window, **settings: Any) -> Row:
    """A row whose name says what the layer is; padding is "SAME" unless given."""
    layer = networks.conv(features, window, bias=None, **{"padding": "SAME"} | settings)
    return Row(f"{network}: {described(image, features, window, settings)}", network, layer, batch, image)


def transposed(network: str, batch: int, image: Shape, features: int, window: Window, **settings: Any) -> Row:
    layer = networks.conv_transpose(features, window, bias=None, **settings)
    name = f"{network}: transposed {described(image, features, window, settings)}"
    return Row(name, network, layer, batch, image)


def described(image: Shape, features: int, window: Window, settings: dict[str, Any]) -> str:
    """Window, channels, image and settings but the padding in words.

    >>> described((56, 56, 64), 128, 3, {"stride": 2, "padding": 1})
    '3x3 64->128, 56x56, stride 2'
    """
    *sizes, channels = image
    window = window if isinstance(window, tuple) else (window,) * len(sizes)
    others = [f"{name} {value}" for name, value in settings.items() if name != "padding"]
    return ", ".join([f"{by(window)} {channels}->{features}", by(sizes), *others])


def by(sizes: Any) -> str:
    return "x".join(map(str, sizes))


LAYERS = (
    conv("ResNet-50", 4, (224, 224, 3), 64, 7, stride=2, padding=3),
    conv("ResNet-50", 4, (56, 56, 64), 64, 1),
    conv("ResNet-50", 4, (56, 56, 64), 256, 1),
    conv("ResNet-50", 4, (56, 56, 256), 64, 1),
    conv("ResNet-50", 4, (56, 56, 64), 64, 3),
    conv("ResNet-50", 4, (56, 56, 128), 128, 3, stride=2, padding=1),
    conv("ResNet-50", 4, (56, 56, 256), 512, 1, stride=2),
    conv("ResNet-50", 4, (28, 28, 128), 128, 3),
    conv("ResNet-50", 4, (14, 14, 256), 256, 3),
    conv("ResNet-50", 4, (7, 7, 512), 512, 3),
    conv("ResNet-50", 4, (7, 7, 512), 2048, 1),
    conv("ResNet-50, one image", 1, (56, 56, 64), 64, 3),
    conv("ResNet-50, one image", 1, (7, 7, 512), 512, 3),
    conv("VGG", 2, (224, 224, 3), 64, 3),
    conv("VGG", 2, (28, 28, 256), 512, 3),
    conv("ResNeXt", 2, (28, 28, 128), 128, 3, groups=32),
    conv("ResNeXt", 2, (28, 28, 256), 256, 3, groups=32, stride=2, padding=1),
    conv("ShuffleNet", 4, (28, 28, 240), 240, 1, groups=3),
    conv("MobileNetV2", 8, (112, 112, 3), 32, 3, stride=2, padding=1),
    conv("MobileNetV2", 4, (56, 56, 96), 96, 3, groups=96, stride=2, padding=1),
    conv("MobileNetV2", 4, (28, 28, 144), 144, 3, groups=144),
    conv("MobileNetV2", 8, (7, 7, 960), 960, 3, groups=960),
    conv("MobileNetV2", 8, (112, 112, 16), 96, 1),
    conv("MobileNetV2", 8, (56, 56, 96), 24, 1),
    conv("EfficientNet", 4, (28, 28, 240), 240, 5, groups=240, stride=2, padding=2),
    conv("ConvNeXt", 8, (224, 224, 3), 96, 4, stride=4),
    conv("ConvNeXt", 8, (56, 56, 96), 192, 2, stride=2),
    conv("ConvNeXt", 2, (28, 28, 192), 192, 7, groups=192),
    conv("ConvNeXt", 4, (7, 7, 768), 768, 7, groups=768),
    conv("ViT", 4, (224, 224, 3), 768, 16, stride=16),
    conv("Inception", 8, (17, 17, 128), 128, (1, 7)),
    conv("Inception", 8, (17, 17, 128), 192, (7, 1)),
    conv("Inception", 32, (28, 28, 16), 32, 5),
    conv("Inception", 8, (28, 28, 96), 128, 3),
    conv("DeepLab", 2, (33, 33, 256), 256, 3, dilation=6),
    conv("SRCNN", 2, (96, 96, 3), 64, 9),
    conv("SRCNN", 2, (96, 96, 64), 3, 9),
    conv("U-Net", 2, (128, 128, 64), 64, 3),
    conv("U-Net", 2, (128, 128, 128), 64, 3),
    conv("U-Net", 2, (128, 128, 64), 2, 1),
    transposed("U-Net", 2, (64, 64, 128), 64, 2, stride=2),
    conv("DCGAN", 32, (64, 64, 3), 64, 4, stride=2, padding=1),
    conv("DCGAN", 32, (32, 32, 64), 128, 4, stride=2, padding=1),
    transposed("DCGAN", 32, (1, 1, 100), 512, 4),
    transposed("DCGAN", 8, (4, 4, 512), 256, 4, stride=2, padding=1),
    transposed("DCGAN", 8, (16, 16, 128), 64, 4, stride=2, padding=1),
    transposed("DCGAN", 8, (32, 32, 64), 3, 4, stride=2, padding=1),
    transposed("FCN", 1, (32, 32, 21), 21, 16, stride=8, padding=4),
    conv("WaveNet", 8, (4096, 32), 64, 2, dilation=16, padding="VALID"),
    conv("M5", 16, (8000, 1), 64, 80, stride=4, padding="VALID"),
    conv("1-D ResNet", 16, (256, 256), 256, 3),
    conv("1-D ResNet", 32, (512, 64), 128, 3, stride=2, padding=1),
    conv("Conformer", 8, (400, 256), 256, 31, groups=256),
    conv("C3D", 1, (16, 32, 32, 3), 64, 3),
    conv("3-D U-Net", 1, (24, 24, 24, 32), 32, 3),
    conv("R(2+1)D", 2, (8, 28, 28, 64), 64, (1, 3, 3)),
    conv("R(2+1)D", 2, (8, 28, 28, 64), 64, (3, 1, 1)),
)
