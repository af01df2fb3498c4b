"""The one table that terminal, Markdown and HTML share: a row per case, a column per question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxcnn.agreement.report import Record, Report, number, shown, worst
from jaxcnn.agreement.units import DTYPES

POINTWISE = ("gradient", "output", "integers")
REFEREES = {"formula": "formula", "complex step": "complex", "differences": "differences"}
GROUPS = {"transformation": "transforms", "structure": "structure", "determinism": "repeats", "teeth": "teeth"}
PASSED = ("exact", "agree", "noisy")


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
    more = [label for group, label in GROUPS.items() if group in groups]
    return [*dtypes, *named, *more]


def rows(report: Report) -> list[tuple[str, list[Cell]]]:
    """Every case that has something to say under some heading."""
    found = [(case, row(records, columns(report))) for case, records in report.cases.items()]
    return [(case, cells) for case, cells in found if any(c.text for c in cells)]


def row(records: Sequence[Record], names: Sequence[str]) -> list[Cell]:
    """One case: the gravest record under each heading."""
    return [cell(name, [r for r in records if belongs(r, name)]) for name in names]


def belongs(record: Record, column: str) -> bool:
    if column in DTYPES:
        return record["dtype"] == column and record["mode"] in POINTWISE
    return column in (REFEREES.get(record["mode"]), GROUPS.get(record["group"]))


def cell(name: str, records: Sequence[Record]) -> Cell:
    """The gravest verdict and its z: `exact`, a plain z where it agrees, else verdict and z."""
    found = worst(records)
    if found is None:
        return Cell("", "")
    verdict, z = found["verdict"], brief(found["z"])
    if name == "teeth":
        return Cell(f"{sum(r['verdict'] == 'exact' for r in records)}/{len(records)}", verdict)
    if name == "transforms":
        passed = sum(r["verdict"] in PASSED for r in records)
        return Cell(f"{passed}/{len(records)}" + ("" if passed_or_said(records) else f", {verdict}"), verdict)
    if verdict == "agree":
        return Cell(z, verdict)
    return Cell(verdict if found["z"] in (0, None) else f"{verdict} {z}", verdict)


def brief(z: Any) -> str:
    """z for a narrow column.

    >>> brief(0.000123), brief(0.95), brief(1234.5)
    ('<0.01', '0.95', '1.2e+03')
    """
    return "<0.01" if z is not None and 0 < number(z) < 0.01 else shown(z)


def passed_or_said(records: Sequence[Record]) -> bool:
    """Whether every record passed, or says why it cannot be run."""
    return all(r["verdict"] in (*PASSED, "unsupported") for r in records)


def legend(report: Report) -> list[str]:
    """What the table means, and how sharp the planted mistakes found this report."""
    said = ["z: the largest error of a leaf in noise units; 1 is the rounding to expect. exact: bit for bit"]
    if any(r["verdict"] == "unsupported" for r in report.records):
        said.append("transforms: what jax.custom_vjp does not support is not counted as passed; the records say why")
    planted = [r for r in report.records if r["group"] == "teeth"]
    if planted:
        caught = [number(r["z"]) for r in planted if r["verdict"] == "exact"]
        said.append(f"teeth: {len(caught)} of {len(planted)} planted mistakes caught, weakest z {shown(min(caught))}")
    return said


def sentence(record: Record) -> str:
    """One failure, with all that is needed to find it."""
    where = ", ".join(part for part in (record["mode"], named(record["leaf"]), record["dtype"]) if part)
    spot = record.get("worst")
    values = ""
    if spot and spot["got"] != spot["truth"]:
        values = f"; worst at {tuple(spot['index'])}: {spot['got']:.9g}, where {spot['truth']:.9g} is right"
    classes = ", ".join(f"{name} {shown(c['z'])}" for name, c in record.get("classes", {}).items())
    by_class = f"; z by class: {classes}" if classes else ""
    note = f" ({record['note']})" if record["note"] else ""
    return f"{record['case']}: {where}: {record['verdict']}, z = {shown(record['z'])}{note}{values}{by_class}"


def named(leaf: str) -> str:
    """A leaf in a sentence: paths begin with the number of the argument.

    >>> named("0"), named("1/conv1/kernel"), named("all leaves")
    ('argument 0', 'argument 1/conv1/kernel', 'all leaves')
    """
    return f"argument {leaf}" if leaf[:1].isdigit() else leaf
