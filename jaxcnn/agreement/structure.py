"""Structure and determinism: what two gradients must share before their numbers are looked at."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from jaxcnn.agreement.evaluate import Pair, in_own_dtype
from jaxcnn.agreement.gradients import Evaluated
from jaxcnn.agreement.statistics import Record, ordered

REPEATS = 3


def structure_record(pair: Pair, found: Evaluated) -> Record:
    """Same dtypes and weak types on both sides, and no NaN where the other side has a number."""
    leaves = (("gradient", p) for p in found.point.arguments.paths), (("output", p) for p in pair.output_paths)
    names = [f"{kind} {path}" for group in leaves for kind, path in group]
    pairs = [
        *zip(found.hand.gradients, found.auto.gradients, strict=True),
        *zip(found.hand.outputs, found.auto.outputs, strict=True),
    ]
    wrong = [
        f"{name}: {what}" for name, (hand, auto) in zip(names, pairs, strict=True) for what in differences(hand, auto)
    ]
    base = {
        "mode": "structure",
        "group": "structure",
        "leaf": "all leaves",
        "dtype": found.point.dtypes[0],
        "n": len(pairs),
    }
    return base | {"verdict": "disagree" if wrong else "exact", "z": None, "note": "; ".join(wrong)}


def differences(hand: Any, auto: Any) -> list[str]:
    """What sets two arrays apart beside their finite values."""
    found = [
        f"{what} is {one} for hand, {two} for auto"
        for what, one, two in (
            ("dtype", hand.dtype, auto.dtype),
            ("shape", hand.shape, auto.shape),
            ("weak type", jax.typeof(hand).weak_type, jax.typeof(auto).weak_type),
        )
        if one != two
    ]
    extra = int((~np.isfinite(hand) & np.isfinite(auto)).sum()) if hand.shape == auto.shape else 0
    return found + ([f"{extra} elements of hand are not finite where auto's are"] if extra else [])


def repeat_record(pair: Pair, found: Evaluated) -> Record:
    """The same compiled call again: bitwise the same, or how many units in the last place apart."""
    here = found.point
    again = [in_own_dtype(pair.hand, here.arguments, here.dy, here.dtype).gradients for _ in range(REPEATS)]
    ulp = max(furthest(one, two) for run in again for one, two in zip(found.hand.gradients, run, strict=True))
    base = {
        "mode": "repeated call",
        "group": "determinism",
        "leaf": "all leaves",
        "dtype": here.dtypes[0],
        "n": REPEATS,
    }
    note = f"{REPEATS} repetitions, bitwise equal" if ulp == 0 else f"up to {ulp:.0f} ulp apart"
    return base | {"verdict": "exact" if ulp == 0 else "noisy", "z": None, "max_ulp": ulp, "note": note}


def furthest(one: Any, two: Any) -> float:
    """The largest distance in units in the last place."""
    distance = np.abs(ordered(np.asarray(one)) - ordered(np.asarray(two)))
    return float(distance.max(initial=0))
