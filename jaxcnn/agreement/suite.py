"""This project's own report: every layer in four dtypes, every named network, every planted mistake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jaxcnn.agreement.arguments import arguments_of
from jaxcnn.agreement.cases import Case, layers, network_cases
from jaxcnn.agreement.comparison import check, in_dtype, integer_point
from jaxcnn.agreement.environment import canary_records, provenance
from jaxcnn.agreement.evaluate import Pair
from jaxcnn.agreement.gradients import evaluated, point
from jaxcnn.agreement.mutants import teeth
from jaxcnn.agreement.report import Report
from jaxcnn.agreement.statistics import Record

WORKERS = 2  # XLA compiles outside Python's lock, so two threads keep two cores busy
NETWORK_DTYPES = ("float32", "float64")

Job = Callable[[], Sequence[Record]]


def report(
    cases: Sequence[Case] | None = None, seed: int = 0, done: Callable[[str], Any] = lambda name: None
) -> Report:
    """Check the given cases, or all; `done` is called with the name of each as it ends."""
    chosen = [*layers(), *network_cases()] if cases is None else list(cases)
    with ThreadPoolExecutor(WORKERS) as pool:
        canaries = pool.submit(canary_records)
        found = list(pool.map(lambda case: announced(case, seed, done), chosen))
        records = [record for part in found for record in part] + canaries.result()
    return Report(records, provenance(seed))


def announced(case: Case, seed: int, done: Callable[[str], Any]) -> list[Record]:
    try:
        return checked(case, seed)
    except (ValueError, TypeError, NotImplementedError) as error:
        return [{"case": case.name, "mode": "check", "verdict": "not-run", "note": str(error)}]
    finally:
        done(case.name)


def checked(case: Case, seed: int) -> list[Record]:
    """One case: a check in every dtype, and its mutants."""
    is_network = case.family == "network"
    dtypes = NETWORK_DTYPES if is_network else ("float32", "float64", "bfloat16", "float16")
    found = check(
        case.hand, case.auto, *case.args, name=case.name, dtypes=dtypes, seed=seed, classes=case.classes,
        integers=not is_network, transform=True, cost=True,
    )  # fmt: skip
    return found.records + ([] if is_network else [{"case": case.name} | r for r in mutant_records(case, seed)])


def mutant_records(case: Case, seed: int) -> list[Record]:
    """The mistakes of a case, tried at its arguments and at whole numbers."""
    arguments = in_dtype(arguments_of(case.args), "float32")
    pair = Pair(case.hand, case.auto, arguments)
    points = [evaluated(pair, point(pair, arguments, "float32", seed)), integer_point(pair, arguments, "float32", seed)]
    return teeth(case, pair, points)
