"""MNIST's file format, IDX: unsigned bytes behind a header that says how many.

    bytes 0, 1     zero
    byte  2        element type, 0x08 for unsigned bytes
    byte  3        number of dimensions, d
    4 d bytes      the sizes, big-endian
    then           the elements, last axis fastest

Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, 1998. A file may be gzipped; its first
two bytes tell. Nothing is allocated on the word of a header: a file is read up to what it can hold. Of one that is not
gzipped, records can be read at their places (`map_idx`).
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from jaxcnn.errors import UserError
from jaxcnn.training.rows import Part, Rows, all_rows, identity

GZIP = b"\x1f\x8b"
UNSIGNED_BYTES = 0x08
DEFLATE_LIMIT = 1032  # deflate never expands a byte to more than this many
CHUNK = 1 << 20


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file of unsigned bytes, gzipped or not.

    Raises:
        UserError: the file is missing, damaged, of another type, or not as long as its header says.
    """
    try:
        with path.open("rb") as file:
            zipped = file.read(len(GZIP)) == GZIP
        with gzip.open(path) if zipped else path.open("rb") as stream:
            limit = path.stat().st_size * (DEFLATE_LIMIT if zipped else 1)
            return read_stream(stream, path, limit)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path}: the gzip stream is damaged ({error}); fetch the file again") from error
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; check the path and its permissions") from error


def map_idx(path: Path) -> Rows:
    """The same array, left in its file until its rows are asked for.

    Raises:
        UserError: as `read_idx`, and where the file is gzipped.
    """
    try:
        with path.open("rb") as stream:
            if stream.read(len(GZIP)) == GZIP:
                raise UserError(f"{path}: is compressed and cannot be read a record at a time; gunzip it first")
            stream.seek(0)
            shape, offset, about = read_header(stream, path), stream.tell(), os.fstat(stream.fileno())
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; check the path and its permissions") from error
    check_length(path, shape, about.st_size - offset)
    part = Part(path, offset, shape[0], identity(about))
    return all_rows([part], math.prod(shape[1:]), shape[1:])


def read_stream(stream: BufferedIOBase, path: Path, limit: int) -> np.ndarray:
    """The array in an open IDX stream that cannot hold more than `limit` bytes."""
    shape = read_header(stream, path)
    size = math.prod(shape)
    if size > limit:
        raise UserError(f"{path}: the header announces {described(shape)}, more than the file can hold; it is corrupt")
    data = read_at_most(stream, size + 1)
    check_length(path, shape, len(data))
    return np.frombuffer(data, np.uint8).reshape(shape)


def check_length(path: Path, shape: tuple[int, ...], length: int) -> None:
    """As many bytes as the header announces."""
    if length != math.prod(shape):
        found = "more bytes" if length > math.prod(shape) else f"only {length:,}"
        raise UserError(f"{path}: the header announces {described(shape)}, but {found} follow; fetch the file again")


def read_header(stream: BufferedIOBase, path: Path) -> tuple[int, ...]:
    """The sizes that an IDX header announces."""
    magic = stream.read(4)
    if len(magic) < 4:
        raise UserError(f"{path}: {len(magic)} bytes are no IDX file; fetch the file again")
    if magic[:2] != b"\0\0" or not 1 <= magic[3] <= 4:
        raise UserError(f"{path}: starts with {magic.hex(' ')}, an IDX file with 00 00 08 and its number of dimensions")
    if magic[2] != UNSIGNED_BYTES:
        raise UserError(f"{path}: holds elements of IDX type 0x{magic[2]:02x}; images and labels are bytes, 0x08")
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise UserError(f"{path}: ends within its header; fetch the file again")
    return struct.unpack(f">{magic[3]}I", sizes)


def read_at_most(stream: BufferedIOBase, size: int) -> bytearray:
    """Up to `size` bytes, a chunk at a time: memory grows with what is there, not with what was announced."""
    data = bytearray()
    while len(data) < size and (chunk := stream.read(min(CHUNK, size - len(data)))):
        data += chunk
    return data


def described(shape: tuple[int, ...]) -> str:
    return f"{' x '.join(f'{size:,}' for size in shape)} = {math.prod(shape):,} bytes"
