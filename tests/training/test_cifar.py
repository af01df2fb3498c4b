"""Tests of the CIFAR-10 reader on archives written here."""

import io
import tarfile

import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.training.cifar import RECORD, TEST, TRAIN, read_cifar10


def write_archive(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def record(label, red, green, blue):
    return bytes([label]) + b"".join(bytes([value]) * 1024 for value in (red, green, blue))


def test_planes_become_channels_and_files_follow_each_other(tmp_path):
    files = {name: record(number, 10 * number, 20, 30) for number, name in enumerate(TRAIN)}
    images, labels = read_cifar10(write_archive(tmp_path / "set.tar.gz", files), TRAIN)
    assert labels.tolist() == [0, 1, 2, 3, 4]
    assert images.shape == (5, 32, 32, 3)
    assert images[3, 7, 9].tolist() == [30, 20, 30]


def test_rows_stay_rows(tmp_path):
    plane = np.repeat(np.arange(32, dtype=np.uint8), 32).tobytes()  # pixel [h, w] = h
    images, _ = read_cifar10(write_archive(tmp_path / "set.tar.gz", {TEST[0]: b"\7" + 3 * plane}), TEST)
    assert images[0, :, 5, 1].tolist() == list(range(32))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param({}, "holds no file", id="member missing"),
        pytest.param({TEST[0]: b""}, "0 bytes", id="member empty"),
        pytest.param({TEST[0]: bytes(RECORD - 1)}, "3,072 bytes", id="record cut off"),
    ],
)
def test_a_wrong_archive_is_named(tmp_path, files, message):
    with pytest.raises(UserError, match=message):
        read_cifar10(write_archive(tmp_path / "set.tar.gz", files), TEST)


def test_a_damaged_or_missing_archive_is_named(tmp_path):
    whole = write_archive(tmp_path / "set.tar.gz", {TEST[0]: np.random.default_rng(0).bytes(4 * RECORD)}).read_bytes()
    for content in (b"", b"no archive", whole[: len(whole) // 2]):
        (tmp_path / "bad.tar.gz").write_bytes(content)
        with pytest.raises(UserError, match="is damaged"):
            read_cifar10(tmp_path / "bad.tar.gz", TEST)
    with pytest.raises(UserError, match="No such file"):
        read_cifar10(tmp_path / "absent.tar.gz", TEST)
