"""Times that compare: contenders take turns, so that whatever slows the machine slows all of them.

A turn is a tenth of a second of calls in a row, and four at least, as a program makes them that is run again and again.
The first third is not counted: it pays for the caches, and for the memory that the contender before it has freed, which
is given back to the system meanwhile. After `jax.grad`'s pool 3/1, which frees 150 MB, the calls of the handwritten one
take 12, 9, 7 and from then on 6 ms; of the first one's 12 the system is at work for 9.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

Run = Callable[[], object]
FEWEST, MOST = 3, 200  # turns
CALLS, TURN = 4, 0.1  # calls of a turn, and seconds, at least
UNCOUNTED = 3  # one call in so many, at the start of a turn
IDLE = 0.3  # seconds until another library's idle threads stop spinning
ENOUGH_FOR_OTHERS = 0.05  # of the processor time; with more, numbers are not to be quoted


class Timing(NamedTuple):
    """Milliseconds per call: median, quartiles and the best of so many calls."""

    median: float
    low: float
    high: float
    best: float
    calls: int


def timing(seconds: Sequence[float], per: int = 1) -> Timing:
    """Summary of calls that did `per` turns of the work each.

    >>> timing([0.004, 0.002, 0.006], per=2)
    Timing(median=2.0, low=1.5, high=2.5, best=1.0, calls=3)
    """
    low, median, high = np.percentile(np.asarray(seconds) * 1e3 / per, [25, 50, 75])
    return Timing(float(median), float(low), float(high), min(seconds) * 1e3 / per, len(seconds))


def clock(run: Run) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def take_turns(runs: Mapping[str, Run], budget: float, fewest: int = FEWEST) -> dict[str, list[float]]:
    """Seconds of each counted call, all contenders once per turn, until the budget (in seconds) is spent."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    end = time.perf_counter() + budget
    for turn in range(MOST):
        if turn >= fewest and time.perf_counter() > end:
            break
        for name, run in runs.items():
            seconds[name] += counted(run)
    return seconds


def counted(run: Run) -> list[float]:
    """One turn: seconds of all calls that are counted."""
    took: list[float] = []
    end = time.perf_counter() + TURN
    while len(took) < CALLS or time.perf_counter() < end:
        took.append(clock(run))
    return took[len(took) // UNCOUNTED :]


def pause() -> None:
    """Let another library's threads fall asleep before the next contender runs."""
    time.sleep(IDLE)


@contextmanager
def others() -> Iterator[list[float]]:
    """The share of all processor time that other programs take meanwhile, and a virtual machine's host: [] where it
    cannot be known.

    Above ENOUGH_FOR_OTHERS quartiles lie far apart and ratios are not to be trusted.
    """
    found: list[float] = []
    before = busy_seconds(), time.process_time(), time.perf_counter()
    yield found
    after = busy_seconds(), time.process_time(), time.perf_counter()
    if before[0] is not None and after[0] is not None:
        foreign = (after[0] - before[0]) - (after[1] - before[1])
        found.append(max(foreign, 0.0) / (after[2] - before[2]) / (os.cpu_count() or 1))


def busy_seconds() -> float | None:
    """Processor time that was taken since the machine started, by any program or by a host, where Linux tells it."""
    try:
        user, nice, system, *_, stolen = map(int, Path("/proc/stat").read_text().split(maxsplit=9)[1:9])
    except OSError:
        return None
    return (user + nice + system + stolen) / os.sysconf("SC_CLK_TCK")
