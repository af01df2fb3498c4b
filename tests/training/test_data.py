"""Tests of the data sets: the split, the subset, folders, and downloads from a server on this machine."""

import hashlib
import http.server
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.training import data
from jaxcnn.training.data import Source, load, stratified
from tests.training.files import NAMES, idx, striped_set, stripes, write_folder
from tests.training.test_cifar import RECORD, record, write_archive

MNIST = Path(__file__).parents[3] / "shared" / "data" / "mnist"


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def test_digits_are_split_by_every_fifth_of_each_class(digits):
    from sklearn.datasets import load_digits

    source = load_digits()
    assert (len(digits.train.labels), len(digits.test.labels)) == (1442, 355)
    held_out = [np.flatnonzero(source.target == label)[4::5] for label in range(10)]
    np.testing.assert_array_equal(np.sort(digits.test.labels), np.repeat(range(10), list(map(len, held_out))))
    np.testing.assert_array_equal(digits.test.labels, source.target[np.sort(np.concatenate(held_out))])


def test_digits_are_28_pixels_square_and_use_all_grey_levels(digits):
    assert digits.train.images.shape == (1442, 28, 28, 1)
    assert digits.train.images.dtype == np.uint8
    assert (digits.train.images.min(), digits.train.images.max()) == (0, 255)


def test_bilinear_resizing_keeps_the_mean_grey_level(digits):
    from sklearn.datasets import load_digits

    mean = load_digits().images.mean() * 255 / 16
    resized = np.concatenate([digits.train.images, digits.test.images]).mean()
    assert abs(resized - mean) < 0.5


def test_a_stratified_subset_takes_the_first_of_each_class():
    examples = stripes(50)
    chosen = stratified(examples, 3)
    np.testing.assert_array_equal(chosen.images, examples.images[:30])
    assert np.bincount(chosen.labels).tolist() == [3] * 10


def test_a_class_too_small_for_the_subset_is_named():
    examples = stripes(49)  # class 9 has one example less
    with pytest.raises(UserError, match="--per-class 5: class 9 has only 4 training examples"):
        stratified(examples, 5)


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_a_folder_of_idx_files_is_read(tmp_path, zipped):
    written = striped_set()
    found = load(str(write_folder(tmp_path, written, zipped)))
    for part, expected in zip(found[:2], written[:2], strict=True):
        np.testing.assert_array_equal(part.images, expected.images)
        np.testing.assert_array_equal(part.labels, expected.labels)


BYTES = partial(np.zeros, dtype=np.uint8)
MISLABELLED = {
    "labels for images": (NAMES[0], idx(BYTES(50)), "has 1 dimension\\(s\\), images have 3; were images and labels"),
    "images for labels": (NAMES[1], idx(BYTES((50, 10, 10))), "has 3 dimension\\(s\\), labels have 1"),
    "a label too few": (NAMES[1], idx(BYTES(49)), "49 labels for 50 images"),
    "label out of range": (NAMES[1], idx(np.arange(50, dtype=np.uint8)), "label 10 at position 10; labels are 0 to 9"),
    "no images": (NAMES[2], idx(BYTES((0, 10, 10))), "is empty"),
    "images of no height": (NAMES[2], idx(BYTES((20, 0, 10))), "is empty"),
    "test images of another size": (NAMES[2], idx(BYTES((20, 9, 10))), "are 10 x 10 and 9 x 10 pixels"),
}


@pytest.mark.parametrize(("name", "content", "message"), MISLABELLED.values(), ids=MISLABELLED)
def test_a_mislabelled_folder_is_named(tmp_path, name, content, message):
    write_folder(tmp_path, striped_set())
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        load(str(tmp_path))


