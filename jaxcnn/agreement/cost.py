"""What each gradient costs: time, compile time, peak temporaries, bytes saved for the backward pass, operations.

Figures, not verdicts: a cost never fails a report, but it explains why one would choose either side.
"""

from __future__ import annotations

import re
import time
from typing import Any

import jax
import numpy as np

from jaxcnn.agreement.evaluate import Pair, Subject, precision_of
from jaxcnn.agreement.gradients import Evaluated, Point
from jaxcnn.agreement.statistics import Record

RUNS = 7
OPERATIONS = ("convolution", "dot", "select-and-scatter", "scatter", "reduce-window", "while", "fusion", "custom-call")


def cost_record(pair: Pair, found: Evaluated) -> Record:
    """Both sides' costs in one record."""
    here = found.point
    with precision_of(here.dtype):
        sides = {subject.label: cost(subject, here) for subject in (pair.hand, pair.auto)}
    base = {"mode": "cost", "group": "cost", "leaf": "all leaves", "dtype": here.dtypes[0], "n": RUNS}
    hand, auto = (sides[side]["milliseconds"] for side in ("hand", "auto"))
    note = f"median {hand:.3g} ms by hand, {auto:.3g} ms by jax.grad"
    return base | {"verdict": "exact", "z": None, "note": note} | sides


def cost(subject: Subject, here: Point) -> Record:
    """One side: forward and backward together.

    Returns:
        milliseconds: median of compiled calls; compile_seconds; temporaries: peak bytes beside inputs and outputs;
        residuals: bytes kept from forward to backward; operations: count of each kind in the compiled program.
    """
    inputs = here.arguments.floats, here.arguments.others, here.dy
    program = subject.executable(*inputs)
    return {
        "milliseconds": 1e3 * float(np.median([seconds(program, inputs) for _ in range(RUNS)])),
        "compile_seconds": subject.compile_seconds[subject.key("own", jax.tree.leaves(inputs))],
        "temporaries": int(getattr(program.memory_analysis(), "temp_size_in_bytes", 0)),
        "residuals": residual_bytes(subject, here),
        "operations": operations(program.as_text()),
    }


def seconds(program: Any, inputs: tuple[Any, ...]) -> float:
    start = time.perf_counter()
    jax.block_until_ready(program(*inputs))
    return time.perf_counter() - start


def residual_bytes(subject: Subject, here: Point) -> int:
    """Bytes that a backward pass holds on to: the arrays inside the function that `jax.vjp` returns."""
    others = here.arguments.others
    kept = jax.eval_shape(lambda f: jax.vjp(lambda f: subject.forward(f, others), f)[1], here.arguments.floats)
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(kept) if hasattr(leaf.dtype, "itemsize"))


def operations(text: str) -> dict[str, int]:
    """Occurrences of each telling operation in a compiled program.

    >>> operations("%c = f32[2] convolution(%a, %b)")
    {'convolution': 1}
    """
    counts = {name: len(re.findall(rf"(?<= ){name}\(", text)) for name in OPERATIONS}
    return {name: count for name, count in counts.items() if count}
