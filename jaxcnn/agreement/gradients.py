"""The heart of a check: two gradients at one point, in one dtype, leaf by leaf, three ways.

    formula    handwritten against automatic with all rounding removed: is the mathematics right?
    gradient   what a user gets, in the dtype in use, against the float64 truth: is the arithmetic right?
    output     the same for the forward pass

The formula is compared in float64 noise units even where the check is about bfloat16: an error of 1e-9 in a rule is
seen there, whatever the dtype would have hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxcnn.agreement import referees
from jaxcnn.agreement.arguments import Arguments, cotangents
from jaxcnn.agreement.bands import bands, verdict
from jaxcnn.agreement.evaluate import Answer, Leaves, Pair, in_own_dtype, precision_of, widened, with_noise
from jaxcnn.agreement.statistics import Record, compare, detail, z_of

Classes = Callable[[Arguments], Mapping[str, Mapping[str, np.ndarray]]]
NUDGE, NUDGES = 2.0**-30, 3


@dataclass(frozen=True)
class Point:
    """Where two functions are compared: arguments and cotangents in their own dtypes, and the same in float64."""

    arguments: Arguments
    dy: Leaves
    dtype: str | None

    @property
    def dtypes(self) -> list[str]:
        return [str(x.dtype) for x in self.arguments.floats]

    @property
    def wide(self) -> Arguments:
        return self.arguments.replaced(widened(self.arguments.floats))

    @property
    def wide_dy(self) -> Leaves:
        return widened(self.dy)


def point(pair: Pair, arguments: Arguments, dtype: str | None, seed: int, whole: bool = False) -> Point:
    """A point at given arguments with random cotangents; `whole` makes those small integers."""
    dy: Leaves = cotangents(pair.output_types, pair.output_paths, seed)
    with precision_of(dtype):
        cast = arguments.cast(dtype)
        kinds = [t.dtype if dtype is None else dtype for t in pair.output_types]
        dy = [
            jnp.asarray(np.clip(np.round(2 * d), -3, 3) if whole else d, kind)
            for d, kind in zip(dy, kinds, strict=True)
        ]
    return Point(cast, dy, dtype)


@dataclass(frozen=True)
class Evaluated:
    """Everything that was computed at one point.

    Fields:
        hand, auto: as computed in the dtypes of the point.
        noise: the handwritten program without rounding, and the rounding to expect of it.
        wide_hand, wide_auto: both traced for float64 arguments, without rounding.
        truth: what the computed numbers ought to be: `wide_auto`, or, for a function that is another one in another
            dtype (it draws random numbers), the automatic program of this dtype without rounding.
    """

    point: Point
    hand: Answer
    auto: Answer
    noise: Answer
    wide_hand: Answer
    wide_auto: Answer
    truth: Answer


def evaluated(pair: Pair, here: Point) -> Evaluated:
    """Both functions in their own dtype, without rounding, and the handwritten rule's noise."""
    hand, auto = (in_own_dtype(subject, here.arguments, here.dy, here.dtype) for subject in (pair.hand, pair.auto))
    wide = [with_noise(subject, here.wide, here.wide_dy, "float64") for subject in (pair.hand, pair.auto)]
    narrow = here.dtype != "float64"
    noise = with_noise(pair.hand, here.arguments, here.dy, here.dtype) if narrow else wide[0]
    same = apart(noise, wide[1]) <= max(band["disagree"] for band in bands().values())
    truth = wide[1] if same else with_noise(pair.auto, here.arguments, here.dy, here.dtype)
    return Evaluated(here, hand, auto, noise, wide[0], wide[1], truth)


def apart(one: Answer, two: Answer) -> float:
    """The largest distance between two evaluations without rounding, in the noise of both."""
    pairs = zip(
        one.outputs + one.gradients, two.outputs + two.gradients, one.output_errors + one.gradient_errors,
        two.output_errors + two.gradient_errors, strict=True,
    )  # fmt: skip
    return max((float(z_of(a, b, e + f).max(initial=0)) for a, b, e, f in pairs if a.shape == b.shape), default=0.0)


