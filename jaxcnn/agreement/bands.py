"""From noise units to verdicts: how large z may be before rounding no longer explains it.

The bands are measured, not chosen: `python -m jaxcnn.agreement.calibration` runs every correct function of the gallery
over many seeds in every dtype, and writes the largest z it saw to `bands.json` beside this file, with versions and
date. `agree` is that z rounded up to a power of two, `disagree` is four times as far out: between the two a result
is `noisy`.

Verdicts: exact (bit for bit), agree, noisy (a warning), disagree (fails), kink (differs on a kink only, where both
may be subgradients but the conventions are not the same: fails), unsupported (said, with the way round), not-run
(fails).
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FAILING = ("disagree", "kink", "not-run")
VERDICTS = ("exact", "agree", "noisy", "disagree", "kink", "unsupported", "not-run")
PATH = Path(__file__).with_name("bands.json")


@cache
def bands() -> dict[str, dict[str, float]]:
    """{dtype: {"agree": z, "disagree": z}} as measured."""
    return json.loads(PATH.read_text())["bands"]


def verdict(z: float, dtype: str, identical: bool = False) -> str:
    """The verdict on a largest error of z noise units.

    >>> verdict(0.0, "float32", identical=True), verdict(1e6, "float32")
    ('exact', 'disagree')
    """
    band = bands()[dtype]
    if identical:
        return "exact"
    if z <= band["agree"]:
        return "agree"
    return "noisy" if z <= band["disagree"] else "disagree"


def failed(record: dict[str, Any]) -> bool:
    """Whether a record makes a report fail."""
    return record["verdict"] in FAILING
