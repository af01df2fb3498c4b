"""Tests of images that stay in their files: the same bits as read ones, and files that go away while they are used."""

import gc
import os
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.errors import UserError
from jaxcnn.training.cifar import RECORD
from jaxcnn.training.data import DataSet, load
from jaxcnn.training.rows import Part, all_rows, identity, in_turn
from tests.training.files import NAMES, striped_set, stripes, write_folder
from tests.training.test_data import MISLABELLED


def write_cifar(folder, sizes=(7, 1, 12), test=9):
    """CIFAR-10's binary files of so many random records."""
    folder.mkdir()
    random = np.random.default_rng(0)
    names = [f"data_batch_{number}.bin" for number in range(1, len(sizes) + 1)] + ["test_batch.bin"]
    for name, count in zip(names, (*sizes, test), strict=True):
        records = random.integers(0, 256, (count, RECORD), np.uint8)
        records[:, 0] = np.arange(count) % 10
        (folder / name).write_bytes(records.tobytes())
    return folder


FOLDERS = {"idx": lambda path: write_folder(path, striped_set()), "cifar": write_cifar}
INDICES = {
    "shuffled": np.random.default_rng(1).permutation(20),
    "with repetitions, backwards": np.array([3, 3, 19, -1, 0, 3]),
    "steps of batches": np.arange(20).reshape(4, 5)[::-1],
    "a slice": slice(2, 15, 3),
    "all": slice(None),
    "a mask": np.arange(20) % 3 == 0,
    "one": 7,
    "none": np.array([], int),
}


@pytest.fixture(params=FOLDERS)
def folder(request, tmp_path):
    return FOLDERS[request.param](tmp_path / "set")


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_what_is_indexed_is_bit_for_bit_what_is_read(folder, index):
    mapped, whole = load(str(folder), mapped=True).train.images, load(str(folder)).train.images
    found, expected = mapped.subset(slice(20))[index], whole[:20][index]
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(found, expected)


def test_a_mapped_set_looks_like_a_read_one(folder):
    mapped, whole = load(str(folder), mapped=True), load(str(folder))
    assert mapped.classes == whole.classes
    for left, right in zip(mapped[:2], whole[:2], strict=True):
        images = left.images
        assert (images.shape, images.dtype, images.ndim, len(images)) == (
            right.images.shape,
            np.uint8,
            4,
            len(right[1]),
        )
        np.testing.assert_array_equal(left.labels, right.labels)
        np.testing.assert_array_equal(np.asarray(images), right.images)
        np.testing.assert_array_equal(np.concatenate([*in_turn(images)]), right.images)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_rows_of_several_files_are_those_of_one_array(tmp_path_factory, data):
    """Any numbers of records in any number of files, any offset, any rows."""
    folder = tmp_path_factory.mktemp("parts")
    counts = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=4).filter(sum))
    record, offset = data.draw(st.integers(1, 6)), data.draw(st.integers(0, 9))
    whole = np.random.default_rng(0).integers(0, 256, (sum(counts), record), np.uint8)
    parts = []
    for number, records in enumerate(np.split(whole, np.cumsum(counts)[:-1])):
        path = folder / str(number)
        path.write_bytes(bytes(offset) + records.tobytes())
        parts.append(Part(path, offset, len(records), identity(path.stat())))
    index = np.array(data.draw(st.lists(st.integers(-len(whole), len(whole) - 1), max_size=12)), int)
    rows = all_rows(parts, record, (record,))
    np.testing.assert_array_equal(rows[index], whole[index])
    np.testing.assert_array_equal(rows.subset(index)[:], whole[index])
    with pytest.raises(IndexError):
        rows[len(whole)]


def test_a_subset_stays_in_the_files(folder):
    whole, mapped = load(str(folder), 1), load(str(folder), 1, mapped=True)
    assert mapped.train.images.shape == whole.train.images.shape
    assert mapped.train.images.parts
    np.testing.assert_array_equal(mapped.train.labels, whole.train.labels)
    np.testing.assert_array_equal(mapped.train.images[::-1], whole.train.images[::-1])


@pytest.mark.parametrize(("name", "content", "message"), MISLABELLED.values(), ids=MISLABELLED)
def test_a_mislabelled_folder_is_named(tmp_path, name, content, message):
    write_folder(tmp_path, striped_set())
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        load(str(tmp_path), mapped=True)