def formula_records(found: Evaluated, classes: Mapping[str, Any]) -> list[Record]:
    """Handwritten against automatic, both without rounding."""
    records = []
    for i, path in enumerate(found.point.arguments.paths):
        hand, auto = found.wide_hand, found.wide_auto
        noise = hand.gradient_errors[i] + auto.gradient_errors[i]
        stats = compare(hand.gradients[i], auto.gradients[i], noise, classes.get(path))
        record = resolved(judged(stats, "float64"))
        records.append({"mode": "formula", "leaf": path, "dtype": found.point.dtypes[i]} | record)
    return records


def resolved(record: Record) -> Record:
    """Agreement that an error as large as the leaf itself would have passed is no agreement."""
    blind = bands()["float64"]["disagree"] * record["resolution"]
    if record["verdict"] != "agree" or blind < 1 or not np.isfinite(blind):
        return record
    return record | {
        "verdict": "noisy",
        "note": "the rule cancels so much that float64 cannot tell it from a wrong one",
    }


def judged(stats: Record, dtype: str) -> Record:
    """Add the verdict; comparing nothing is a failure."""
    if stats["n"] == 0:
        return stats | {"verdict": "not-run", "note": "no element was compared"}
    return stats | {"verdict": verdict(stats["z"], dtype, stats["z"] == 0)}


def arithmetic_records(
    found: Evaluated, truth: list[np.ndarray], classes: Mapping[str, Any], detailed: bool = False
) -> list[Record]:
    """The gradients as computed, against the truth; and how far the automatic ones are from it."""
    records = []
    for i, path in enumerate(found.point.arguments.paths):
        got, other = found.hand.gradients[i], found.auto.gradients[i]
        noise = found.noise.gradient_errors[i] + found.truth.gradient_errors[i]
        dtype = found.point.dtypes[i]
        record = sided(got, other, truth[i], noise, dtype, classes.get(path))
        if detailed and np.shape(got) == truth[i].shape:
            record |= detail(got, truth[i], noise, classes.get(path, {}), is_kernel=is_kernel(path))
        records.append({"mode": "gradient", "leaf": path, "dtype": dtype} | record)
    return records


def is_kernel(path: str) -> bool:
    """Whether a leaf is laid out as [*window, c, k]: by its name, or as an argument after the images."""
    return path.endswith("kernel") or path[:1] in "123456789"


def output_records(found: Evaluated, paths: list[str]) -> list[Record]:
    """The forward pass as computed, against its float64 truth."""
    records = []
    for i, path in enumerate(paths):
        got, other, truth = found.hand.outputs[i], found.auto.outputs[i], found.truth.outputs[i]
        noise = found.noise.output_errors[i] + found.truth.output_errors[i]
        dtype = str(got.dtype)
        records.append({"mode": "output", "leaf": path, "dtype": dtype} | sided(got, other, truth, noise, dtype, None))
    return records


def sided(got: Any, other: Any, truth: np.ndarray, noise: np.ndarray, dtype: str, classes: Any) -> Record:
    """One leaf of both functions against the truth: who is nearer."""
    if np.shape(got) != truth.shape:
        return {
            "verdict": "disagree",
            "z": float("inf"),
            "n": int(truth.size),
            "note": f"shape {np.shape(got)} for {truth.shape}",
        }
    stats = judged(compare(got, truth, noise, classes), dtype)
    if str(got.dtype) != dtype:
        stats |= {"verdict": "disagree", "note": f"the gradient is {got.dtype}, its primal {dtype}: cast it"}
    theirs = compare(other, truth, noise)
    return stats | {"err_hand": stats["rel_l2"], "err_auto": theirs["rel_l2"], "z_auto": theirs["z"]}


