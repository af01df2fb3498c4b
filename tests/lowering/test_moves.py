"""A window seen from its inputs: every output that reaches an input comes by exactly one move."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcnn.lowering.moves import by_place, moves, spread
from jaxcnn.lowering.window import Window
from tests.ops.checks import quick_jit


@st.composite
def windows(draw, axes=2):
    """Small geometries with everything: strides over the window's size, holes, padding, cropping."""
    size, stride, dilation = (tuple(draw(st.integers(1, most)) for _ in range(axes)) for most in (3, 4, 3))
    padding = tuple((draw(st.integers(-1, 3)), draw(st.integers(-1, 3))) for _ in range(axes))
    spans = [d * (f - 1) + 1 for f, d in zip(size, dilation, strict=True)]
    inputs = tuple(
        draw(st.integers(max(1, span - sum(p)), span - sum(p) + 6)) for span, p in zip(spans, padding, strict=True)
    )
    return Window(inputs, size, stride, padding, dilation)


@pytest.mark.parametrize("few", [0, 1000], ids=["padded-once", "padded-each"])
@given(window=windows())
@settings(max_examples=60, deadline=None)
def test_every_output_goes_to_the_inputs_that_its_taps_meet(few, window):
    """Sums of taps' numbers times outputs, against a loop over outputs and taps."""
    y = np.random.default_rng(0).integers(1, 9, (1, *window.output, 1)).astype(np.float32)
    expected = np.zeros((1, *window.input, 1), np.float32)
    for o in np.ndindex(*window.output):
        for number, t in enumerate(np.ndindex(*window.size)):
            i = tuple(window.positions(axis)[o[axis], t[axis]] for axis in range(2))
            if all(0 <= at < n for at, n in zip(i, window.input, strict=True)):
                expected[(0, *i, 0)] += (number + 1) * y[(0, *o, 0)]

    def share(tap, y):
        return by_place((tap + 1).astype(np.float32), y) * y

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxcnn.lowering.moves.FEW", few)
        np.testing.assert_array_equal(quick_jit(lambda y: spread(share, window, y))(y), expected)


@pytest.mark.parametrize("few", [0, 1000], ids=["padded-once", "padded-each"])
def test_an_infinite_output_at_the_edge_reaches_its_own_inputs_only(monkeypatch, few):
    monkeypatch.setattr("jaxcnn.lowering.moves.FEW", few)
    window, y = Window((4,), (3,), (1,), ((0, 0),), (1,)), np.float32([np.inf, 1]).reshape(1, 2, 1)
    np.testing.assert_array_equal(spread(lambda tap, y: y, window, y).ravel(), [np.inf, np.inf, np.inf, 1])


@pytest.mark.parametrize(
    ("size", "stride", "dilation", "count"),
    [(2, 2, 1, 1), (2, 3, 1, 1), (3, 2, 1, 4), (3, 1, 1, 9), (3, 1, 2, 9), (3, 2, 2, 9), (7, 7, 1, 1)],
    ids=str,
)
def test_there_are_as_many_moves_as_windows_over_an_input(size, stride, dilation, count):
    window = Window((14, 14), (size,) * 2, (stride,) * 2, ((0, 0),) * 2, (dilation,) * 2)
    assert len(moves(window)) == count


def test_a_move_brings_each_place_its_own_tap():
    """Windows of 3 every 2: the output of the same block brings taps 0 and 1, that of the block before tap 2."""
    window = Window((7,), (3,), (2,), ((0, 0),), (1,))
    assert [(move, tap.tolist()) for move, tap in moves(window)] == [((0,), [0, 1]), ((1,), [2, -1])]
