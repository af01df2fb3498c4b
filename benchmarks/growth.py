"""How cost grows: time against the number of examples, and against the number of pixels.

time = a work^b       b, the slope on logarithmic axes, is 1 where cost is linear
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import models
from benchmarks.contenders import compiled, problem, turn
from benchmarks.rows import Row
from benchmarks.timing import take_turns, timing
from jaxcnn import networks, ops

BATCHES = (16, 64, 256, 1024)
SIDES = (16, 32, 64, 128, 256)


def series() -> dict[str, list[tuple[int, Row]]]:
    """By what grows: (amount of work, row)."""
    step, tower = networks.seed2(), models.tower(16)
    by_batch = [(n, Row("", "", step, n, (28, 28, 1), "step")) for n in BATCHES]
    by_image = [(side * side, Row("", "", tower, 4, (side, side, 16))) for side in SIDES]
    return {
        "batch, step of seed 2's network": by_batch,
        "pixels, conv-ReLU-pool twice, 16 features, batch 4": by_image,
    }


def exponent(work: list[int], milliseconds: list[float]) -> float:
    """b of the least-squares fit of log time against log work.

    >>> round(exponent([1, 10, 100], [2.0, 20.0, 200.0]), 6)
    1.0
    """
    return float(np.polyfit(np.log(work), np.log(milliseconds), 1)[0])


def measure(budget: float) -> dict[str, Any]:
    """By series: what grew, the medians in milliseconds, and the exponent; all sizes of a series take turns."""
    found = {}
    for name, points in series().items():
        programs = {str(work): compiled(turn(row, ops), problem(row)).run for work, row in points}
        times = [timing(took).median for took in take_turns(programs, budget).values()]
        work = [work for work, _ in points]
        found[name] = {"work": work, "milliseconds": times, "exponent": exponent(work, times)}
    return found
