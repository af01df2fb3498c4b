"""Referees that use no rule of differentiation: complex steps, and central differences over a sweep of steps.

Both measure slopes <dy, J v> along a direction v that moves one leaf. The complex step is exact to rounding. The
central difference errs by its truncation (slope 2 in h) and by rounding (slope -1); its sweep shows both, and its
best step is the one whose two error estimates add up to least. For a function that is linear in the leaf there is no
truncation, and the best step is 1: there the difference is exact, as it is for every convolution in its kernel.

A flat curve is a wrong gradient: no step makes it agree.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxcnn.agreement.arguments import Arguments, directions, moving
from jaxcnn.agreement.bands import FAILING, verdict
from jaxcnn.agreement.evaluate import Answer, Leaves, Subject
from jaxcnn.agreement.program import NoArithmeticError
from jaxcnn.agreement.units import unit

STEPS = 10.0 ** -np.arange(0, 12.25, 0.5)
DIRECTIONS = 2

Record = dict[str, Any]


def along(leaves: Leaves, move: np.ndarray, leaf: int) -> float:
    return float(np.vdot(leaves[leaf], move))


def noise_along(answers: tuple[Answer, ...], move: np.ndarray, leaf: int) -> float:
    """Rounding to expect in a projection: absolute values throughout, and that of the sum over elements itself."""
    size = np.abs(move)
    summing = (
        unit("float64") * np.sqrt(move.size) * sum(float(np.vdot(np.abs(a.gradients[leaf]), size)) for a in answers)
    )
    return float(summing) + sum(float(np.vdot(a.gradient_errors[leaf], size)) for a in answers)


def most_suspect(hand: Answer, auto: Answer, leaf: int) -> np.ndarray:
    """The coordinate direction in which the two gradients differ most, in noise units."""
    noise = hand.gradient_errors[leaf] + auto.gradient_errors[leaf]
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.nan_to_num(np.abs(hand.gradients[leaf] - auto.gradients[leaf]) / noise, nan=0.0)
    move = np.zeros(z.shape)
    move[np.unravel_index(int(np.argmax(z)), z.shape)] = 1.0
    return move


def complex_step_record(
    subject: Subject, arguments: Arguments, dy: Leaves, answers: tuple[Answer, Answer], leaf: int, seed: int
) -> Record:
    """Both gradients of one leaf against complex steps: random directions, and the coordinate in most doubt."""
    hand, auto = answers
    moves = [d[leaf] for d in directions(arguments, leaf, DIRECTIONS, seed)] + [most_suspect(hand, auto, leaf)]
    record: Record = {"mode": "complex step", "n": len(moves), "n_finite": len(moves)}
    try:
        slopes = [
            float(subject.complex_slope(arguments.floats, arguments.others, dy, moving(arguments, leaf, move)))
            for move in moves
        ]
    except (NoArithmeticError, NotImplementedError, TypeError) as error:
        return record | {"verdict": "unsupported", "z": None, "note": f"{error}; central differences referee instead"}
    noise = [noise_along(answers, move, leaf) for move in moves]
    z_hand, z_auto = (
        max(units(s - along(a.gradients, m, leaf), e) for s, m, e in zip(slopes, moves, noise, strict=True))
        for a in answers
    )
    return record | {"verdict": verdict(z_hand, "float64", z_hand == 0), "z": z_hand, "z_auto": z_auto}


def on_a_kink(step: Record, sweep: Record) -> Record:
    """A complex step from a kink follows one side of it: that is no objection to the other."""
    if not sweep.get("ties") or step["verdict"] not in FAILING:
        return step
    return step | {"verdict": "unsupported", "note": "stands on a kink: conventions are compared instead"}


def units(error: float, noise: float) -> float:
    if error == 0 or (np.isnan(error) and np.isnan(noise)):
        return 0.0
    return abs(error) / noise if noise > 0 else float("inf")


def differences_record(
    subject: Subject, arguments: Arguments, dy: Leaves, answers: tuple[Answer, Answer], leaf: int, seed: int
) -> Record:
    """The handwritten gradient of one leaf against central differences over the sweep of steps."""
    hand, auto = answers
    (direction,) = directions(arguments, leaf, 1, seed)
    try:
        runs = subject.sweep(arguments.floats, arguments.others, dy, direction, STEPS)
    except (NoArithmeticError, NotImplementedError, TypeError) as error:
        return {"mode": "differences", "verdict": "unsupported", "z": None, "note": str(error)}
    plus, minus, smooth = (np.asarray(runs[k]) for k in ("plus", "minus", "smooth"))
    floor = 0.0 + sum(float(np.vdot(np.abs(d), e)) for d, e in zip(dy, auto.output_errors, strict=True))
    moved = np.vdot(np.abs(arguments.floats[leaf]), np.abs(hand.gradients[leaf]))
    floor += unit("float64") * float(moved)  # x + hv is rounded too
    claimed = along(hand.gradients, direction[leaf], leaf)
    return {
        "mode": "differences",
        "n": len(STEPS),
        "n_finite": int(np.isfinite(plus).sum()),
        "ties": int(runs["ties"]),
    } | judged(plus, minus, smooth, floor, claimed, noise_along(answers, direction[leaf], leaf))


def judged(plus: Any, minus: Any, smooth: Any, floor: float, claimed: float, noise: float) -> Record:
    """Choose the step, fit both slopes, and compare the claimed slope with the measured one.

    Args:
        plus, minus: <dy, f(x + hv) - f(x)> and <dy, f(x - hv) - f(x)> for each step h.
        smooth: whether all three points lie on one smooth piece.
        floor: rounding to expect in plus and minus.
        claimed: <g, v>; noise: its own rounding.
    """
    slopes = (plus - minus) / (2 * STEPS)
    shrunk = (STEPS[1] / STEPS[0]) ** 2  # of the truncation error, from one step to the next
    truncation = np.abs(np.append(slopes[:-1] - slopes[1:], np.inf)) / (1 - shrunk)
    expected = np.where(smooth & np.isfinite(slopes), truncation + floor / STEPS, np.inf)
    best = int(np.argmin(expected))
    record: Record = {
        "curve": [[float(h), float(abs(s - claimed)), bool(k)] for h, s, k in zip(STEPS, slopes, smooth, strict=True)],
        "crossed": int((~smooth).sum()),
        "claimed": claimed,
    }
    if not np.isfinite(expected[best]):
        note = "every step crosses a kink or leaves the domain: conventions are compared instead"
        return record | {"verdict": "unsupported", "z": None, "note": note}
    z = units(float(slopes[best] - claimed), float(expected[best]) + noise)
    linear = best == 0 and bool(smooth[0])
    return record | {
        "step": float(STEPS[best]),
        "slope": float(slopes[best]),
        "linear": linear,
        "truncation_order": fitted(np.abs(slopes - slopes[best])[:best], STEPS[:best], smooth[:best]),
        "rounding_order": fitted(np.abs(slopes - slopes[best])[best + 1 :], STEPS[best + 1 :], smooth[best + 1 :]),
        "z": z,
        "verdict": verdict(z, "float64", z == 0),
        "note": "linear in this leaf: step 1, no truncation" if linear else "",
    }


def fitted(errors: np.ndarray, steps: np.ndarray, smooth: np.ndarray) -> float | None:
    """The slope of log error over log step, from at least three smooth points (2: truncation, -1: rounding)."""
    use = smooth & (errors > 0) & np.isfinite(errors)
    if use.sum() < 3:
        return None
    return float(np.polyfit(np.log10(steps[use]), np.log10(errors[use]), 1)[0])
