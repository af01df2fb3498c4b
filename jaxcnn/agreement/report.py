from __future__ import annotations
from dataclasses import dataclass
from typing import Any
from jaxcnn.agreement.bands import failed


@dataclass
class Report:
    records: list[dict[str, Any]]

    @property
    def ok(self) -> bool:
        return bool(self.records) and not any(map(failed, self.records))
