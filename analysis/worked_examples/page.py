"""All outcomes as one self-contained page: five chapters, formulas as MathML, pictures inline, nothing to fetch."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO

from latex2mathml.converter import convert

from analysis.worked_examples.catalogue import TITLES
from analysis.worked_examples.entry import Entry
from analysis.worked_examples.judge import Experiment, Finding, Verdict
from analysis.worked_examples.report import row, totals
from analysis.worked_examples.runner import Outcome, draw
from analysis.worked_examples.wording import show

STYLE = """
:root { --line: #ddd; --dim: #666; --red: #b3261e; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; margin: 0 auto; max-width: 62rem; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { margin-top: 3rem; border-bottom: 2px solid #1a1a1a; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; }
article { border-left: 4px solid var(--line); padding: .1rem 0 .6rem 1rem; margin: 1.6rem 0; }
article.erratum { border-color: var(--red); } article h3 { font-size: 1rem; margin: .4rem 0; }
.place { color: var(--dim); font-weight: normal; }
.verdict { font-weight: 600; padding: 0 .45em; border-radius: .3em; background: #e6f2e6; white-space: nowrap; }
.erratum .verdict { background: #fbe9e7; color: var(--red); } .right { color: var(--red); }
.formula, .scroll { overflow-x: auto; overflow-y: hidden; padding: .3rem 0; }
table { border-collapse: collapse; font-size: .87rem; }
td, th { text-align: left; vertical-align: top; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid var(--line); }
td:nth-child(4) { white-space: nowrap; }
td { overflow-wrap: anywhere; min-width: 4.5rem; } p { margin: .4rem 0; }
img { max-width: 100%; height: auto; display: block; margin: .6rem 0; }
pre { background: #f6f6f6; padding: .7rem; overflow-x: auto; font-size: .8rem; }
summary { color: var(--dim); cursor: pointer; }
label { display: block; margin: 1rem 0; } .remark { color: #444; font-style: italic; }
.derivation { white-space: pre-line; }
code { font-size: .9em; }
@media (max-width: 40rem) {
  tr, td { display: block; } th, td:empty { display: none; } tr { padding: .3rem 0; }
  tr { border-bottom: 1px solid var(--line); }
  td { border: 0; padding: 0; } td:first-child { font-weight: 600; }
  td + td::before { content: attr(data-name) ": "; color: var(--dim); }
  .picture { overflow-x: auto; } img { max-width: none; width: 38rem; }
}
body:has(#errata:checked) article:not(.erratum) { display: none; }
"""


COLUMNS = ("quantity", "printed", "computed", "off by", "verdict")


def page(outcomes: Sequence[Outcome]) -> str:
    """The whole page as text, to be opened without a network."""
    seeds = sorted({outcome.entry.seed for outcome in outcomes})
    links = "".join(f'<a href="#seed{seed}">{escape(TITLES[seed])}</a>' for seed in seeds)
    chapters = "".join(chapter(seed, [o for o in outcomes if o.entry.seed == seed]) for seed in seeds)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Worked examples</title>'
        f'<link rel="icon" href="data:,"><style>{STYLE}</style></head><body>'
        "<h1>Five documents on convolutional networks, every statement run</h1>"
        f"<p>{escape(totals(outcomes).plain)}.</p><nav>{links}</nav>"
        '<label><input type="checkbox" id="errata"> show errata only</label>'
        f"{chapters}</body></html>\n"
    )


def chapter(seed: int, outcomes: Sequence[Outcome]) -> str:
    """One document: its rows in order."""
    return f'<section id="seed{seed}"><h2>{escape(TITLES[seed])}</h2>{"".join(map(article, outcomes))}</section>\n'


def article(outcome: Outcome) -> str:
    """One row: statement, formula, correction, remark, numbers, picture, code."""
    entry, is_erratum = outcome.entry, outcome.verdict is Verdict.ERRATUM
    parts = [
        f'<h3><a href="#{entry.id}">{entry.id}</a> <span class="place">{escape(entry.place)}</span> '
        f'<span class="verdict">{outcome.verdict}</span></h3>',
        f"<p>{escape(entry.states)}</p>",
        f'<div class="formula">{math(entry.formula, "block")}</div>' if entry.formula else "",
        f'<p class="right formula"><b>Right:</b> {words(entry.corrected)}</p>' if is_erratum else "",
        f'<p class="remark">{prose(entry.remark)}</p>' if entry.remark else "",
        numbers(outcome.findings),
        picture(entry),
        f"<details><summary>code</summary><pre>{escape(entry.code)}</pre></details>",
    ]
    return f'<article id="{entry.id}" class="{"erratum" if is_erratum else "other"}">{"".join(parts)}</article>\n'


def numbers(findings: Sequence[Finding]) -> str:
    """The table of printed and computed values."""
    lines = []
    for finding in findings:
        cells = [escape(cell) for cell in (*row(finding), finding.verdict.value)]
        cells[2] = cells[2] and f'<span class="derivation">{cells[2]}</span>'
        lines.append(cells)
        if isinstance(finding, Experiment):
            lines += [[escape(name), "", escape(show(value)), "", ""] for name, value in finding.measured.items()]
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(map(table_row, lines))}</table></div>'


def table_row(cells: Sequence[str]) -> str:
    """On a narrow screen the cells stand one below the other, each after its column's name."""
    named = zip(COLUMNS, cells, strict=True)
    return "<tr>" + "".join(f'<td data-name="{name}">{cell}</td>' for name, cell in named) + "</tr>"


def picture(entry: Entry) -> str:
    """The row's picture as an image inside the page."""
    if entry.picture is None:
        return ""
    figure, _ = draw(entry)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=130, bbox_inches="tight")
    data = b64encode(buffer.getvalue()).decode("ascii")
    image = f'<img src="data:image/png;base64,{data}" alt="{escape(entry.id)}: {escape(entry.states)}" loading="lazy">'
    return f'<div class="picture">{image}</div>'


def math(formula: str, display: str) -> str:
    """A LaTeX formula as MathML."""
    return convert(formula, display=display)


def prose(text: str) -> str:
    """Words with names of code between backticks."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def words(text: str) -> str:
    """Words with formulas between dollars."""
    return "".join(math(part, "inline") if k % 2 else escape(part) for k, part in enumerate(text.split("$")))
