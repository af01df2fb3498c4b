r"""Values and formulas as text for a terminal."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from analysis.worked_examples.judge import Claim, Experiment, Finding, Missing, Opinion, Printed, Twice, is_ragged

SYMBOLS = {
    r"\\": "; ",
    r"\partial": "∂", r"\delta": "δ", r"\theta": "θ", r"\sigma": "σ", r"\eta": "η", r"\omega": "ω", r"\nabla": "∇",
    r"\Delta": "Δ", r"\sum": "Σ", r"\star": "⋆", r"\times": "×", r"\cdot": "·", r"\cdots": "...", r"\dots": "...",
    r"\vdots": ":", r"\le": "≤", r"\ge": "≥", r"\ne": "≠", r"\to": "→", r"\infty": "∞", r"\in": "∈", r"\otimes": "⊗",
    r"\odot": "⊙", r"\pm": "±", r"\|": "|", r"\,": " ", r"\ ": " ", r"\quad": "   ", r"\hline": "",
    r"\left": "", r"\right": "", r"\prime": "'", r"\arg": "arg ", "&": " ",
}  # fmt: skip
SHORT = 8  # entries of an array that are written out


def plain(formula: str) -> str:
    r"""A LaTeX formula as one line of text.

    >>> plain(r"\frac{\partial E}{\partial X_j}=\sum_{i=1}^nw_{ij}")
    '∂E/∂X_j = Σ_{i=1}^n w_{ij}'
    """
    text = re.sub(
        r"\\(begin|end)\{(array|[bp]?matrix|cases)\}(\{[|c]*\})?", lambda m: "[" if m[1] == "begin" else "]", formula
    )
    text = re.sub(r"\\tfrac(\w)(\w)|\\frac(\w)(\w)", lambda m: f"{m[1] or m[3]}/{m[2] or m[4]}", text).replace(
        r"\tfrac", r"\frac"
    )
    while r"\frac{" in text:
        start = text.index(r"\frac{")
        above, after = braced(text, start + 5)
        below, after = braced(text, after)
        gap = " " if text[after : after + 1].isalpha() else ""
        text = f"{text[:start]}{grouped(above)}/{grouped(below)}{gap}{text[after:]}"
    text = re.sub(r"\\(?:text|mathrm|mathbf|boldsymbol)\s*(?:\{([^{}]*)\}|(\w))", lambda m: m[1] or m[2], text)
    text = re.sub(r"\\hat\s*(\w|\\\w+)", "\\1\u0302", text)
    text = re.sub(r"\\tilde\s*(\w)", "\\1\u0303", text)
    text = re.sub(r"\\sqrt\{?(\w+)\}?", r"√\1", text)
    text = re.sub(r"(\\sum(?:_\{[^{}]*\}|_\w)?(?:\^\{[^{}]*\}|\^\w)?)", r"\1 ", text)
    for symbol in sorted(SYMBOLS, key=len, reverse=True):
        text = text.replace(symbol, SYMBOLS[symbol])
    text = re.sub(r"\\(max|min|tanh|ln|sin|cos|sign|\{|\})", r"\1", text)
    return " ".join(re.sub(r"=(?![^{}]*\})", " = ", text).split()).replace("∂ ", "∂").replace("∇ ", "∇")


def braced(text: str, at: int) -> tuple[str, int]:
    """What stands in the braces that open at `at`, and where the text goes on."""
    depth = 0
    for position in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return text[at + 1 : position], position + 1
    raise ValueError(f"formula: a brace is not closed in {text!r}")


def grouped(part: str) -> str:
    """In parentheses where it is a sum or a quotient."""
    bare = re.sub(r"\{[^{}]*\}", "", part)
    return f"({part})" if re.search(r"[-+]|\\frac|\\sum", bare) else part


def corrected(text: str) -> str:
    """Words with formulas between dollars, as text."""
    return "".join(plain(part) if k % 2 else part for k, part in enumerate(text.split("$")))


def show(value: Any) -> str:
    """A number in six digits, a short array in full, a long one by shape and range.

    >>> show(np.arange(3.0)), show(np.ones((5, 6), bool)), show((4, 24, 24)), show(1 / 3)
    ('0, 1, 2', 'yes 30 of 30', '4, 24, 24', '0.333333')
    """
    if isinstance(value, Printed):
        return ", ".join(f"{v:.{d}f}" for v, d in zip(value.values.ravel(), value.decimals.ravel(), strict=True))
    if isinstance(value, Twice):
        return show(value.hand)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {show(part)}" for name, part in value.items()) or "none"
    if is_ragged(value):
        return "; ".join(map(show, value))
    if isinstance(value, (tuple, list)) and not value:
        return "()"  # the shape of one number
    array = np.asarray(value)
    if array.dtype == bool and array.size > SHORT:
        return f"yes {array.sum()} of {array.size}"
    if array.size > 2 * SHORT and array.dtype.kind in "fiu":
        shape = "x".join(map(str, array.shape))
        return f"{shape} numbers, {np.nanmin(array):.6g} to {np.nanmax(array):.6g}"
    return "; ".join(", ".join(map(scalar, row)) for row in array.reshape(-1, array.shape[-1] if array.ndim else 1))


def scalar(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    return f"{float(value):.6g}"


def stated(finding: Finding) -> str:
    """What the document says, for a table."""
    return show(finding.says) if isinstance(finding, Claim) else "-"


def found(finding: Finding) -> str:
    """What the run gives, for a table."""
    if isinstance(finding, Claim):
        return show(finding.truth)
    if isinstance(finding, Missing):
        return finding.supplied if finding.is_figure else "a derivation, in full with this row"
    if isinstance(finding, Experiment):
        return f"{len(finding.measured)} numbers measured with a stand-in"
    assert isinstance(finding, Opinion)
    return finding.reason


def off_by(finding: Finding) -> str:
    """The difference of printed and computed, for a table."""
    difference = finding.difference if isinstance(finding, Claim) else None
    return "" if difference is None or np.isnan(difference) else "0" if difference == 0 else f"{difference:.1e}"
