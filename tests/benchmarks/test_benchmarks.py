"""The benchmark runs, adds to what it has, and its networks are what their names say. No time is judged here."""

from __future__ import annotations

import json
import os

import jax
import numpy as np
import pytest

import benchmarks.__main__ as program
from benchmarks import contenders, growth, layers, measure, models, picture, report, rows, store, timing
from benchmarks.timing import take_turns
from jaxcnn import networks, ops

SMALL = {
    "layer": rows.Row("small layer", "conv", networks.conv(2, 3), 2, (5, 5, 1)),
    "step": rows.Row("small step", "step", models.chain(networks.flatten(), networks.dense(10)), 2, (2, 2, 1), "step"),
    "per example": rows.Row("small", "each", networks.seed3_dense(), 2, (3, 3, 1), "per example"),
}


@pytest.fixture(autouse=True)
def single_precision():
    with jax.enable_x64(False):
        yield


@pytest.mark.parametrize("row", SMALL.values(), ids=SMALL)
def test_contenders_do_the_same_work(row):
    given = contenders.problem(row)
    hand, auto = (program.run() for program in contenders.outside(row, given).values())
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), hand, auto)


def test_a_loop_of_a_layer_is_its_turns_one_after_the_other():
    row = SMALL["layer"]
    params, state, x, dy = given = contenders.problem(row)
    looped = contenders.inside(row, given, "hand", turns=2).run()
    for _ in range(2):
        y, gradients, state = contenders.turn(row, ops)(params, state, x, dy)
        params, x = jax.tree.map(lambda a, d: a - contenders.LEARNING_RATE * d, (params, x), gradients)
        dy = y
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), looped, (params, state, x, dy))


def test_a_layer_backward_alone_gives_the_gradients_of_its_turn():
    row = SMALL["layer"]
    given = contenders.problem(row)
    _, gradients, _ = contenders.outside(row, given)["hand"].run()
    for name in contenders.LAYERS:
        alone = contenders.backward(row, given, name).run()
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), alone, gradients)


def test_the_first_third_of_a_turn_is_not_counted(monkeypatch):
    monkeypatch.setattr(timing, "TURN", 0)
    calls = []
    times = take_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, budget=0, fewest=2)
    assert "".join(calls) == "aaaabbbb" * 2
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 6, "b": 6}


def test_a_turn_lasts_its_time(monkeypatch):
    now = iter(range(100))
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(now))  # a second goes by with every look at the clock
    monkeypatch.setattr(timing, "TURN", 30)
    assert timing.counted(lambda: None) == [1] * 8  # of eleven calls, each with two looks and most with one more


def test_libraries_have_their_blocks_in_every_round_with_pauses(monkeypatch):
    calls = []
    monkeypatch.setattr(timing, "TURN", 0)
    monkeypatch.setattr(measure, "pause", lambda: calls.append("."))
    ours, theirs = ({name: lambda name=name: calls.append(name) for name in names} for names in ("ab", "t"))
    seconds = measure.in_rounds(ours, theirs, budget=0)
    assert "".join(calls) == "aaaabbbbaaaabbbb.tttttttt." * measure.ROUNDS
    assert {name: len(took) for name, took in seconds.items()} == dict.fromkeys("abt", 3 * measure.ROUNDS)
    calls.clear()
    measure.in_rounds(ours, {}, budget=0)
    assert "".join(calls) == "aaaabbbbaaaabbbb" * measure.ROUNDS


def test_a_record_is_plain_numbers_and_can_be_reported(tmp_path):
    found = json.loads(json.dumps(measure.record(SMALL["layer"], budget=0, scan=True, torch=False)))
    results = {"environment": store.environment(), "rows": {"small layer": found}, "growth": {}}
    assert {"hand", "auto", "hand_backward", "auto_backward", "hand_scan", "auto_scan"} <= found.keys()
    assert found["is_repeatable"]
    assert "| small layer |" in report.markdown(results)
    assert [text.get_text() for text in picture.ratios(results).get_yticklabels()] == ["small layer"]


@pytest.mark.parametrize(
    ("taken", "kept", "attempts"),
    [
        pytest.param([[0.02], [0.0]], 0, 1, id="idle"),
        pytest.param([[0.3], [0.05], [0.0]], 1, 2, id="disturbed-once"),
        pytest.param([[0.3], [0.2], [0.25], [0.0]], 1, 3, id="disturbed-always"),
        pytest.param([[], [0.0]], 0, 1, id="not-known"),
    ],
)
def test_a_row_that_others_disturb_is_measured_again(taken, kept, attempts):
    records = [{"others": others} for others in taken]
    rest = iter(records)
    assert program.quietest(lambda: next(rest)) is records[kept]
    assert list(rest) == records[attempts:]


