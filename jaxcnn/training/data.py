"""Images and their labels: a training part and a held-out part, as bytes, channels last.

    digits               scikit-learn's 1,797 handwritten digits (8 x 8, 17 grey levels), bilinear to 28 x 28
    mnist, fashion-mnist, cifar10    fetched once, checked by SHA-256, kept in the user's cache (or in $JAXCNN_DATA)
    a folder             four IDX files named as MNIST's, gzipped or not; or CIFAR-10's binary files

Where a set is `mapped`, its images stay in their files and are read when they are asked for (rows.py).

`digits` come without a split. Here every fifth example of each class, in the set's order, is held out: 355 of 1,797,
the same ones in every run.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int32

from jaxcnn.errors import UserError
from jaxcnn.training import cifar
from jaxcnn.training.idx import map_idx, read_idx
from jaxcnn.training.rows import Rows, in_turn

CLASSES = 10
DIGITS = tuple("0123456789")
GARMENTS = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
THINGS = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


Images = Any  # UInt8 [n, height, width, channels]: an array, or Rows, which are indexed alike


class Examples(NamedTuple):
    """Images in grey levels or colours from 0 to 255, and the class of each."""

    images: Images
    labels: Int32[np.ndarray, " n"]


class DataSet(NamedTuple):
    """What to train on, what to judge by, and what the classes are called."""

    train: Examples
    test: Examples
    classes: tuple[str, ...] = DIGITS


class Source(NamedTuple):
    """Where a named set comes from. The digests are those of the publishers' own files."""

    url: str
    sha256: dict[str, str]
    classes: tuple[str, ...]