def kinked(pair: Pair, found: Evaluated, seed: int) -> list[np.ndarray]:
    """Which gradient elements jump when every argument is nudged this way and that: they stand on a kink.

    A smooth gradient moves by the order of the nudge, a kinked one by its own size; the geometric mean separates them.
    """
    here, rng = found.point, np.random.default_rng(seed)
    sides = []
    for _ in range(NUDGES):
        nudge = [NUDGE * rng.uniform(-1, 1, x.shape) * (np.abs(x).max(initial=0) or 1.0) for x in here.wide.floats]
        for sign in (1, -1):
            moved = here.wide.replaced([x + sign * n for x, n in zip(here.wide.floats, nudge, strict=True)])
            sides.append(with_noise(pair.auto, moved, here.wide_dy, "float64").gradients)
    stacked = [np.stack(leaf) for leaf in zip(*sides, strict=True)]
    return [np.ptp(s, axis=0) > np.sqrt(NUDGE) * np.abs(s).max(initial=0) for s in stacked]


def excuse_kinks(pair: Pair, found: Evaluated, records: list[Record], seed: int) -> list[Record]:
    """Disagreements that lie on kinks alone become `kink`: two conventions, not two derivatives."""
    if not any(r["verdict"] == "disagree" for r in records):
        return records
    masks = dict(zip(found.point.arguments.paths, kinked(pair, found, seed), strict=True))
    return [on_kink(found, record, masks) if record["verdict"] == "disagree" else record for record in records]


def on_kink(found: Evaluated, record: Record, masks: dict[str, np.ndarray]) -> Record:
    leaf = found.point.arguments.paths.index(record["leaf"])
    hand, auto, mask = found.wide_hand, found.wide_auto, masks[record["leaf"]]
    z = z_of(hand.gradients[leaf], auto.gradients[leaf], hand.gradient_errors[leaf] + auto.gradient_errors[leaf])
    wrong = np.array([verdict(v, "float64") == "disagree" for v in z.ravel()]).reshape(z.shape)
    if not wrong.any() or (wrong & ~mask).any():
        return record
    count = f"{int(wrong.sum())} of {int(mask.sum())}"
    note = f"differs at {count} elements on a kink and nowhere else: another convention there"
    return record | {"verdict": "kink", "note": note}


def with_kinks(pair: Pair, found: Evaluated, classes: Mapping[str, Any], seed: int) -> dict[str, dict[str, np.ndarray]]:
    """The given classes, and in each leaf the elements on a kink."""
    masks = zip(found.point.arguments.paths, kinked(pair, found, seed), strict=True)
    return {path: dict(classes.get(path, {})) | {"kink": mask} for path, mask in masks}


def truth_of(found: Evaluated, complex_records: list[Record]) -> list[np.ndarray]:
    """Per leaf the automatic gradient without rounding, unless the complex step takes the handwritten one's side."""
    return [
        found.wide_hand.gradients[i] if sides_with_hand(record) else found.truth.gradients[i]
        for i, record in enumerate(complex_records)
    ]


def sides_with_hand(record: Record) -> bool:
    if record["z"] is None:
        return False
    return verdict(record["z"], "float64") != "disagree" and verdict(record["z_auto"], "float64") == "disagree"


def referee_records(pair: Pair, found: Evaluated, seed: int) -> tuple[list[Record], list[Record]]:
    """Complex steps and central differences for every leaf."""
    wide, dy = found.point.wide, found.point.wide_dy
    hand, auto = (with_noise(subject, wide, dy, "float64", generous=True) for subject in (pair.hand, pair.auto))
    answers = hand, auto
    common = [{"leaf": path, "dtype": dtype} for path, dtype in zip(wide.paths, found.point.dtypes, strict=True)]
    steps = [c | referees.complex_step_record(pair.auto, wide, dy, answers, i, seed) for i, c in enumerate(common)]
    sweeps = [c | referees.differences_record(pair.auto, wide, dy, answers, i, seed) for i, c in enumerate(common)]
    return [referees.on_a_kink(step, sweep) for step, sweep in zip(steps, sweeps, strict=True)], sweeps
