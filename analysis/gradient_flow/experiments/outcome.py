"""What an experiment gives: one sentence, one picture, and the table behind the picture."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure


class Outcome(NamedTuple):
    """One experiment's result."""

    says: str
    figure: Figure
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def write(self, folder: Path, name: str) -> None:
        """NAME.png, and NAME.csv beside it."""
        self.figure.savefig(folder / f"{name}.png", dpi=120)
        with (folder / f"{name}.csv").open("w", newline="") as table:
            writer = csv.writer(table)
            writer.writerow(self.header)
            writer.writerows(self.rows)
