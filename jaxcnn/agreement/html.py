"""One self-contained HTML page: the verdict, a table of cases, and behind each case its records and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from jaxcnn.agreement.bands import bands, failed
from jaxcnn.agreement.pictures import pictures
from jaxcnn.agreement.report import Record, Report, shown
from jaxcnn.agreement.summary import columns, legend, rows, sentence

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2328; background: #fff; }
body { margin: 0 auto; padding: 1rem; max-width: 1240px; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 1.5rem 0 .5rem; }
.verdict { font-weight: 600; padding: .5rem .75rem; border-radius: 6px; background: #dafbe1; }
.verdict.bad { background: #ffebe9; }
.scroll { overflow-x: auto; border: 1px solid #d1d9e0; border-radius: 6px; margin: .5rem 0; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #eaeef2; }
th, td { white-space: nowrap; vertical-align: top; }
td.brief { white-space: normal; }
td.note { white-space: normal; min-width: 14rem; }
th { background: #f6f8fa; } td.case { font-weight: 600; white-space: normal; min-width: 9rem; }
.exact, .agree { color: #116329; } .noisy { color: #7d4e00; }
.disagree, .kink, .not-run { color: #a40e26; font-weight: 600; }
.unsupported, .legend { color: #57606a; } .legend { font-size: 13px; margin: .1rem 0; max-width: none; }
details { border: 1px solid #d1d9e0; border-radius: 6px; margin: .5rem 0; padding: .4rem .75rem; }
summary { cursor: pointer; font-weight: 600; overflow-wrap: anywhere; }
.plots { display: grid; gap: .75rem; margin: .5rem 0; }
.plots { grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr)); }
.plots svg { width: 100%; max-width: 380px; height: auto; border: 1px solid #eaeef2; border-radius: 6px; }
svg text { font: 10.5px system-ui, sans-serif; } svg .title { font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; font-size: 13px; margin: 0; }
dt { color: #57606a; } dd { margin: 0; overflow-wrap: anywhere; }
ul { padding-left: 1.2rem; overflow-wrap: anywhere; } p { max-width: 75ch; }
"""
HEADINGS = (
    "mode",
    "leaf",
    "dtype",
    "verdict",
    "z",
    "z auto",
    "relative error",
    "resolution",
    "elements",
    "by class",
    "note",
)


def html(report: Report) -> str:
    state = "" if report.ok else " bad"
    failures = "".join(f"<li>{escape(sentence(r))}</li>" for r in report.failures)
    body = (
        f"<h1>Gradient agreement</h1><p class='verdict{state}'>{escape(report.sentence)}</p>{explanation()}"
        + (f"<h2>What failed</h2><ul>{failures}</ul>" if failures else "")
        + f"<h2>Cases</h2>{overview(report)}"
        + "".join(f"<p class='legend'>{escape(line)}</p>" for line in legend(report))
        + "<h2>In detail</h2>"
        + "".join(case(name, records, opened=len(rows(report)) == 1) for name, records in report.cases.items())
        + f"<h2>Where this was run</h2>{provenance(report)}"
    )
    head = (
        "<meta charset='utf-8'><meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<link rel='icon' href='data:,'><title>Gradient agreement</title>"
    )
    return f"<!doctype html><html lang='en'><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>\n"


def explanation() -> str:
    """What the numbers mean, with the bands in force."""
    in_words: dict[str, list[str]] = {}
    for dtype, band in bands().items():
        in_words.setdefault(f"agree to {band['agree']:g}, disagree above {band['disagree']:g}", []).append(dtype)
    limits = "; ".join(f"{', '.join(dtypes)}: {limit}" for limit, dtypes in in_words.items())
    return (
        "<p>z is the largest error of a leaf in noise units: 1 is the rounding that the backward rule itself must "
        f"expect, element by element. Bands, as measured: {escape(limits)}. <i>Resolution</i> is the relative error "
        "that one noise unit amounts to. <i>formula</i> compares without any rounding; a plain number in the table of "
        "cases is the z of a result that agrees.</p>"
    )


def overview(report: Report) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in ("case", *columns(report)))
    lines = [
        f"<tr><td class='case'>{escape(case)}</td>"
        + "".join(f"<td class='{c.verdict} brief'>{escape(c.text)}</td>" for c in cells)
        + "</tr>"
        for case, cells in rows(report)
    ]
    return f"<div class='scroll'><table><tr>{head}</tr>{''.join(lines)}</table></div>"


def case(name: str, records: Sequence[Record], opened: bool) -> str:
    bad = sum(map(failed, records))
    title = f"{escape(name)} · {len(records)} records" + (
        f" · <span class='disagree'>{bad} failed</span>" if bad else ""
    )
    drawn = "".join(pictures(records))
    state = " open" if opened or bad else ""
    plots = f"<div class='plots'>{drawn}</div>" if drawn else ""
    return f"<details{state}><summary>{title}</summary>{plots}{table(records)}</details>"


def table(records: Sequence[Record]) -> str:
    head = "".join(f"<th>{heading}</th>" for heading in HEADINGS)
    return f"<div class='scroll'><table><tr>{head}</tr>{''.join(map(line, records))}</table></div>"


def line(r: Record) -> str:
    classes = ", ".join(f"{name} {shown(c['z'])}" for name, c in r.get("classes", {}).items())
    plain = (r["mode"], r["leaf"], r["dtype"])
    numbers = (
        shown(r["z"]),
        shown(r.get("z_auto")),
        shown(r.get("rel_l2")),
        shown(r.get("resolution")),
        r.get("n", "-"),
        classes,
    )
    cells = "".join(f"<td>{escape(str(c))}</td>" for c in plain) + f"<td class='{r['verdict']}'>{r['verdict']}</td>"
    figures = "".join(f"<td>{escape(str(c))}</td>" for c in numbers)
    return f"<tr>{cells}{figures}<td class='note'>{escape(r['note'])}</td></tr>"


def provenance(report: Report) -> str:
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(str(v)) or '-'}</dd>" for k, v in report.provenance.items())
    return f"<dl>{rows}</dl>"
