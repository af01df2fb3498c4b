"""Images that stay in their files until they are asked for, so that a set may be larger than memory.

`Rows` is indexed as an array is, by its first axis, and what comes out is an ordinary array. Each request opens the
files it needs, sees that they are the ones that were there at the beginning, and reads whole records at their places.

Why reads and not a memory map: access to a mapped file that was cut short kills the process (SIGBUS), and no check can
come in between; a read that comes back short is a sentence. A map as large as the set also counts against a limit of
the address space (`ulimit -v`), which is the very case these are for. What it costs: 32 random records of 784 bytes
take 0.09 ms, and mapped 0.004 ms; 1,024 take 1.6 ms, and mapped 0.15 ms; in order, 2 GB a second (one core of two,
files in the page cache; from a disk both wait for it). The networks here train on tens of thousands a second and core.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from jaxcnn.errors import UserError

CHUNK = 1 << 24  # bytes
Decode = Callable[[UInt8[np.ndarray, "n record"]], UInt8[np.ndarray, "n ..."]]


class Part(NamedTuple):
    """A file of records that follow each other from `offset` on, as it was when it was first looked at."""

    path: Path
    offset: int  # bytes
    records: int
    identity: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Rows:
    """Records of `record` bytes in one file after the other, made rows of an array of `shape` as they are read.

    `rows[index]` takes what indexes the first axis of an array: row numbers of any shape, a slice, a mask. It raises
    UserError where a file is gone, was changed, or cannot be read. `decode` takes and gives one row per record.
    """

    parts: Sequence[Part]
    record: int
    shape: tuple[int, ...]
    decode: Decode
    places: np.ndarray = field(repr=False)  # [n], of the rows among all records
    dtype = np.dtype(np.uint8)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def subset(self, index: Any) -> Rows:
        """Some of the rows, unread."""
        places = self.places[index]
        return replace(self, places=places, shape=(len(places), *self.shape[1:]))

    def __getitem__(self, index: Any) -> np.ndarray:
        places = self.places[index]
        return self.decode(self.records(places.reshape(-1))).reshape(*places.shape, *self.shape[1:])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each part begins among all records, and where the last one ends."""
        return np.cumsum([0, *(part.records for part in self.parts)])

    def records(self, places: np.ndarray) -> UInt8[np.ndarray, "n record"]:
        """The records at these places, read in the order in which they lie on the disk."""
        found = np.empty((len(places), self.record), np.uint8)
        order = np.argsort(places)
        ascending = places[order]
        cuts = np.searchsorted(ascending, self.starts).tolist()  # each part's share
        for part, start, low, high in zip(self.parts, self.starts, cuts, cuts[1:], strict=False):
            if low < high:
                read(part, self.record, ascending[low:high] - start, order[low:high], found.data.cast("B"))
        return found


def all_rows(parts: Sequence[Part], record: int, row: tuple[int, ...], decode: Decode = np.asarray) -> Rows:
    """All records of the parts, as rows of shape `row`."""
    count = sum(part.records for part in parts)
    return Rows(parts, record, (count, *row), decode, np.arange(count))


def in_turn(images: np.ndarray | Rows) -> Iterator[np.ndarray]:
    """An array or rows from the first to the last, as many at a time as are about 16 MiB in memory or their files."""
    row = images.record if isinstance(images, Rows) else math.prod(images.shape[1:])
    count = max(1, CHUNK // row)
    for first in range(0, len(images), count):
        yield images[first : first + count]


def identity(found: os.stat_result) -> tuple[int, ...]:
    """Another file, another length or a later change is another identity."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def read(part: Part, record: int, places: np.ndarray, slots: np.ndarray, into: memoryview) -> None:
    """Ascending records of a part, each into its slot; those that follow each other in both in one go.

    Raises:
        UserError: the file is gone, was changed, or cannot be read.
    """
    first = np.append(0, np.flatnonzero((np.diff(places) != 1) | (np.diff(slots) != 1)) + 1)
    offsets, begins = part.offset + record * places[first], record * slots[first]
    ends = begins + record * np.diff(first, append=len(places))
    try:
        file = os.open(part.path, os.O_RDONLY)
        try:
            if identity(os.fstat(file)) != part.identity:
                raise UserError(f"{part.path}: is no longer the file it was when the run began; put that one back")
            for offset, begin, end in zip(offsets.tolist(), begins.tolist(), ends.tolist(), strict=True):
                read_whole(file, part.path, into[begin:end], offset)
        finally:
            os.close(file)
    except OSError as error:
        raise UserError(f"{part.path}: cannot be read any more ({error.strerror}); put the file back") from error


def read_whole(file: int, path: Path, into: memoryview, offset: int) -> None:
    """Fill `into` from `offset` on."""
    while into:
        count = os.preadv(file, [into], offset)
        if count == 0:
            raise UserError(f"{path}: was cut short while it was read; put the whole file back")
        into, offset = into[count:], offset + count
