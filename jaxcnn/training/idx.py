"""MNIST's file format, IDX: unsigned bytes behind a header that says how many.

    bytes 0, 1     zero
    byte  2        element type, 0x08 for unsigned bytes
    byte  3        number of dimensions, d
    4 d bytes      the sizes, big-endian
    then           the elements, last axis fastest

Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, 1998. A file may be gzipped; its first
two bytes tell. Nothing is allocated on the word of a header: a file is read up to what it can hold.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from jaxcnn.errors import UserError

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


def read_stream(stream: BufferedIOBase, path: Path, limit: int) -> np.ndarray:
    """The array in an open IDX stream that cannot hold more than `limit` bytes."""
    shape = read_header(stream, path)
    size = math.prod(shape)
    if size > limit:
        raise UserError(f"{path}: the header announces {described(shape)}, more than the file can hold; it is corrupt")
    data = read_at_most(stream, size + 1)
    if len(data) != size:
        found = "more bytes" if len(data) > size else f"only {len(data):,}"
        raise UserError(f"{path}: the header announces {described(shape)}, but {found} follow; fetch the file again")
    return np.frombuffer(data, np.uint8).reshape(shape)


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


def read_at_most(stream: BufferedIOBase, size: int) -> bytes:
    """Up to `size` bytes, a chunk at a time: memory grows with what is there, not with what was announced."""
    data = bytearray()
    while len(data) < size and (chunk := stream.read(min(CHUNK, size - len(data)))):
        data += chunk
    return bytes(data)


def described(shape: tuple[int, ...]) -> str:
    return f"{' x '.join(f'{size:,}' for size in shape)} = {math.prod(shape):,} bytes"
