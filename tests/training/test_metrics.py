"""Tests of what is measured of logits, against other people's implementations."""

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

from jaxcnn.training import metrics

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(200, 10)).astype(np.float32)
LABELS = np.concatenate([np.arange(10), RANDOM.integers(0, 10, 190)])
ANSWERS = LOGITS.argmax(axis=1)


def test_loss_and_accuracy_are_scikit_learns():
    probabilities = np.exp(metrics.log_probabilities(LOGITS))
    np.testing.assert_allclose(metrics.loss(LOGITS, LABELS), log_loss(LABELS, probabilities), rtol=1e-12)
    assert metrics.accuracy(LOGITS, LABELS) == accuracy_score(LABELS, ANSWERS)


def test_confusion_has_classes_in_rows_and_answers_in_columns():
    np.testing.assert_array_equal(metrics.confusion(LOGITS, LABELS), confusion_matrix(LABELS, ANSWERS))


def test_loss_is_finite_for_logits_of_any_size():
    assert metrics.loss(np.array([[1e4, -1e4]]), np.array([1])) == 2e4
