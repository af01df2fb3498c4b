"""One statement of a seed document: where it stands, what it says, and the function that tries it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from analysis.worked_examples.judge import Finding

Compute = Callable[[], Finding | list[Finding]]
Picture = Callable[[Figure], Mapping[str, np.ndarray] | None]


@dataclass(frozen=True)
class Entry:
    """A row of the ledger.

    Fields:
        id: S<seed>.<number>.
        place: section, equation or table of the document.
        states: the statement in a sentence.
        compute: runs it; returns one finding or several, the leading one first.
        formula: the statement in LaTeX, as printed; "" where it is words only.
        corrected: the right form (LaTeX between dollars, words outside), for errata.
        picture: draws the row's figure; returns the columns of numbers behind it, if it has any.
    """

    id: str
    place: str
    states: str
    compute: Compute
    formula: str = ""
    corrected: str = ""
    picture: Picture | None = None

    @property
    def seed(self) -> int:
        """The document's number, 0 to 4."""
        return int(self.id[1])

    @property
    def code(self) -> str:
        """The source of `compute`, without its decoration."""
        source = inspect.getsource(self.compute)
        return source[re.search(r"^def ", source, re.MULTILINE).start() :].rstrip()  # type: ignore[union-attr]

    @property
    def remark(self) -> str:
        """The first paragraph of the function's docstring: what there is to know about this row."""
        return " ".join((inspect.getdoc(self.compute) or "").split("\n\n")[0].split())


def entry(id: str, place: str, states: str, **fields: Any) -> Callable[[Compute], Entry]:
    """Make an Entry of the function below.

    >>> @entry("S0.00", "nowhere", "1 + 1 = 2")
    ... def sum_of_ones():
    ...     return 1 + 1
    >>> sum_of_ones.id, sum_of_ones.compute()
    ('S0.00', 2)
    """
    if not re.fullmatch(r"S[0-4]\.\d\d", id):
        raise ValueError(f"entry: {id!r} is no id; write seed and number as in S2.07")

    def decorate(compute: Compute) -> Entry:
        return Entry(id, place, states, compute, **fields)

    return decorate


def entries_of(module: ModuleType) -> list[Entry]:
    """The entries that a module defines, by id."""
    return sorted((value for value in vars(module).values() if isinstance(value, Entry)), key=lambda row: row.id)
