"""Data sets that tests write themselves."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

from jaxcnn.training.data import DataSet, Examples

NAMES = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))


def idx(array: np.ndarray) -> bytes:
    """An array of bytes in MNIST's format."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def stripes(count: int, seed: int = 0, side: int = 10) -> Examples:
    """Noisy images whose class is the row that is bright: learnt within a few steps."""
    random = np.random.default_rng(seed)
    labels = (np.arange(count) % 10).astype(np.int32)
    images = random.integers(0, 50, (count, side, side, 1), dtype=np.uint8)
    images[np.arange(count), labels] += 200
    return Examples(images, labels)


def striped_set(train: int = 50, test: int = 20) -> DataSet:
    return DataSet(stripes(train), stripes(test, seed=1))


def write_folder(folder: Path, data: DataSet, zipped: bool = False) -> Path:
    """Four IDX files, named as MNIST's."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = (data.train.images[..., 0], data.train.labels, data.test.images[..., 0], data.test.labels)
    for name, array in zip(NAMES, arrays, strict=True):
        content = idx(array.astype(np.uint8))
        (folder / (f"{name}.gz" if zipped else name)).write_bytes(gzip.compress(content) if zipped else content)
    return folder
