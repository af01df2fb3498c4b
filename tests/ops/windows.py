"""Window settings: a fixed table for the exact tests, and the same kinds drawn at random by hypothesis.

A row is (input sizes, window sizes, settings). The table holds every kind at least once; names say which.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.oracles import each, reaches

Row = tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]

WINDOWS: dict[str, Row] = {
    "1d": ((7,), (3,), {}),
    "1d-stride-with-remainder-dilated": ((9,), (2,), {"stride": 3, "dilation": 2}),
    "2d": ((5, 6), (3, 2), {"stride": 1}),
    "2d-1x1-stride": ((5, 4), (1, 1), {"stride": 2}),
    "2d-whole-input": ((4, 3), (4, 3), {}),
    "2d-same-even-window": ((5, 6), (2, 4), {"padding": "SAME", "stride": 1}),
    "2d-same-stride": ((7, 6), (3, 3), {"padding": "SAME", "stride": 2}),
    "2d-stride-beyond-window": ((8, 7), (2, 1), {"stride": 3}),
    "2d-padding-one-sided": ((5, 4), (3, 3), {"padding": [(2, 0), (0, 1)], "stride": 1}),
    "2d-cropped-low-padded-high": ((7, 6), (2, 2), {"padding": [(-1, 1), (-2, 1)], "stride": 1}),
    "2d-cropped-with-stride": ((7, 6), (2, 2), {"padding": [(-1, 1), (0, -2)], "stride": 2}),
    "2d-everything": ((8, 9), (3, 2), {"padding": [(2, 1), (-1, 2)], "stride": [2, 3], "dilation": [1, 2]}),
    "2d-rows-dilated": ((7, 6), (3, 2), {"padding": [(1, 2), (0, 1)], "stride": [1, 2], "dilation": [2, 1]}),
    "2d-window-larger": ((2, 3), (3, 4), {"padding": [(1, 1), (3, 0)], "stride": 1}),
    "3d": ((3, 4, 3), (2, 2, 2), {"stride": 1}),
    "3d-everything": ((4, 3, 5), (2, 2, 1), {"padding": [(1, 0), (0, 1), (-1, 0)], "stride": [2, 1, 2], "dilation": 2}),
}
GROUPS: dict[str, dict[str, int]] = {"dense": {}, "groups": {"groups": 2}, "depthwise": {"groups": 4}}

CONVS: dict[str, Row] = {
    f"{name}-{kind}": (input, size, settings | GROUPS[kind])
    for (name, (input, size, settings)), kind in zip(WINDOWS.items(), list(GROUPS) * len(WINDOWS), strict=False)
} | {
    "2d-1x1": ((3, 4), (1, 1), {}),
    "2d-padding-beyond-window": ((3, 4), (2, 2), {"padding": [(3, 0), (0, 3)]}),
    "2d-everything-depthwise": (*WINDOWS["2d-everything"][:2], WINDOWS["2d-everything"][2] | {"groups": 4}),
}


@st.composite
def rows(draw: st.DrawFn, *, dilated: bool = True, sees_input: bool = False) -> Row:
    """Any row that is allowed, small; with `sees_input` no window lies in padding alone."""
    rank = draw(st.sampled_from([1, 2, 2, 3]))
    input = draw(st.sampled_from([(7,), (4,)] if rank == 1 else [(5, 6), (6, 4)] if rank == 2 else [(3, 4, 3)]))
    size = tuple(draw(st.integers(1, 3)) for _ in input)
    settings = {
        "stride": draw(st.one_of(st.integers(1, 3), st.tuples(*[st.integers(1, 3)] * rank))),
        "dilation": draw(st.integers(1, 2)) if dilated else 1,
        "padding": draw(
            st.one_of(
                st.sampled_from(["VALID", "SAME"]),
                st.integers(0, 2),
                st.tuples(*[st.tuples(st.integers(-1, 2), st.integers(-1, 2))] * rank),
            )
        ),
    }
    return (
        (input, size, settings)
        if fits(input, size, settings, sees_input)
        else ((5, 6), (2, 3), {"padding": "SAME", "stride": 1})
    )


def fits(input: tuple[int, ...], size: tuple[int, ...], settings: dict[str, Any], sees_input: bool) -> bool:
    spans = [d * (f - 1) + 1 for f, d in zip(size, each(settings["dilation"], len(size)), strict=True)]
    padding = settings["padding"]
    if isinstance(padding, str):
        return padding == "SAME" or all(s <= n for s, n in zip(spans, input, strict=True))
    pads = [(padding, padding)] * len(input) if isinstance(padding, int) else padding
    if any(n + sum(pad) < span for n, pad, span in zip(input, pads, spans, strict=True)):
        return False
    return not sees_input or all(axis.any((1, 2)).all() for axis in reaches(input, size, **settings))
