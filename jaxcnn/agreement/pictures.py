"""The pictures of a report: noise units, hand against truth, V-curves, error maps, ULP histograms, time and error."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxcnn.agreement.bands import bands
from jaxcnn.agreement.report import Record, number
from jaxcnn.agreement.statistics import ULP_EDGES
from jaxcnn.agreement.svg import COLOURS, Plot, grid
from jaxcnn.agreement.units import DTYPES

LOWEST = 1e-4
AGREE, NOISY = "#dafbe1", "#fff8c5"


def pictures(records: Sequence[Record]) -> list[str]:
    """Every picture that the records of one case have data for."""
    gradients = [r for r in records if r["mode"] == "gradient"]
    drawn = [
        noise_units([r for r in records if r["mode"] in ("formula", "gradient", "integers") and r["z"] is not None])
    ]
    drawn += [scatter(r) for r in gradients if r.get("sample")]
    drawn += [v_curve(r) for r in records if r.get("curve")]
    drawn += [error_map(r) for r in gradients if r.get("map")]
    drawn += [ulp(gradients)] if gradients else []
    drawn += [time_against_error(r, gradients) for r in records if r["mode"] == "cost"]
    return [picture for picture in drawn if picture]


def noise_units(records: Sequence[Record]) -> str:
    """z of every leaf, log axis, the bands shaded; one column per leaf, one colour per dtype."""
    if not records:
        return ""
    leaves = list(dict.fromkeys(r["leaf"] for r in records))
    top = max(1e2, *(min(number(r["z"]), 1e18) for r in records)) * 2
    plot = Plot("Noise units per leaf", "leaf", "z", (-0.5, len(leaves) - 0.5), (LOWEST, top), log_y=True)
    band = bands()[records[0]["dtype"]]
    plot.band(LOWEST, band["agree"], AGREE)
    plot.band(band["agree"], band["disagree"], NOISY)
    for r in records:
        dtype = DTYPES.index(r["dtype"])
        x = leaves.index(r["leaf"]) + 0.12 * (dtype - 1.5)
        plot.point(
            x,
            number(r["z"]),
            COLOURS[dtype],
            f"{r['mode']} {r['leaf']} {r['dtype']}: z = {r['z']}",
            r["mode"] != "gradient",
        )
    used = {r["dtype"] for r in records}
    plot.legend([(name, COLOURS[i]) for i, name in enumerate(DTYPES) if name in used])
    return plot.render([(i, shortened(leaf, len(leaves))) for i, leaf in enumerate(leaves)])


def shortened(leaf: str, leaves: int) -> str:
    """A leaf's name in the room there is."""
    room = max(3, 44 // leaves)
    return leaf if len(leaf) <= room else "…" + leaf[-room + 1 :]


def scatter(record: Record) -> str:
    """Handwritten against true values, coloured by element class."""
    sample = record["sample"]
    values = [v for _, t, h in sample for v in (t, h) if math.isfinite(v)] or [0.0]
    ends = (min(values), max(values) if max(values) > min(values) else min(values) + 1)
    plot = Plot(f"Hand against truth, {record['leaf']}, {record['dtype']}", "float64 truth", "hand", ends, ends)
    plot.line([(ends[0], ends[0]), (ends[1], ends[1])], "#8c959f", dashed=True)
    names = list(dict.fromkeys(name for name, _, _ in sample))
    for name, truth, hand in sample:
        colour = COLOURS[names.index(name) % len(COLOURS)]
        plot.point(truth, hand, colour, f"{name or 'element'}: truth {truth:.6g}, hand {hand:.6g}")
    plot.legend([(name, COLOURS[i % len(COLOURS)]) for i, name in enumerate(names) if name], left=True)
    return plot.render()


def v_curve(record: Record) -> str:
    """Central differences over the step: the error of the claimed slope; hollow where a kink is crossed."""
    scale = abs(number(record["claimed"])) or 1.0
    curve = [(h, max(number(e) / scale, 1e-18), smooth) for h, e, smooth in record["curve"] if math.isfinite(number(e))]
    if not curve:
        return ""
    errors = [e for _, e, _ in curve]
    steps = [h for h, _, _ in curve]
    low, high = 10 ** math.floor(math.log10(min(errors))), 10 ** math.ceil(math.log10(max(*errors, 1.0)))
    plot = Plot(
        f"Differences along {record['leaf']}",
        "step h",
        "relative error",
        (min(steps), max(steps)),
        (low, high),
        True,
        True,
    )
    plot.line([(h, e) for h, e, _ in curve], "#8c959f")
    for h, e, smooth in curve:
        plot.point(
            h, e, COLOURS[0], f"h = {h:.1e}: {e:.1e}" + ("" if smooth else ", a kink is crossed"), hollow=not smooth
        )
    notes = [
        f"{name} {record[key]:+.1f}"
        for name, key in (("truncation", "truncation_order"), ("rounding", "rounding_order"))
        if record.get(key) is not None
    ]
    plot.legend([("slopes: " + ", ".join(notes), "#57606a")] if notes else [])
    return plot.render()


def error_map(record: Record) -> str:
    """The largest z over taps or positions: a wrong border is a frame."""
    cells = [[number(v) for v in row] for row in record["map"]]
    return grid(f"z over {record['map_of']}, {record['leaf']}", "column", "row", cells, "z")


def ulp(records: Sequence[Record]) -> str:
    """How many units in the last place the gradients are from the truth, all leaves together, one colour per dtype."""
    used = [d for d in DTYPES if any(r["dtype"] == d and "ulp" in r for r in records)]
    bins = len(ULP_EDGES)
    shares = {d: shares_of([r["ulp"] for r in records if r["dtype"] == d and "ulp" in r]) for d in used}
    plot = Plot("Distance from the truth", "units in the last place", "share of elements", (0, bins), (0, 1))
    for i, dtype in enumerate(used):
        for b, share in enumerate(shares[dtype]):
            plot.bar(
                b + i / len(used) * 0.9, 0.9 / len(used), share, COLOURS[DTYPES.index(dtype)], f"{dtype}: {share:.1%}"
            )
    plot.legend([(d, COLOURS[DTYPES.index(d)]) for d in used])
    return plot.render([(b + 0.45, f"{edge}" if b < 2 else f"{edge}+") for b, edge in enumerate(ULP_EDGES)])


def shares_of(histograms: Sequence[Sequence[int]]) -> list[float]:
    counts = [sum(column) for column in zip(*histograms, strict=True)]
    return [count / (sum(counts) or 1) for count in counts]


def time_against_error(record: Record, gradients: Sequence[Record]) -> str:
    """Median time of a call against the largest relative error, both sides."""
    same = [r for r in gradients if r["dtype"] == record["dtype"]]
    sides: list[tuple[str, float, float]] = []
    for side in ("hand", "auto"):
        errors = [number(r.get(f"err_{side}")) for r in same if r.get(f"err_{side}") is not None]
        sides.append((side, record[side]["milliseconds"], max(max(errors, default=0.0), 1e-18)))
    times, errors = [t for _, t, _ in sides], [e for _, _, e in sides]
    ends = 10 ** math.floor(math.log10(min(times))), 10 ** math.ceil(math.log10(max(times)))
    high = 10 ** math.ceil(math.log10(max(errors)) + 0.5)
    plot = Plot(
        f"Time and error, {record['dtype']}",
        "ms per gradient",
        "relative error",
        (ends[0], max(ends[1], ends[0] * 10)),
        (min(errors) / 10, high),
        True,
        True,
    )
    for i, (side, t, e) in enumerate(sides):
        plot.point(t, e, COLOURS[i], f"{side}: {t:.3g} ms, relative error {e:.1e}")
    plot.legend([(f"{side}: {t:.3g} ms", COLOURS[i]) for i, (side, t, _) in enumerate(sides)])
    return plot.render()
