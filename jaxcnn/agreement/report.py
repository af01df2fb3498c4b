"""The report: one list of records, what it amounts to, and where it can be written.

A record is one leaf in one dtype in one mode (`gradient`, `formula`, `integers`, `complex step`, `jit = eager`, ...): a
dict with at least `case`, `group`, `mode`, `leaf`, `dtype`, `verdict`, `z` (None where there is nothing to measure) and
`note`. The JSON file is `{"schema", "provenance", "summary", "records"}`; numbers that JSON cannot hold are written as
the strings "inf", "-inf" and "nan".
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from jaxcnn.agreement.bands import VERDICTS, failed

SCHEMA = 1
ALWAYS = {"case": "check", "group": "gradient", "leaf": "", "dtype": "", "z": None, "note": ""}

Record = dict[str, Any]


@dataclass
class Report:
    """Records, and where they come from.

    >>> report = Report([{"mode": "gradient", "verdict": "agree", "z": 0.5}])
    >>> report.ok, report.counts
    (True, {'agree': 1})
    """

    records: list[Record]
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.records = [ALWAYS | record for record in self.records]

    @property
    def ok(self) -> bool:
        """Whether anything was compared and nothing failed."""
        return bool(self.records) and not self.failures

    @property
    def failures(self) -> list[Record]:
        return [record for record in self.records if failed(record)]

    @property
    def counts(self) -> dict[str, int]:
        """How many records have each verdict, best verdict first."""
        count = Counter(record["verdict"] for record in self.records)
        return {verdict: count[verdict] for verdict in VERDICTS if count[verdict]}

    @cached_property
    def cases(self) -> dict[str, list[Record]]:
        """The records of each case, in the order in which the cases ran."""
        found: dict[str, list[Record]] = {}
        for record in self.records:
            found.setdefault(record["case"], []).append(record)
        return found

    @property
    def sentence(self) -> str:
        """The whole report in one line."""
        counts = ", ".join(f"{n} {verdict}" for verdict, n in self.counts.items()) or "nothing was compared"
        return f"{'agrees' if self.ok else 'DISAGREES'}: {counts}"

    def to_dict(self) -> dict[str, Any]:
        summary = {"ok": self.ok, "counts": self.counts, "cases": len(self.cases)}
        return {"schema": SCHEMA, "provenance": self.provenance, "summary": summary, "records": self.records}

    def to_json(self, path: str | Path) -> None:
        """Write every record, one per line."""
        whole = json_ready(self.to_dict())
        records = ",\n".join(json.dumps(record) for record in whole.pop("records"))
        head = json.dumps(whole)[:-1]
        write(path, f'{head}, "records": [\n{records}\n]}}\n')

    def to_junit(self, path: str | Path) -> None:
        """Write JUnit XML: one test case per record."""
        from jaxcnn.agreement.junit import junit

        write(path, junit(self))

    def to_markdown(self, path: str | Path | None = None) -> str:
        """A table of the cases and the failures in full, for a pull request's comment."""
        from jaxcnn.agreement.markdown import markdown

        text = markdown(self)
        if path is not None:
            write(path, text)
        return text

    def to_html(self, path: str | Path) -> None:
        """Write one self-contained page with every plot."""
        from jaxcnn.agreement.html import html

        write(path, html(self))

    def show(self) -> None:
        """Print the tables to the terminal."""
        from jaxcnn.agreement.terminal import show

        show(self)


def write(path: str | Path, text: str) -> None:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def json_ready(value: Any) -> Any:
    """The same value with infinities and NaN as strings, as JSON wants it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: json_ready(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_ready(item) for item in value]
    return value


def worst(records: Sequence[Record]) -> Record | None:
    """The record with the gravest verdict; among equals, the largest z."""
    gravity = {
        verdict: i
        for i, verdict in enumerate(("unsupported", "exact", "agree", "noisy", "kink", "disagree", "not-run"))
    }
    return max(records, key=lambda r: (gravity[r["verdict"]], number(r["z"])), default=None)


def number(z: Any) -> float:
    """z as a number, also where it was read back from JSON or never measured."""
    return -1.0 if z is None else float(z)


def shown(z: Any) -> str:
    """z for people.

    >>> shown(0.0), shown(1234.5), shown(None)
    ('0', '1.2e+03', '-')
    """
    return "-" if z is None else f"{float(z):.2g}"
