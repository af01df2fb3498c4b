"""A report against an older one: what got worse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jaxcnn.agreement.bands import bands
from jaxcnn.agreement.report import SCHEMA, Record, Report, number, shown
from jaxcnn.agreement.units import unit

RANK = {"exact": 0, "agree": 0, "unsupported": 1, "noisy": 2, "kink": 3, "disagree": 3, "not-run": 4}


def read(path: str | Path) -> list[Record]:
    """The records of a report written by `to_json`; ValueError says what is wrong with the file."""
    try:
        whole = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read as a report: {error}") from None
    if not isinstance(whole, dict) or whole.get("schema") != SCHEMA:
        raise ValueError(f"{path}: not a report of schema {SCHEMA}; write one with --json")
    return whole["records"]


def key(record: Record) -> tuple[Any, ...]:
    return tuple(record[name] for name in ("case", "mode", "leaf", "dtype"))


def worsened(report: Report, old: list[Record]) -> list[str]:
    """One sentence for each record that is worse than it was, or no longer there.

    Worse is a worse verdict, or a relative error grown by the factor that lies between the bands and visible in the
    leaf's dtype. z itself may move freely inside its band: there it is rounding, and rounding differs between machines.
    """
    new = {key(record): record for record in sorted(report.records, key=lambda r: RANK[r["verdict"]])}
    said = []
    for before in old:
        name, now = " / ".join(part for part in key(before) if part), new.get(key(before))
        if now is None:
            said.append(f"{name}: was {before['verdict']}, is no longer compared")
        elif RANK[now["verdict"]] > RANK[before["verdict"]]:
            said.append(
                f"{name}: was {before['verdict']} (z {shown(before['z'])}), is {now['verdict']} (z {shown(now['z'])})"
            )
        elif grown(before, now):
            said.append(f"{name}: relative error was {before['rel_l2']:.1e}, is {now['rel_l2']:.1e}")
    return said


def grown(before: Record, now: Record) -> bool:
    if "rel_l2" not in before or "rel_l2" not in now or now["dtype"] not in bands():
        return False
    band = bands()[now["dtype"]]
    visible = max(number(before["rel_l2"]), unit(now["dtype"]))
    return number(now["rel_l2"]) > visible * band["disagree"] / band["agree"]
