"""Small pictures as SVG text: axes with names and units, points, lines, bars, cells. No script, no font, no file
beside it.

Every picture is 340 by 220 and stretches to its column; text stays readable because columns are never wider than that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 340, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 24, 40
COLOURS = ("#1f6feb", "#d1570b", "#2da44e", "#8250df", "#bf3989", "#57606a")


@dataclass
class Plot:
    """A frame with two axes; `log` axes take positive numbers and put zero at their lower end.

    Fields:
        title, x_name, y_name: what is drawn; x, y: (low, high) of each axis in data units.
    """

    title: str
    x_name: str
    y_name: str
    x: tuple[float, float]
    y: tuple[float, float]
    log_x: bool = False
    log_y: bool = False
    parts: list[str] = field(default_factory=list)

    def px(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * place(value, self.x, self.log_x)

    def py(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * place(value, self.y, self.log_y)

    def band(self, low: float, high: float, colour: str) -> None:
        """Shade between two values of y."""
        top, bottom = self.py(high), self.py(low)
        width = WIDTH - LEFT - RIGHT
        self.parts.append(
            f'<rect x="{LEFT}" y="{top:.1f}" width="{width}" height="{bottom - top:.1f}" fill="{colour}"/>'
        )

    def point(self, x: float, y: float, colour: str, label: str, hollow: bool = False) -> None:
        fill = f'fill="none" stroke="{colour}"' if hollow else f'fill="{colour}"'
        where = f'cx="{self.px(x):.1f}" cy="{self.py(y):.1f}"'
        self.parts.append(f'<circle {where} r="3" {fill}><title>{escape(label)}</title></circle>')

    def line(self, points: Sequence[tuple[float, float]], colour: str, dashed: bool = False) -> None:
        path = " ".join(f"{self.px(x):.1f},{self.py(y):.1f}" for x, y in points)
        dash = ' stroke-dasharray="3 3"' if dashed else ""
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}"{dash}/>')

    def bar(self, x: float, width: float, height: float, colour: str, label: str) -> None:
        left, right, top, bottom = self.px(x), self.px(x + width), self.py(height), self.py(self.y[0])
        box = f'x="{left:.1f}" y="{top:.1f}" width="{max(right - left - 1, 1):.1f}" height="{max(bottom - top, 0):.1f}"'
        self.parts.append(f'<rect {box} fill="{colour}"><title>{escape(label)}</title></rect>')

    def text(self, x: float, y: float, words: str, anchor: str = "middle", colour: str = "#57606a") -> None:
        """Words at a place in picture units."""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'
        )

    def legend(self, names: Sequence[tuple[str, str]], left: bool = False) -> None:
        """(name, colour) in an upper corner."""
        x, anchor = (LEFT + 6, "start") if left else (WIDTH - RIGHT - 4, "end")
        for i, (name, colour) in enumerate(names):
            self.text(x, TOP + 12 + 12 * i, name, anchor, colour)

    def render(
        self, ticks_x: Sequence[tuple[float, str]] | None = None, ticks_y: Sequence[tuple[float, str]] | None = None
    ) -> str:
        """The finished picture; ticks are chosen where none are given."""
        for value, name in ticks_x if ticks_x is not None else ticks(self.x, self.log_x):
            self.text(self.px(value), HEIGHT - BOTTOM + 13, name)
        for value, name in ticks_y if ticks_y is not None else ticks(self.y, self.log_y):
            self.text(LEFT - 4, self.py(value) + 4, name, "end")
        frame = f'<path d="M{LEFT},{TOP} V{HEIGHT - BOTTOM} H{WIDTH - RIGHT}" fill="none" stroke="#8c959f"/>'
        names = (
            f'<text x="{LEFT}" y="14" class="title">{escape(self.title)}</text>'
            f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(self.x_name)}</text>'
            f'<text transform="translate(11,{(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">'
            f"{escape(self.y_name)}</text>"
        )
        head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.title)}" xmlns="http://www.w3.org/2000/svg">'
        return head + frame + "".join(self.parts) + names + "</svg>"


def place(value: float, ends: tuple[float, float], log: bool) -> float:
    """Where a value lies between two ends, from 0 to 1; what is outside is drawn at the end."""
    low, high = ends
    if log:
        value, low, high = (math.log10(max(v, low)) for v in (min(value, high), low, high))
    return min(max((value - low) / ((high - low) or 1), 0), 1)


def ticks(ends: tuple[float, float], log: bool) -> list[tuple[float, str]]:
    """A few round numbers between two ends.

    >>> ticks((1.0, 100.0), log=True)
    [(1.0, '1'), (10.0, '10'), (100.0, '100')]
    """
    low, high = ends
    if log:
        first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
        step = max(1, (last - first) // 4)
        return [(10.0**k, f"1e{k}" if abs(k) > 3 else f"{10.0**k:g}") for k in range(first, last + 1, step)]
    size = 10.0 ** math.floor(math.log10((high - low) / 2 or 1))
    size *= next(m for m in (0.5, 1, 2, 5, 10) if (high - low) / (m * size) <= 5)
    return [(k * size, f"{k * size:g}") for k in range(math.ceil(low / size), math.floor(high / size) + 1)]


def grid(title: str, x_name: str, y_name: str, cells: Sequence[Sequence[float]], unit: str) -> str:
    """Cells coloured by size (white 0, dark the largest), with the largest named."""
    rows, columns = len(cells), len(cells[0])
    top = max((v for row in cells for v in row if math.isfinite(v)), default=0.0)
    plot = Plot(f"{title} (darkest: {top:.2g} {unit})", x_name, y_name, (0, columns), (rows, 0))
    size = plot.px(1) - plot.px(0) + 0.3, plot.py(1) - plot.py(0) + 0.3
    for i, row in enumerate(cells):
        for j, value in enumerate(row):
            share = 1.0 if not math.isfinite(value) else value / top if top else 0.0
            box = f'x="{plot.px(j):.1f}" y="{plot.py(i):.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}"'
            plot.parts.append(
                f'<rect {box} fill="{shade(share)}"><title>({i}, {j}): {value:.3g} {escape(unit)}</title></rect>'
            )
    numbers = [(k + 0.5, str(k)) for k in range(0, columns, max(1, columns // 8))]
    return plot.render(numbers, [(k + 0.5, str(k)) for k in range(0, rows, max(1, rows // 6))])


def shade(share: float) -> str:
    """From nearly white to dark blue.

    >>> shade(0.0), shade(1.0)
    ('#f6f8fa', '#0a3069')
    """
    ends = (0xF6, 0xF8, 0xFA), (0x0A, 0x30, 0x69)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(*ends, strict=True))
