"""What a run decides about a statement: the printed form's value against the truth, never a typed-in verdict.

A claim holds where the printed form gives the true value; it holds after rounding where it prints the true value to its
own number of decimals; it is an erratum where it does neither *and* a corrected form gives the true value. The truth is
computed twice where a gradient is in it, by the handwritten layers and by `jax.grad` of the plain ones (`Twice`); if
the two differ, or no form is right, the claim is broken, and something is wrong with this program.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

TOLERANCE = 1e-9  # of the largest entry; float64 sums of a few thousand terms stay below


class Verdict(StrEnum):
    """One word on one statement."""

    HOLDS = "holds"
    ROUNDED = "holds after rounding"
    ERRATUM = "erratum"
    MISSING_FIGURE = "missing figure"
    MISSING_TEXT = "missing text"
    EXPERIMENT = "experiment"
    NOT_COMPUTABLE = "not computable"
    BROKEN = "broken"


class Twice(NamedTuple):
    """One value from the handwritten layers and from jax.grad of the plain ones."""

    hand: Any
    auto: Any


class Printed(NamedTuple):
    """Numbers as a document prints them, with their decimals."""

    values: np.ndarray
    decimals: np.ndarray


def printed(numbers: str) -> Printed:
    """Numbers from their printed digits, separated by blanks, rows by semicolons.

    >>> printed("1 0.6 0.76").decimals.tolist()
    [0, 1, 2]
    """
    rows = [row.split() for row in numbers.split(";")]
    words = rows if len(rows) > 1 else rows[0]
    return Printed(np.array(words, float), np.vectorize(lambda word: len(word.partition(".")[2]))(words))


@dataclass(frozen=True)
class Claim:
    """A statement that can be evaluated.

    Fields:
        what: the quantity compared.
        says: the value of the printed form: numbers, a shape, True or False, or `Printed`.
        truth: the true value, or `Twice`.
        corrected: the value of the corrected form, where the printed one is in doubt.
    """

    what: str
    says: Any
    truth: Any
    corrected: Any = None

    @property
    def computed(self) -> Any:
        """The true value, as the handwritten layers give it."""
        return self.truth.hand if isinstance(self.truth, Twice) else self.truth

    @property
    def stated(self) -> Any:
        """The printed form's value; digits take the computed value's shape, where there are as many."""
        if not isinstance(self.says, Printed):
            return self.says
        fits = self.says.values.size == np.size(self.computed)
        return self.says.values.reshape(np.shape(self.computed)) if fits else self.says.values

    @property
    def verdict(self) -> Verdict:
        """Decided from the three values."""
        if isinstance(self.truth, Twice) and not equal(self.truth.hand, self.truth.auto):
            return Verdict.BROKEN
        if equal(self.stated, self.computed):
            return Verdict.HOLDS
        if isinstance(self.says, Printed) and rounds(self.says, self.computed):
            return Verdict.ROUNDED
        if self.corrected is not None and equal(self.corrected, self.computed):
            return Verdict.ERRATUM
        return Verdict.BROKEN

    @property
    def difference(self) -> float | None:
        """The largest absolute difference between printed and computed; None where they cannot be subtracted."""
        return distance(self.stated, self.computed)


@dataclass(frozen=True)
class Missing:
    """Something the document refers to and does not contain; `supplied` says what stands in for it here, if
    anything.
    """

    what: str
    supplied: str
    is_figure: bool = True

    @property
    def verdict(self) -> Verdict:
        """Which of the two kinds it is."""
        return Verdict.MISSING_FIGURE if self.is_figure else Verdict.MISSING_TEXT


@dataclass(frozen=True)
class Experiment:
    """A result that cannot be repeated because data or settings are not given; `measured` is what a stand-in gives."""

    needs: str
    measured: dict[str, Any]
    verdict: Verdict = Verdict.EXPERIMENT


@dataclass(frozen=True)
class Opinion:
    """A sentence that no program can decide."""

    reason: str
    verdict: Verdict = Verdict.NOT_COMPUTABLE


Finding = Claim | Missing | Experiment | Opinion


def decide(findings: list[Finding]) -> Verdict:
    """A row is judged by its leading finding; anything broken breaks it."""
    verdicts = [finding.verdict for finding in findings]
    return Verdict.BROKEN if Verdict.BROKEN in verdicts or not verdicts else verdicts[0]


def equal(a: Any, b: Any) -> bool:
    """Same shape and, relative to the largest entry, same values (NaN and infinity where the other has them)."""
    if is_ragged(a) or is_ragged(b):
        return len(a) == len(b) and all(map(equal, a, b))
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    if a.dtype.kind in "USO" or b.dtype.kind in "USO":
        return bool(np.all(a == b))  # names
    finite = np.abs(b[np.isfinite(b)])
    scale = max(float(finite.max(initial=0)), 1e-6)
    return bool(np.allclose(a.astype(float), b.astype(float), rtol=0, atol=TOLERANCE * scale, equal_nan=True))


def is_ragged(value: Any) -> bool:
    """Whether it is a list of parts of different shapes, such as sizes."""
    return isinstance(value, (list, tuple)) and len({np.shape(part) for part in value if not is_ragged(part)}) > 1


def rounds(says: Printed, truth: Any) -> bool:
    """Whether the printed digits are the true value's, rounded to as many decimals."""
    numbers, decimals = np.ravel(np.asarray(truth, float)), says.decimals.ravel()
    if numbers.size != decimals.size:
        return False
    return equal([round(float(t), int(d)) for t, d in zip(numbers, decimals, strict=True)], says.values.ravel())


def distance(a: Any, b: Any) -> float | None:
    """The largest absolute difference of two arrays of one shape."""
    if is_ragged(a) or is_ragged(b):
        return None
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or not a.size or a.dtype.kind not in "fiu" or b.dtype.kind not in "fiu":
        return None
    return float(np.max(np.abs(a.astype(float) - b.astype(float))))
