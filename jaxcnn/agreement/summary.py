"""The one table that terminal, Markdown and HTML share: a row per case, a column per question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxcnn.agreement.report import Record, Report, number, shown, worst
from jaxcnn.agreement.units import DTYPES

POINTWISE = ("gradient", "output", "integers")
REFEREES = {"formula": "formula", "complex step": "complex", "differences": "differences"}


@dataclass(frozen=True)
class Cell:
    """What a table says at one place, and the verdict that colours it."""

    text: str
    verdict: str


def columns(report: Report) -> list[str]:
    """dtypes that occur, then referees, then what else was looked at."""
    dtypes = [d for d in DTYPES if any(r["dtype"] == d and r["mode"] in POINTWISE for r in report.records)]
    groups = {r["group"] for r in report.records}
    modes = {r["mode"] for r in report.records}
    named = [label for mode, label in REFEREES.items() if mode in modes]
    more = [g for g in ("transformation", "structure", "determinism", "teeth") if g in groups]
    return [*dtypes, *named, *more]


def row(records: Sequence[Record], names: Sequence[str]) -> list[Cell]:
    """One case: the gravest record under each heading."""
    return [cell(name, [r for r in records if belongs(r, name)]) for name in names]


def belongs(record: Record, column: str) -> bool:
    if column in DTYPES:
        return record["dtype"] == column and record["mode"] in POINTWISE
    return column in (REFEREES.get(record["mode"]), record["group"])


def cell(name: str, records: Sequence[Record]) -> Cell:
    found = worst(records)
    if found is None:
        return Cell("", "")
    if name == "teeth":
        caught = [number(r["z"]) for r in records if r["verdict"] == "exact"]
        return Cell(
            f"{len(caught)} of {len(records)} caught, weakest z {shown(min(caught, default=None))}", found["verdict"]
        )
    unsupported = sum(r["verdict"] == "unsupported" for r in records)
    if name == "transformation":
        done = f"{len(records) - unsupported} {found['verdict']}"
        return Cell(done + (f", {unsupported} unsupported" if unsupported else ""), found["verdict"])
    return Cell(f"{found['verdict']} {shown(found['z'])}" if found["z"] else found["verdict"], found["verdict"])


def sentence(record: Record) -> str:
    """One failure, with all that is needed to find it."""
    where = " ".join(part for part in (record["mode"], record["leaf"], record["dtype"]) if part)
    spot = record.get("worst")
    values = ""
    if spot and spot["got"] != spot["truth"]:
        values = f"; worst at {tuple(spot['index'])}: {spot['got']:.9g}, where {spot['truth']:.9g} is right"
    classes = ", ".join(f"{name} {shown(c['z'])}" for name, c in record.get("classes", {}).items())
    by_class = f"; z by class: {classes}" if classes else ""
    note = f" ({record['note']})" if record["note"] else ""
    return f"{record['case']}: {where}: {record['verdict']}, z = {shown(record['z'])}{note}{values}{by_class}"
