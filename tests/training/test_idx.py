"""Tests of the IDX reader: what is written is read, and nothing that is damaged is."""

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jaxcnn.errors import UserError
from jaxcnn.training.idx import read_idx
from tests.training.files import idx

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
DAMAGED = {
    "no bytes": (b"", "0 bytes"),
    "three bytes": (b"\0\0\x08", "3 bytes"),
    "wrong magic": (b"\x89PNG" + bytes(20), "starts with 89 50 4e 47"),
    "no dimensions": (b"\0\0\x08\0", "starts with 00 00 08 00"),
    "five dimensions": (b"\0\0\x08\5" + bytes(20), "starts with"),
    "floats": (b"\0\0\x0d\1" + struct.pack(">If", 1, 1.0), "type 0x0d"),
    "header cut off": (b"\0\0\x08\3" + bytes(7), "ends within its header"),
    "data cut off": (idx(IMAGES)[:-1], "but only 23 follow"),
    "one byte too many": (idx(IMAGES) + b"\0", "more bytes follow"),
    "terabytes announced": (b"\0\0\x08\3" + struct.pack(">3I", 2**32 - 1, 2**16, 2**16) + bytes(99), "it is corrupt"),
    "gzip cut off": (gzip.compress(idx(IMAGES))[:-9], "gzip stream is damaged"),
    "gzip of nothing": (gzip.compress(b""), "0 bytes"),
    "gzip data flipped": (gzip.compress(idx(IMAGES))[:-8] + bytes(8), "gzip stream is damaged"),
    "gzip method unknown": (b"\x1f\x8b\x07" + bytes(20), "gzip stream is damaged"),
    "terabytes announced in gzip": (
        gzip.compress(b"\0\0\x08\3" + struct.pack(">3I", 2**32 - 1, 2**16, 2**16) + bytes(99)),
        "it is corrupt",
    ),
    "gzip shorter than announced": (gzip.compress(idx(IMAGES)[:-1]), "but only 23 follow"),
}


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@given(array=arrays(np.uint8, st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)))
@settings(max_examples=20, deadline=None)
def test_what_is_written_is_read(tmp_path_factory, array, zipped):
    path = tmp_path_factory.getbasetemp() / "array"
    path.write_bytes(gzip.compress(idx(array)) if zipped else idx(array))
    found = read_idx(path)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(("content", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damage_is_named(tmp_path, content, message):
    path = tmp_path / "damaged"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_idx(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        read_idx(tmp_path / "absent")
    with pytest.raises(UserError, match="Is a directory"):
        read_idx(tmp_path)


@given(
    content=st.binary(max_size=40)
    | st.tuples(st.integers(1, 4), st.binary(max_size=40)).map(lambda made: b"\0\0\x08" + bytes([made[0]]) + made[1]),
    zipped=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_an_array_of_their_size_or_one_sentence(tmp_path_factory, content, zipped):
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes(gzip.compress(content) if zipped else content)
    try:
        found = read_idx(path)
    except UserError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert idx(found) == content
