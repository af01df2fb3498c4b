"""What is measured of a network: loss, accuracy, confusion, one record per epoch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Epoch(NamedTuple):
    """A line of `metrics.jsonl`."""

    epoch: int  # 1 after the first pass
    train_loss: float  # nats, mean over examples, each judged just before the step it takes part in
    train_accuracy: float  # share, likewise
    test_loss: float  # nats, mean over the held-out examples, after the epoch
    test_accuracy: float  # share, likewise
    seconds: float  # of the training pass alone; compilation and judging excluded
    examples_per_second: float


def log_probabilities(logits: Float[np.ndarray, "n classes"]) -> Float[np.ndarray, "n classes"]:
    """Stable log softmax in float64.

    >>> np.exp(log_probabilities(np.array([[1000.0, 1000.0]]))).tolist()
    [[0.5, 0.5]]
    """
    shifted = np.asarray(logits, np.float64)
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def loss(logits: Float[np.ndarray, "n classes"], labels: Int[np.ndarray, " n"]) -> float:
    """Mean cross entropy in nats."""
    return float(-log_probabilities(logits)[np.arange(len(labels)), labels].mean())


def accuracy(logits: Float[np.ndarray, "n classes"], labels: Int[np.ndarray, " n"]) -> float:
    """Share of examples whose largest logit (the first, of equal ones) is their label's.

    >>> accuracy(np.array([[2.0, 1.0], [0.0, 0.0]]), np.array([0, 1]))
    0.5
    """
    return float((logits.argmax(axis=1) == labels).mean())


def confusion(
    logits: Float[np.ndarray, "n classes"], labels: Int[np.ndarray, " n"]
) -> Int[np.ndarray, "classes classes"]:
    """How many examples of each class (row) were taken for each class (column).

    >>> confusion(np.array([[2.0, 1.0], [3.0, 0.0], [0.0, 1.0]]), np.array([0, 1, 1])).tolist()
    [[1, 0], [1, 1]]
    """
    classes = logits.shape[1]
    pairs = labels.astype(np.int64) * classes + logits.argmax(axis=1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