def test_a_missing_file_or_set_is_named(tmp_path):
    with pytest.raises(UserError, match="holds neither train-images-idx3-ubyte nor train"):
        load(str(tmp_path))
    with pytest.raises(UserError, match="no such folder, and no set of that name; the sets are digits, mnist"):
        load("imagenet")


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A folder that is served over HTTP on this machine, and a cache for what is fetched from it."""
    served = tmp_path / "served"
    served.mkdir()
    monkeypatch.setenv("JAXCNN_DATA", str(tmp_path / "cache"))
    handler = partial(Quiet, directory=str(served))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield served, f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def digests(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def test_a_named_set_is_fetched_once_and_checked(server, monkeypatch):
    served, url = server
    write_folder(served, striped_set(), zipped=True)
    monkeypatch.setitem(data.SOURCES, "mnist", Source(url, digests(served), data.DIGITS))
    assert load("mnist", 2).train.images.shape == (20, 10, 10, 1)
    for file in served.iterdir():
        file.unlink()
    assert load("mnist").test.images.shape == (20, 10, 10, 1)


def test_cifar10_is_fetched_and_read(server, monkeypatch):
    from jaxcnn.training.cifar import TEST, TRAIN

    served, url = server
    write_archive(served / "cifar-10-binary.tar.gz", {name: record(3, 1, 2, 3) for name in TRAIN + TEST})
    monkeypatch.setitem(data.SOURCES, "cifar10", Source(url, digests(served), data.THINGS))
    found = load("cifar10")
    assert (found.train.images.shape, found.test.images.shape) == ((5, 32, 32, 3), (1, 32, 32, 3))
    assert found.classes[3] == "cat"


def test_a_download_with_another_digest_is_refused(server, monkeypatch):
    served, url = server
    write_folder(served, striped_set(), zipped=True)
    wrong = dict.fromkeys(digests(served), "0" * 64)
    monkeypatch.setitem(data.SOURCES, "mnist", Source(url, wrong, data.DIGITS))
    with pytest.raises(UserError, match=r"--data mnist: cannot be fetched from .* hash"):
        load("mnist")


def test_a_server_that_does_not_answer_is_named(server, monkeypatch):
    _, url = server  # nothing is served
    monkeypatch.setitem(data.SOURCES, "mnist", data.SOURCES["mnist"]._replace(url=url))
    with pytest.raises(UserError, match=r"--data mnist: cannot be fetched from .*404"):
        load("mnist")


def test_every_named_set_has_a_sha256_per_file():
    for source in data.SOURCES.values():
        assert source.url.startswith("https://")
        assert all(len(bytes.fromhex(digest)) == 32 for digest in source.sha256.values())


@pytest.mark.skipif(not MNIST.is_dir(), reason="no MNIST files beside the repository")
def test_real_mnist_files_are_read():
    found = load(str(MNIST), 100)
    assert found.train.images.shape == (1000, 28, 28, 1)
    assert found.test.images.shape == (10_000, 28, 28, 1)
    assert 30 < found.test.images.mean() < 40


def write_cifar_folder(folder, records, seed=0):
    """`records` random records in one training file and in the test file."""
    folder.mkdir()
    for number, name in enumerate(("data_batch_1.bin", "test_batch.bin")):
        content = np.random.default_rng(seed + number).integers(0, 256, (records, RECORD), dtype=np.uint8)
        content[:, 0] = np.arange(records) % 10
        (folder / name).write_bytes(content.tobytes())
    return folder


def test_a_folder_of_cifar_10_s_binary_files(tmp_path):
    folder = write_cifar_folder(tmp_path / "cifar", 20)
    data = load(str(folder))
    assert data.train.images.shape == data.test.images.shape == (20, 32, 32, 3)
    assert data.train.labels.tolist() == [*range(10)] * 2
    assert data.classes[3] == "cat"
    raw = np.frombuffer((folder / "data_batch_1.bin").read_bytes(), np.uint8)
    assert data.train.images[1, 2, 3].tolist() == raw[RECORD + 1 :][2 * 32 + 3 :: 1024][:3].tolist()


def test_a_cifar_folder_without_training_files_or_with_a_damaged_one_is_named(tmp_path):
    folder = write_cifar_folder(tmp_path / "cifar", 2)
    batch = folder / "data_batch_1.bin"
    batch.write_bytes(batch.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"data_batch_1\.bin has 6,145 bytes"):
        load(str(folder))
    batch.unlink()
    with pytest.raises(UserError, match=r"no data_batch_1\.bin to learn from"):
        load(str(folder))
