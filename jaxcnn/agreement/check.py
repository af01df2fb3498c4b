"""`check` and `assert_agree`: from two functions to a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxcnn.agreement import gradients
from jaxcnn.agreement.arguments import Arguments, arguments_of, key_for
from jaxcnn.agreement.evaluate import Pair, precision_of
from jaxcnn.agreement.plain import without_rules
from jaxcnn.agreement.report import Report
from jaxcnn.agreement.statistics import Record

Masks = Mapping[str, Mapping[str, np.ndarray]]


def check(
    hand: Callable[..., Any],
    auto: Callable[..., Any] | None,
    *args: Any,
    name: str = "check",
    dtypes: Sequence[str | None] = (None,),
    seed: int = 0,
    classes: Masks | None = None,
    integers: bool = True,
) -> Report:
    arguments = arguments_of(args)
    pair = Pair(hand, auto if auto is not None else without_rules(hand), arguments)
    records: list[Record] = []
    for dtype in dtypes:
        records += at_point(pair, arguments, dtype, seed, classes or {}, referees=dtype == dtypes[0])
        if integers:
            records += at_integers(pair, arguments, dtype, seed, classes or {})
    return Report([{"case": name} | record for record in records])


def at_point(
    pair: Pair, arguments: Arguments, dtype: str | None, seed: int, classes: Masks, referees: bool
) -> list[Record]:
    here = gradients.point(pair, arguments, dtype, seed)
    found = gradients.evaluated(pair, here)
    records = gradients.formula_records(found, classes)
    steps: list[Record] = []
    truth = found.wide_auto.gradients
    if referees:
        steps, sweeps = gradients.referee_records(pair, found, seed)
        truth = gradients.truth_of(found, steps)
        steps += sweeps
    records += gradients.arithmetic_records(found, truth, classes)
    records = gradients.excuse_kinks(pair, found, records, seed)
    return records + gradients.output_records(found, pair.output_paths) + steps


def at_integers(pair: Pair, arguments: Arguments, dtype: str | None, seed: int, classes: Masks) -> list[Record]:
    with precision_of(dtype):
        whole = [
            key_for(f"integers of {p}", seed).integers(-3, 4, np.shape(x))
            for p, x in zip(arguments.paths, arguments.floats)
        ]
        there = arguments.replaced([np.asarray(w, np.asarray(x).dtype) for w, x in zip(whole, arguments.floats)])
        here = gradients.point(pair, there, dtype, seed, whole=True)
    found = gradients.evaluated(pair, here)
    records = gradients.arithmetic_records(found, found.wide_auto.gradients, classes)
    records = gradients.excuse_kinks(pair, found, records, seed)
    return [r | {"mode": "integers"} for r in records]