@pytest.mark.parametrize("length", [0, 3, 10, -1, 1], ids=["empty", "no magic", "half a header", "short", "long"])
def test_a_damaged_file_is_named_as_when_it_is_read(folder, length):
    path = next(path for path in sorted(folder.iterdir()) if path.name in ("data_batch_2.bin", NAMES[0]))
    content = path.read_bytes()
    path.write_bytes(content + b"\0" if length == 1 else content[:length])
    with pytest.raises(UserError) as read:
        load(str(folder))
    with pytest.raises(UserError) as mapped:
        load(str(folder), mapped=True)
    assert str(mapped.value).replace(" 0 bytes", " 1 bytes") == str(read.value).replace(" 0 bytes", " 1 bytes")


def test_what_cannot_be_mapped_is_said_so(tmp_path):
    for name in ("digits", "mnist", "cifar10"):
        with pytest.raises(UserError, match=f"^--data {name}: cannot be read a record at a time; name a folder"):
            load(name, mapped=True)
    folder = write_folder(tmp_path, striped_set(), zipped=True)
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz: is compressed and .* gunzip it first$"):
        load(str(folder), mapped=True)
    (tmp_path / NAMES[0]).mkdir()
    with pytest.raises(UserError, match="Is a directory"):
        load(str(folder), mapped=True)


def cut(path):
    os.truncate(path, path.stat().st_size - 1)


def touch(path):
    os.utime(path, ns=(0, 0))


def swap(path):
    other = path.with_suffix(".other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


AFTERWARDS = {
    "gone": (lambda path: path.unlink(), r"cannot be read any more \(No such file or directory\); put the file back"),
    "cut short": (cut, "is no longer the file it was"),
    "changed": (touch, "is no longer the file it was"),
    "another in its place": (swap, "is no longer the file it was"),
    "a folder in its place": (lambda path: (path.unlink(), path.mkdir()), "is no longer the file it was"),
}


@pytest.mark.parametrize(("happens", "message"), AFTERWARDS.values(), ids=AFTERWARDS)
def test_a_file_that_changes_between_two_batches_is_named(folder, happens, message):
    images = load(str(folder), mapped=True).train.images
    images[[0, 8]]
    path = images.parts[-1].path
    happens(path)
    with pytest.raises(UserError, match=message) as caught:
        images[[len(images) - 1]]
    assert str(caught.value).startswith(str(path))


def test_a_file_cut_short_while_it_is_read_is_no_crash(tmp_path, monkeypatch):
    """Behind the check's back: `fstat` still says what was there."""
    images = load(str(write_folder(tmp_path, striped_set())), mapped=True).train.images
    monkeypatch.setattr("jaxcnn.training.rows.identity", lambda _: images.parts[0].identity)
    cut(images.parts[0].path)
    with pytest.raises(UserError, match="was cut short while it was read"):
        images[:]


def test_no_file_stays_open(folder):
    gc.collect()
    before = set(os.listdir("/proc/self/fd"))
    images = load(str(folder), mapped=True).train.images
    images[[1, 8, 19]]
    assert set(os.listdir("/proc/self/fd")) == before


SCRIPT = """
import resource, sys
import numpy as np
from jaxcnn.errors import UserError
from jaxcnn.training.data import load

used = int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1]) << 10
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]),) * 2)
images = load(sys.argv[1], mapped=True).train.images
chosen = np.random.default_rng(0).integers(0, len(images), (5, 32))
print(sum(images[batch].shape == (32, 1000, 1000, 1) for batch in chosen))
try:
    load(sys.argv[1])
except UserError as error:
    print(error)
"""


def test_a_set_larger_than_the_address_space_is_read_in_parts_and_refused_whole(tmp_path):
    """4 GiB of black images (a hole in the file, no room on the disk), for a process that may have 256 MiB."""
    folder, count = write_folder(tmp_path, DataSet(stripes(4_300), stripes(20))), 4_300
    for name, images in ((NAMES[0], count), (NAMES[2], 20)):
        (folder / name).write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", images, 1000, 1000))
        os.truncate(folder / name, 16 + images * 1_000_000)
    command = [sys.executable, "-c", SCRIPT, str(folder), str(1 << 28)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[0] == "5", done.stderr
    assert done.stdout.endswith("does not fit into memory; stream it from uncompressed files\n")
