"""Run entries and keep what came out."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import jax

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


def tally(outcomes: Iterable[Outcome]) -> Counter[Verdict]:
    """How often each verdict was reached."""
    return Counter(outcome.verdict for outcome in outcomes)