def test_what_the_host_takes_counts_as_taken(tmp_path, monkeypatch):
    """/proc/stat: user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice, in ticks."""
    (tmp_path / "stat").write_text("cpu  700 20 80 9000 50 0 5 200 3 1\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
    monkeypatch.setattr(timing, "Path", lambda name: tmp_path / name.removeprefix("/proc/"))
    assert timing.busy_seconds() == 1000 / os.sysconf("SC_CLK_TCK")


def test_results_are_added_to_and_kept_in_order(tmp_path):
    path, (first, second) = tmp_path / "cpu.json", (row.name for row in rows.ROWS[:2])
    results = store.load(path)
    for name, number in ((second, 2), (first, 1), (second, 3)):
        store.add(results, name, {"number": number})
        store.save(path, results)
    assert list(store.load(path)["rows"].items()) == [(first, {"number": 1}), (second, {"number": 3})]


def test_results_of_another_environment_are_refused(tmp_path):
    path = tmp_path / "cpu.json"
    store.save(path, {**store.load(path), "environment": {**store.environment(), "jax": "0.0"}})
    with pytest.raises(ValueError, match=r"measured with jax 0\.0 .*--out"):
        store.load(path)


@pytest.mark.parametrize(("power", "milliseconds"), [(1, [1.0, 4.0, 16.0]), (2, [1.0, 16.0, 256.0])])
def test_exponent_is_the_slope(power, milliseconds):
    assert growth.exponent([1, 4, 16], milliseconds) == pytest.approx(power)


def test_growth_alone_is_written_without_a_picture(tmp_path, monkeypatch, capsys):
    series = {"batch": {"work": [1, 4], "milliseconds": [1.0, 4.0], "exponent": 1.0}}
    monkeypatch.setattr(growth, "measure", lambda budget: series)
    assert program.main(program.Options(growth=True, out=tmp_path)) == 0
    (results,) = tmp_path.glob("*.json")
    assert store.load(results)["growth"] == series
    assert "| batch | 1 to 4 |" in results.with_suffix(".md").read_text()
    assert not list(tmp_path.glob("*.png"))
    assert "png" not in capsys.readouterr().out


def test_the_quickest_of_several_compilations_counts(monkeypatch):
    monkeypatch.setattr(contenders, "COMPILATIONS", (3, 5))
    took = iter([5.0, 9.0, 3.0, 7.0, 4.0, 8.0])
    nothing = contenders.Compiled(lambda: None, 0.0, 0)
    monkeypatch.setattr(contenders, "compiled", lambda function, arguments: nothing._replace(seconds=next(took)))
    row = SMALL["layer"]
    programs = contenders.outside(row, contenders.problem(row), budget=1e-9)
    assert {name: found.seconds for name, found in programs.items()} == {"hand": 3.0, "auto": 7.0}


def test_every_row_has_its_own_name_and_fits_its_images():
    every = (*rows.ROWS, *layers.LAYERS)
    assert len({row.name for row in every}) == len(every)
    assert [row.name for row in every if not row.network.output_shape(row.image)] == []


def test_layers_of_networks_are_listed_by_themselves(capsys):
    assert program.main(program.Options(layers=True, rows="convnext*2x2", show=True)) == 0
    assert "ConvNeXt: 2x2 96->192, 56x56, stride 2" in capsys.readouterr().out
    assert program.main(program.Options(rows="convnext", show=True)) == 2


def test_layers_of_networks_have_a_file_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(growth, "measure", lambda budget: {})
    for asked in ({}, {"layers": True}, {"layers": True, "dtype": "bfloat16"}):
        assert program.main(program.Options(growth=True, out=tmp_path, **asked)) == 0
    names = {path.name.removeprefix(jax.default_backend()) for path in tmp_path.glob("*.json")}
    assert names == {".json", "-layers.json", "-layers-bfloat16.json"}


def test_the_residual_network_has_fourteen_layers():
    kernels = [path for path in networks.flat(models.resnet().init(jax.random.key(0), (32, 32, 3))) if "kernel" in path]
    assert len([path for path in kernels if "shortcut" not in path]) == 14


def test_an_unknown_row_is_named_in_one_sentence(capsys):
    assert program.main(program.Options(rows="nothing")) == 2
    assert capsys.readouterr().err == "python -m benchmarks: rows: no row or group fits 'nothing'; --list shows all\n"
