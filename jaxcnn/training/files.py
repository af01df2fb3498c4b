"""Files that survive: whole, old or new, whatever happens while they are written."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and return when it is on the disk.

    It goes to a temporary name, is flushed to the disk, and is renamed over the old one; then the directory is flushed,
    since the new name is in there.
    """
    temporary = path.with_name(path.name + ".partial")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def parse_json(content: str | bytes) -> Any:
    """What a JSON file says.

    Raises:
        ValueError: it is none; brackets nested too deeply for Python's stack are none either.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table with a header."""
    with path.open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(header)
        writer.writerows(rows)
