"""Markdown for a pull request's comment: the verdict, a table of cases, every failure, and where it was run."""

from __future__ import annotations

from jaxcnn.agreement.report import Report
from jaxcnn.agreement.summary import columns, legend, rows, sentence


def markdown(report: Report) -> str:
    names = columns(report)
    lines = [f"### Gradient agreement: {report.sentence}", "", "| case | " + " | ".join(names) + " |"]
    lines.append("|---" * (len(names) + 1) + "|")
    lines += [f"| {case} | " + " | ".join(c.text for c in cells) + " |" for case, cells in rows(report)]
    lines += ["", *(f"- {escaped(sentence(record))}" for record in report.failures)]
    where = ", ".join(f"{key} {value}" for key, value in report.provenance.items() if value not in ("", None))
    return "\n".join([*lines, "", *(f"{line}.  " for line in legend(report)), where, ""])


def escaped(text: str) -> str:
    """Text in which Markdown sees no markup."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]<>|" else c for c in text)
