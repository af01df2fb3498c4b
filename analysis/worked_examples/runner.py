"""Run entries and keep what came out."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import jax
import numpy as np
from matplotlib.figure import Figure

from analysis.worked_examples.entry import Entry
from analysis.worked_examples.judge import Finding, Verdict, decide


@dataclass(frozen=True)
class Outcome:
    """One entry, what it found, what follows, and how long it took in seconds."""

    entry: Entry
    findings: list[Finding]
    verdict: Verdict
    seconds: float


def run(entry: Entry) -> Outcome:
    """Compute one entry in double precision."""
    start = time.perf_counter()
    with jax.enable_x64(True):
        found = entry.compute()
        findings = found if isinstance(found, list) else [found]
        verdict = decide(findings)
    return Outcome(entry, findings, verdict, time.perf_counter() - start)


def run_all(entries: Iterable[Entry]) -> Iterator[Outcome]:
    """Compute entries one after the other."""
    return map(run, entries)


def draw(entry: Entry) -> tuple[Figure, Mapping[str, np.ndarray] | None]:
    """An entry's picture, and the columns of numbers behind it.

    Raises:
        ValueError: the entry has none.
    """
    if entry.picture is None:
        raise ValueError(f"examples: {entry.id} has no picture")
    figure = Figure(layout="constrained")
    with jax.enable_x64(True):
        return figure, entry.picture(figure)


def tally(outcomes: Iterable[Outcome]) -> Counter[Verdict]:
    """How often each verdict was reached."""
    return Counter(outcome.verdict for outcome in outcomes)
