"""Tests of the dashboard: what it says of a run at its beginning, in the middle, at the end, and on which terminals."""

import io
import math

import pytest
from rich.console import Console

from jaxcnn.training import dashboard
from jaxcnn.training.dashboard import Dashboard, live, sparkline
from jaxcnn.training.metrics import Epoch
from jaxcnn.training.progress import following

EPOCHS = [Epoch(n, 2.0 / n, n / 8, 2.5 / n, n / 10, 0.125, 1000.0 * n) for n in range(1, 9)]


def shown(board, width=80, encoding="utf-8"):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    Console(file=file, width=width).print(board)
    return file.buffer.getvalue().decode(encoding)


def seen(count, planned=8, behind=0):
    board = Dashboard(planned, EPOCHS[:behind])
    for epoch in EPOCHS[behind:count]:
        board.add(epoch)
    return board


@pytest.fixture
def clock(monkeypatch):
    """Ten seconds from one look to the next."""
    now = iter(range(0, 10_000, 10))
    monkeypatch.setattr(dashboard.time, "perf_counter", lambda: next(now))


def test_before_the_first_epoch_there_is_a_line():
    assert shown(seen(0)) == "epoch 1 of 8: compiling\n"


def test_in_the_middle_there_are_curves_the_last_epochs_speed_and_time_left(clock):
    lines = shown(seen(6)).splitlines()
    assert lines[0] == "epoch 6 of 8 done, 6,000 examples/s, 0:00:10 left"  # 10 s each, two to come, 10 s ago
    assert lines[1].split() == ["loss", "training", "0.3333", "▇▅▃▂▂▁"]  # logarithms, between 0.33 and 2.5
    assert lines[2].split() == ["loss", "held", "out", "0.4167", "█▆▄▃▂▂"]
    assert lines[3].split() == ["accuracy", "training", "0.7500", "▁▃▄▅▇█"]
    rows = [line.split() for line in lines if line.strip()][-5:]
    assert [row[0] for row in rows] == ["2", "3", "4", "5", "6"]
    assert rows[-1] == ["6", "0.3333", "0.4167", "0.7500", "0.6000", "6,000"]


def test_at_the_end_there_is_no_time_left():
    assert shown(seen(8)).splitlines()[0] == "epoch 8 of 8 done, 8,000 examples/s, at the end"


def test_a_run_that_is_gone_on_with_is_timed_from_where_it_goes_on(clock):
    assert shown(seen(4, behind=4)).splitlines()[0].endswith("time left unknown")
    assert shown(seen(6, behind=4)).splitlines()[0].endswith("0:00:10 left")


@pytest.mark.parametrize("width", [20, 40, 200])
def test_no_line_is_wider_than_the_terminal(width):
    assert max(map(len, shown(seen(8), width).splitlines())) <= width


def test_a_terminal_without_block_characters_gets_others():
    assert "█" not in shown(seen(8), encoding="ascii")
    assert "@" in shown(seen(8), encoding="ascii")


@pytest.mark.parametrize("loss", [math.nan, math.inf, 0.0, -0.0], ids=str)
def test_a_loss_that_is_no_number_or_has_no_logarithm_is_a_question_mark(loss):
    board = Dashboard(3, [EPOCHS[0], EPOCHS[1]._replace(train_loss=loss, test_loss=loss)])
    assert shown(board).splitlines()[1].endswith("?")


def test_a_long_series_keeps_its_first_and_last_values():
    line = sparkline([5.0, *[2.0] * 1000, 0.0], 20, (0.0, 5.0))
    assert (len(line), line[0], line[-1]) == (20, "█", "▁")
    assert set(sparkline([1.0] * 5, 9, (1.0, 1.0))) == {"▁"}
    assert sparkline([], 9, (0.0, 0.0)) == ""


def test_it_stays_on_the_terminal_as_it_was_at_the_end():
    file = io.StringIO()
    with live(Console(file=file, force_terminal=True, width=80), 8, []) as board:
        for epoch in EPOCHS:
            board.add(epoch)
    assert "epoch 8 of 8 done" in file.getvalue().rsplit("epoch 1 of 8", maxsplit=1)[-1]
    assert file.getvalue().endswith("\x1b[?25h")


def test_it_is_shown_on_request_on_a_terminal_and_lines_elsewhere(capsys, monkeypatch):
    with following(8, EPOCHS[:1], dashboard=True) as show:
        show(EPOCHS[1])
    assert capsys.readouterr().err.startswith("epoch 2/8: loss")
    monkeypatch.setenv("FORCE_COLOR", "1")
    with following(8, EPOCHS[:1], dashboard=True) as show:
        show(EPOCHS[1])
    assert "epoch 2 of 8 done" in capsys.readouterr().err
