"""A picture's pixels as a network wants them.

resize    shorter side to `resize` pixels, bilinear with antialiasing
crop      the middle [height, width]
scale     bytes to 0 .. 1, then (x - mean) / deviation for each channel
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from jaxcnn.networks.network import Shape
from jaxcnn.prediction.images import check_size, read_image

Pixels = UInt8[np.ndarray, "height width channels"]
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of its colours, from 0 to 1


@dataclass(frozen=True)
class Preprocessing:
    """How a network's images are made; `shape` is what it takes, [height, width, channels]."""

    shape: Shape
    resize: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def pixels(self, path: Path) -> Pixels:
        """The middle of the picture in a file, in the network's size.

        Raises:
            UserError: the file holds no usable image, or one so long and thin that resizing would fill the memory.
        """
        height, width, channels = self.shape
        image = read_image(path, channels)
        size = resized(image.size, self.resize)
        check_size(path, size, f" once its shorter side has {self.resize}")
        image = image.resize(size, Image.Resampling.BILINEAR)
        left, top = round((image.width - width) / 2), round((image.height - height) / 2)
        return np.asarray(image.crop((left, top, left + width, top + height))).reshape(self.shape)

    def normalised(self, pixels: Pixels) -> Float32[np.ndarray, "height width channels"]:
        """Bytes as the network's numbers."""
        scaled = pixels.astype(np.float32) / 255
        return (scaled - np.asarray(self.mean, np.float32)) / np.asarray(self.deviation, np.float32)


def imagenet(shape: Shape) -> Preprocessing:
    """What torchvision's weights expect: 224 pixels from the middle of 256, each channel normalised."""
    return Preprocessing(shape, round(max(shape[:2]) * 256 / 224), IMAGENET_MEAN, IMAGENET_DEVIATION)


def plain(shape: Shape) -> Preprocessing:
    """What `jaxcnn train` trains on: numbers from 0 to 1."""
    return Preprocessing(shape, max(shape[:2]), (0.0,) * shape[-1], (1.0,) * shape[-1])


def resized(size: tuple[int, int], shorter: int) -> tuple[int, int]:
    """Width and height with the shorter of them as given, the other in proportion, rounded down.

    >>> resized((640, 427), 256)
    (383, 256)
    """
    width, height = size
    least = min(size)
    return shorter * width // least, shorter * height // least