SOURCES = {
    "mnist": Source(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        {
            "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
        DIGITS,
    ),
    "fashion-mnist": Source(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        {
            "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
        GARMENTS,
    ),
    "cifar10": Source(
        "https://www.cs.toronto.edu/~kriz/",
        {"cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
        THINGS,
    ),
}


def load(data: str, per_class: int | None = None, mapped: bool = False) -> DataSet:
    """The set called `data`, or the one in the folder `data`; of its training part `per_class` examples of each class.

    Args:
        mapped: leave the images in their files until they are asked for; such files must not be compressed.

    Raises:
        UserError: no such set or folder, a file missing, damaged or mislabelled, a class with too few examples, or a
            set too large for memory.
    """
    try:
        found = read(data, mapped)
    except MemoryError as error:
        raise UserError(
            f"--data {data}: does not fit into memory; --stream reads it as it is needed, from uncompressed files"
        ) from error
    return found if per_class is None else found._replace(train=stratified(found.train, per_class))


def read(data: str, mapped: bool) -> DataSet:
    """The whole set."""
    if mapped and data in ("digits", *SOURCES):
        raise UserError(
            f"--data {data}: cannot be read a record at a time; name a folder with uncompressed IDX or CIFAR-10 files"
        )
    if data == "digits":
        return digits()
    if data in SOURCES:
        return named(data)
    if os.path.isdir(data):
        return folder(Path(data), mapped)
    known = ", ".join(["digits", *SOURCES])
    raise UserError(f"--data {data}: no such folder, and no set of that name; the sets are {known}")


def digits(side: int = 28) -> DataSet:
    """scikit-learn's digits, `side` pixels square, every fifth of each class held out."""
    import jax
    from sklearn.datasets import load_digits

    found = load_digits()
    grey = found.images.astype(np.float32) * (255 / 16)  # [n, 8, 8]
    images = jax.image.resize(grey, (len(grey), side, side), "bilinear")  # [n, side, side]
    examples = as_examples(np.rint(np.asarray(images)).astype(np.uint8), found.target, "digits")
    held_out = rank_in_class(examples.labels) % 5 == 4
    return DataSet(select(examples, ~held_out), select(examples, held_out))


def named(name: str) -> DataSet:
    """A set from the network, or from where an earlier run put it."""
    source = SOURCES[name]
    files = fetch(name, source)
    if name == "cifar10":
        (archive,) = files.values()
        train, test = (as_examples(*cifar.read_cifar10(archive, names), archive) for names in (cifar.TRAIN, cifar.TEST))
        return DataSet(train, test, source.classes)
    return from_files(files.__getitem__, suffix=".gz")._replace(classes=source.classes)


def fetch(name: str, source: Source) -> dict[str, Path]:
    """The source's files in the user's cache, downloaded where they are not there yet."""
    import pooch

    store = pooch.create(
        path=Path(os.environ.get("JAXCNN_DATA", pooch.os_cache("jaxcnn"))) / name,
        base_url=source.url,
        registry={file: f"sha256:{digest}" for file, digest in source.sha256.items()},
    )
    try:
        return {file: Path(store.fetch(file)) for file in source.sha256}
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--data {name}: cannot be fetched from {source.url} ({reason})") from error


def folder(path: Path, mapped: bool = False) -> DataSet:
    """A folder with MNIST's four IDX files, each gzipped or not, or with CIFAR-10's binary files."""
    test_batch = path / "test_batch.bin"
    if test_batch.exists():
        batches = sorted(path.glob("data_batch_*.bin"))
        if not batches:
            raise UserError(f"--data {path}: holds test_batch.bin but no data_batch_1.bin to learn from")
        take = cifar.map_cifar10_files if mapped else cifar.read_cifar10_files
        parts = [take(files) for files in (batches, [test_batch])]
        train, test = (as_examples(images, labels, path) for images, labels in parts)
        return DataSet(train, test, THINGS)

    def find(name: str) -> Path:
        for candidate in (path / name, path / f"{name}.gz"):
            if candidate.exists():
                return candidate
        raise UserError(f"--data {path}: holds neither {name} nor {name}.gz")

    return from_files(find, mapped=mapped)


def from_files(find: Callable[[str], Path], suffix: str = "", mapped: bool = False) -> DataSet:
    """The set in four IDX files, wherever `find` has them."""

    def part(prefix: str) -> Examples:
        images, labels = (find(f"{prefix}-{kind}-ubyte{suffix}") for kind in ("images-idx3", "labels-idx1"))
        found = read_part(images, 3, "images", map_idx if mapped else read_idx)
        return as_examples(found, read_part(labels, 1, "labels", read_idx), labels)

    train, test = part("train"), part("t10k")
    if train.images.shape[1:] != test.images.shape[1:]:
        sizes = " and ".join(" x ".join(map(str, examples.images.shape[1:3])) for examples in (train, test))
        raise UserError(
            f"{find(f'train-images-idx3-ubyte{suffix}').parent}: training and test images are {sizes} pixels"
        )
    return DataSet(train, test)


def read_part(path: Path, rank: int, what: str, take: Callable[[Path], Images]) -> Images:
    """An IDX file that must have as many dimensions as `what` is in it."""
    array = take(path)
    if array.ndim != rank:
        raise UserError(f"{path}: has {array.ndim} dimension(s), {what} have {rank}; were images and labels swapped?")
    if 0 in array.shape:
        raise UserError(f"{path}: is empty ({' x '.join(map(str, array.shape))}); it must hold {what}")
    return array


def as_examples(images: Images, labels: np.ndarray, where: str | Path) -> Examples:
    """Images with a channel axis and labels that fit them."""
    if len(images) != len(labels):
        raise UserError(
            f"{where}: {len(labels):,} labels for {len(images):,} images; one of the files is another set's"
        )
    if labels.max() >= CLASSES:
        position = int(np.argmax(labels >= CLASSES))
        raise UserError(f"{where}: label {labels[position]} at position {position:,}; labels are 0 to {CLASSES - 1}")
    return Examples(images if images.ndim == 4 else with_channel(images), labels.astype(np.int32))


def with_channel(images: Images) -> Images:
    """Grey images `[n, h, w]` as `[n, h, w, 1]`."""
    return replace(images, shape=(*images.shape, 1)) if isinstance(images, Rows) else images[..., None]


def fingerprint(data: DataSet) -> str:
    """SHA-256 of all labels and images with their shapes, in hexadecimal: another pixel is another set.

    A set that stays in its files is read once for it, at about 1 GB/s, and has the fingerprint that it has in memory.
    """
    digest = sha256()
    for images, labels in data[:2]:
        digest.update(repr(images.shape).encode())
        digest.update(np.ascontiguousarray(labels).data)
        for piece in in_turn(images):
            digest.update(np.ascontiguousarray(piece).data)
    return digest.hexdigest()


def stratified(examples: Examples, per_class: int) -> Examples:
    """The first `per_class` examples of each class, in the set's order."""
    counts = np.bincount(examples.labels, minlength=CLASSES)
    if counts.min() < per_class:
        scarce = int(counts.argmin())
        raise UserError(f"--per-class {per_class}: class {scarce} has only {counts[scarce]:,} training examples")
    return select(examples, rank_in_class(examples.labels) < per_class)


def rank_in_class(labels: Int32[np.ndarray, " n"]) -> np.ndarray:
    """How many examples of its own class come before each example.

    >>> rank_in_class(np.array([3, 7, 3, 3], np.int32)).tolist()
    [0, 0, 1, 2]
    """
    rank = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        (positions,) = np.nonzero(labels == label)
        rank[positions] = np.arange(len(positions))
    return rank


def select(examples: Examples, chosen: np.ndarray) -> Examples:
    images = examples.images
    return Examples(images.subset(chosen) if isinstance(images, Rows) else images[chosen], examples.labels[chosen])
