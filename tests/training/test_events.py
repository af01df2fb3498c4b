"""Tests of what TensorBoard reads, by a reader of its own format: framed records, checksums, protocol buffers."""

import struct
import sys

import pytest

from jaxcnn.errors import UserError
from jaxcnn.networks import NAMED, Named
from jaxcnn.training import experiment
from jaxcnn.training.config import Config
from jaxcnn.training.events import NAME, TAGS, recording
from jaxcnn.training.metrics import Epoch
from jaxcnn.training.run import read_metrics
from tests.training import tiny
from tests.training.files import striped_set, write_folder

EPOCHS = [Epoch(number, 2.5 / number, 0.25, 2.0, 0.5, 0.125, 400.0 * number) for number in (1, 2, 300)]


def crc32c(data):
    """Castagnoli's checksum, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def checksum(data):
    """As TensorFlow's records have it: rotated and offset."""
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def records(content):
    """The framed records: length, its checksum, data, their checksum."""
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        data = content[12 : 12 + length]
        assert (content[8:12], content[12 + length : 16 + length]) == (checksum(content[:8]), checksum(data))
        yield data
        content = content[16 + length :]


def varint(data, at):
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    """Pairs of field number and content of a protocol buffer: numbers, or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            size, at = varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = data[at : at + size], at + size
        yield number, value


def read(path):
    """The version, and of each event its step and its scalars by tag."""
    first, *events = [dict(fields(record)) for record in records(path.read_bytes())]
    scalars = []
    for event in events:  # 2: step, 5: summary; in there 1: value, and there 1: tag, 2: float
        values = [dict(fields(value)) for _, value in fields(event[5])]
        scalars.append((event[2], {value[1].decode(): struct.unpack("<f", value[2])[0] for value in values}))
    return first[3].decode(), scalars


def expected(epochs):
    def float32(value):
        return struct.unpack("<f", struct.pack("<f", value))[0]

    return [(epoch.epoch, {tag: float32(getattr(epoch, name)) for name, tag in TAGS.items()}) for epoch in epochs]


def test_the_reader_s_checksum_is_the_published_one():
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720, appendix B.4


def test_every_epoch_is_on_the_disk_as_it_ends_after_those_behind(tmp_path):
    (tmp_path / NAME).write_bytes(b"an earlier process's")
    with recording(tmp_path, EPOCHS[:1]) as record:
        for count, epoch in enumerate(EPOCHS[1:], 2):
            record(epoch)
            assert read(tmp_path / NAME) == ("brain.Event:2", expected(EPOCHS[:count]))


def test_a_full_disk_is_an_error_and_no_end_of_time(tmp_path):
    (tmp_path / NAME).symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"), recording(tmp_path, []) as record:
        record(EPOCHS[0])


def config(tmp_path, **more):
    folder = write_folder(tmp_path / "data", striped_set())
    return Config(data=str(folder), network="tiny", epochs=2, run_dir=tmp_path / "run", tensorboard=True, **more)


@pytest.fixture(autouse=True)
def _tiny_network(monkeypatch):
    monkeypatch.setitem(NAMED, "tiny", Named(tiny.network, tiny.SHAPE))
    monkeypatch.setattr(experiment, "draw", lambda *_: None)


def test_a_run_is_watched_in_both_ways_and_a_dashboard_is_lines_where_there_is_no_terminal(tmp_path, capsys):
    assert experiment.conduct(config(tmp_path, dashboard=True)) == 0
    assert read(tmp_path / "run" / NAME)[1] == expected(read_metrics(tmp_path / "run" / "metrics.jsonl"))
    assert "epoch 2/2: loss" in capsys.readouterr().err


def test_without_the_package_nothing_is_begun(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX.record_writer", None)
    with pytest.raises(UserError, match=r"--tensorboard: needs tensorboardX .*; install jaxcnn\[watch\]"):
        experiment.conduct(config(tmp_path))
    assert not (tmp_path / "run").exists()
