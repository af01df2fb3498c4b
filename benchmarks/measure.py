"""One row, measured: a record of plain numbers, as it is written to JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import jax

from benchmarks.contenders import LAYERS, backward, inside, outside, problem, repeats_bitwise
from benchmarks.rows import Row
from benchmarks.timing import FEWEST, Run, Timing, clock, others, pause, take_turns, timing

HAND_TURNS, AUTO_TURNS = 4, 2  # per scan; jax.grad's own may be hundreds of times slower there
ROUNDS = 3  # in each of which every library has its block
Record = dict[str, Any]


def record(row: Row, *, budget: float, dtype: str = "float32", scan: bool = False, torch: bool = True) -> Record:
    """All numbers of a row.

    Args:
        budget: seconds of interleaved calls for each library, in as many blocks as there are rounds.
        scan: also inside `lax.scan`.
        torch: also PyTorch, in blocks of its own.

    Returns:
        milliseconds per turn (`hand`, `auto`, `torch`, `hand_scan`, `auto_scan`, of a layer also `hand_backward` and
        `auto_backward`: median, low, high, best, calls),
        `compile` in seconds and `temporaries` in bytes by contender, whether ten calls gave equal bits
        (`is_repeatable`), and what share of the machine `others` took.
    """
    given = problem(row, dtype)
    with others() as disturbance:
        programs = outside(row, given, budget)
        runs: dict[str, Run] = {name: program.run for name, program in programs.items()}
        if row.work == "layer":
            runs |= {f"{name}_backward": backward(row, given, name).run for name in LAYERS}
        if scan and row.scan != "none":
            runs["hand_scan"] = inside(row, given, "hand", HAND_TURNS).run
        theirs = pytorch(row, given) if torch and dtype == "float32" else {}
        times = {name: timing(took, turns(name)) for name, took in in_rounds(runs, theirs, budget).items()}
        if scan and row.scan == "both":
            times["auto_scan"] = alone(inside(row, given, "auto", AUTO_TURNS).run, budget)
    return {
        "group": row.group,
        "date": date.today().isoformat(),
        "dtype": dtype,
        "others": disturbance,
        **{name: taken._asdict() for name, taken in times.items() if name not in theirs},
        **fastest({name: times[name] for name in theirs}),
        "compile": {name: program.seconds for name, program in programs.items()},
        "temporaries": {name: program.temporaries for name, program in programs.items()},
        "is_repeatable": repeats_bitwise(programs["hand"].run),
    }


def turns(name: str) -> int:
    return HAND_TURNS if name == "hand_scan" else 1


def alone(run: Run, budget: float) -> Timing:
    """A contender too slow to take turns: once, and again while the budget lasts."""
    took = [clock(run)]
    while sum(took) < budget and len(took) < FEWEST:
        took.append(clock(run))
    return timing(took, AUTO_TURNS)


def in_rounds(ours: Mapping[str, Run], theirs: Mapping[str, Run], budget: float) -> dict[str, list[float]]:
    """Seconds of all calls: in every round a block of ours and one of another library, so that both meet the machine
    in the same moods; after each block a pause, since idle threads spin. The first turn of a block is not counted: it
    takes from the system the memory that the other library has given back.
    """
    blocks = [runs for runs in (ours, theirs) if runs]
    seconds: dict[str, list[float]] = {name: [] for runs in blocks for name in runs}
    for _ in range(ROUNDS):
        for runs in blocks:
            take_turns(runs, 0, fewest=1)
            for name, took in take_turns(runs, budget / ROUNDS, fewest=1).items():
                seconds[name] += took
            if theirs:
                pause()
    return seconds


def pytorch(row: Row, given: Any) -> dict[str, Run]:
    """PyTorch in each of its layouts."""
    from benchmarks.pytorch import layouts, work

    return {name: work(row, given, last) for name, last in layouts(row).items()}


def fastest(times: Mapping[str, Timing]) -> Record:
    """PyTorch in the faster of its layouts."""
    if not times:
        return {}
    layout, best = min(times.items(), key=lambda item: item[1].median)
    return {"torch": {**best._asdict(), "layout": layout}}


def is_installed() -> bool:
    """Whether there is a PyTorch that runs where JAX runs: on this CPU."""
    if jax.default_backend() != "cpu":
        return False
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True
