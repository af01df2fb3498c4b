"""CIFAR-10's binary form: records of one label and 32 x 32 pixels, a tar of six files of them.

    byte  0            label, 0 to 9
    bytes 1 to 3072    the red, the green, the blue plane, each row by row

A. Krizhevsky, Learning multiple layers of features from tiny images, 2009.
"""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxcnn.errors import UserError
from jaxcnn.training.rows import Part, Rows, all_rows, identity, in_turn

SIDE, CHANNELS = 32, 3
RECORD = 1 + CHANNELS * SIDE * SIDE
FOLDER = "cifar-10-batches-bin"
TRAIN = tuple(f"{FOLDER}/data_batch_{number}.bin" for number in range(1, 6))
TEST = (f"{FOLDER}/test_batch.bin",)


def read_cifar10(path: Path, members: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Images `[n, 32, 32, 3]` and labels `[n]`, bytes both, of some of the archive's files; nothing is unpacked.

    Raises:
        UserError: the archive or one of the files in it is missing or damaged.
    """
    try:
        with tarfile.open(path) as archive:
            parts = [read_member(archive, path, member) for member in members]
    except (tarfile.TarError, EOFError, zlib.error) as error:
        reason = str(error).partition("\n")[0].rstrip(":")
        raise UserError(f"{path}: the archive is damaged ({reason}); remove it and it will be fetched again") from error
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; remove the file and it will be fetched again") from error
    return unpacked(parts)


def read_cifar10_files(paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    """The same of files that were taken out of the archive, or written in its form.

    Raises:
        UserError: a file cannot be read or is damaged.
    """
    try:
        return unpacked([as_records(path.read_bytes(), path, path.name) for path in paths])
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}; name a folder with CIFAR-10's binary files") from error


def map_cifar10_files(paths: Sequence[Path]) -> tuple[Rows, np.ndarray]:
    """The same, with the images left in their files until they are asked for.

    Raises:
        UserError: as `read_cifar10_files`.
    """
    try:
        parts = [as_part(path, os.stat(path)) for path in paths]
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}; name a folder with CIFAR-10's binary files") from error
    labels = all_rows(parts, RECORD, (), decode=labels_of)
    return all_rows(parts, RECORD, (SIDE, SIDE, CHANNELS), decode=images_of), np.concatenate([*in_turn(labels)])


def unpacked(parts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of records."""
    records = np.concatenate(parts)  # [n, 3073]
    return images_of(records), labels_of(records)


def images_of(records: np.ndarray) -> np.ndarray:
    planes = records[:, 1:].reshape(-1, CHANNELS, SIDE, SIDE)  # [n, c, h, w]
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))  # [n, h, w, c]


def labels_of(records: np.ndarray) -> np.ndarray:
    return records[:, 0]


def read_member(archive: tarfile.TarFile, path: Path, member: str) -> np.ndarray:
    """The records `[n, 3073]` of one file of the archive."""
    try:
        stream = archive.extractfile(member)
    except KeyError:
        stream = None
    if stream is None:
        raise UserError(f"{path}: holds no file {member}; it is not CIFAR-10's binary version")
    return as_records(stream.read(), path, member)


def as_records(data: bytes, path: Path, member: str) -> np.ndarray:
    """A file's bytes as records `[n, 3073]`."""
    check_length(len(data), path, member)
    return np.frombuffer(data, np.uint8).reshape(-1, RECORD)


def as_part(path: Path, about: os.stat_result) -> Part:
    """A file's records, unread."""
    check_length(about.st_size, path, path.name)
    return Part(path, 0, about.st_size // RECORD, identity(about))


def check_length(length: int, path: Path, member: str) -> None:
    """Whole records, and at least one."""
    if length == 0 or length % RECORD:
        raise UserError(f"{path}: {member} has {length:,} bytes, no positive multiple of {RECORD:,}; it is damaged")
