"""`check` and `assert_agree`: from two functions to a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxcnn.agreement import gradients, transformations
from jaxcnn.agreement.arguments import Arguments, arguments_of, key_for
from jaxcnn.agreement.cost import cost_record
from jaxcnn.agreement.environment import provenance
from jaxcnn.agreement.evaluate import Pair, precision_of
from jaxcnn.agreement.gradients import Evaluated
from jaxcnn.agreement.plain import without_rules
from jaxcnn.agreement.report import Report
from jaxcnn.agreement.statistics import Record
from jaxcnn.agreement.structure import repeat_record, structure_record
from jaxcnn.agreement.summary import sentence
from jaxcnn.agreement.units import DTYPES

Masks = Mapping[str, Mapping[str, np.ndarray]]
Classes = Callable[..., Masks]


def check(
    hand: Callable[..., Any],
    auto: Callable[..., Any] | None,
    *args: Any,
    name: str = "check",
    dtypes: Sequence[str | None] = (None,),
    seed: int = 0,
    classes: Classes | None = None,
    integers: bool = True,
    transform: bool = True,
    cost: bool = False,
) -> Report:
    r"""Is the gradient of `hand` right?

    Every float leaf of the arguments is compared three ways: the gradient of `hand`, that of `auto`, and referees that
    know nothing of either. Errors are in noise units,

        z = max |error| / noise,    noise = u sqrt(K) (|x| * |g|), the backward rule run on absolute values

    (see rounding.py), so that no tolerance has to be chosen: z near 1 or below is rounding, at any size and in any
    dtype.

    Args:
        hand: the function whose gradient is in question; anything that `jax.vjp` takes.
        auto: the same function in plain JAX; None takes `hand` without its `jax.custom_vjp` rules.
        args: positional arguments: trees of arrays. Float leaves are differentiated, integer leaves and keys passed on.
        name: what the report calls the pair.
        dtypes: cast all float leaves to each of these in turn ("float64", "float32", "bfloat16", "float16"); None
            leaves
            them as they are. float64 works whether or not JAX's 64-bit mode is on.
        seed: of cotangents, directions and integers; each is drawn by leaf path, so that another leaf changes nothing.
        classes: `classes(*args) -> {leaf path: {"border": mask, ...}}`, elements to be reported apart.
        integers: compare at small whole numbers too, where arithmetic is exact, so that only bit-for-bit equality will
            do, and where ties and kinks are hit. Switch it off for functions of a narrow domain.
        transform: run the transformation matrix (jit, vmap, remat, scan, second order, export, ...) in the first dtype.
        cost: measure time, memory and operations of both sides.

    Returns:
        A `Report`: `ok`, `records`, `to_json(path)`, `to_junit(path)`, `to_markdown(path)`, `to_html(path)`, `show()`.

    Raises:
        TypeError: an argument leaf that is no array (a setting, a string) or is complex.
        ValueError: functions that raise, or that return different structures or shapes; no float leaf; an empty one.

    >>> import jax
    >>> @jax.custom_vjp
    ... def cube(x):
    ...     return x**3
    >>> cube.defvjp(lambda x: (cube(x), x), lambda x, dy: (2 * x**2 * dy,))  # should be 3 x^2
    >>> check(cube, None, jnp.float32(0.7), transform=False).ok
    False
    """
    check_dtypes(dtypes)
    arguments = arguments_of(args)
    pair = Pair(hand, without_rules(hand) if auto is None else auto, arguments)
    records: list[Record] = []
    for number, dtype in enumerate(dtypes):
        cast = in_dtype(arguments, dtype)
        found = gradients.evaluated(pair, gradients.point(pair, cast, dtype, seed))
        records += at_point(pair, found, masks(classes, cast), seed, referees=number == 0)
        if integers:
            records += at_integers(pair, integer_point(pair, cast, dtype, seed), seed, classes)
        if number == 0:
            records += matrix(pair, found, seed) if transform else []
            records += [cost_record(pair, found)] if cost else []
    return Report([{"case": name} | record for record in records], provenance(seed))


def assert_agree(hand: Callable[..., Any], auto: Callable[..., Any] | None, *args: Any, **options: Any) -> Report:
    """`check`, for tests: AssertionError with one line per disagreement, else the report.

    >>> import jax
    >>> report = assert_agree(jnp.tanh, None, jnp.float32(0.5), transform=False)
    """
    report = check(hand, auto, *args, **options)
    if not report.ok:
        raise AssertionError("\n".join([report.sentence, *map(sentence, report.failures)]))
    return report


def check_dtypes(dtypes: Sequence[str | None]) -> None:
    if not dtypes:
        raise ValueError("check: dtypes is empty; give at least one, or None for the arguments' own")
    for dtype in dtypes:
        if dtype is not None and dtype not in DTYPES:
            raise ValueError(f"check: unknown dtype {dtype!r}; choose from {', '.join(DTYPES)}")


def in_dtype(arguments: Arguments, dtype: str | None) -> Arguments:
    with precision_of(dtype):
        return arguments.cast(dtype)


def masks(classes: Classes | None, arguments: Arguments) -> Masks:
    return {} if classes is None else classes(*arguments.rebuild(arguments.floats, arguments.others))


def at_point(pair: Pair, found: Evaluated, classes: Masks, seed: int, referees: bool) -> list[Record]:
    """Formula, gradient and output at the given arguments, and the referees' opinions."""
    records, truth, opinions = gradients.formula_records(found, classes), found.truth.gradients, []
    if referees:
        steps, sweeps = gradients.referee_records(pair, found, seed)
        truth, opinions = gradients.truth_of(found, steps), steps + sweeps
    records += gradients.arithmetic_records(found, truth, classes, detailed=referees)
    records = gradients.excuse_kinks(pair, found, records, seed)
    return [*records, *gradients.output_records(found, pair.output_paths), *opinions, structure_record(pair, found)]


def whole(arguments: Arguments, dtype: str | None, seed: int) -> Arguments:
    """The same arguments with every float leaf drawn from {-3, ..., 3}."""
    leaves = zip(arguments.paths, arguments.floats, strict=True)
    with precision_of(dtype):
        drawn = [jnp.asarray(key_for(f"integers of {p}", seed).integers(-3, 4, x.shape), x.dtype) for p, x in leaves]
    return arguments.replaced(drawn)


def integer_point(pair: Pair, arguments: Arguments, dtype: str | None, seed: int) -> Evaluated:
    """Both functions at whole numbers with whole cotangents."""
    return gradients.evaluated(pair, gradients.point(pair, whole(arguments, dtype, seed), dtype, seed, whole=True))


def at_integers(pair: Pair, found: Evaluated, seed: int, classes: Classes | None) -> list[Record]:
    """Gradients at whole numbers, where exact arithmetic leaves no room for rounding, and kinks and ties are common."""
    kinks = gradients.with_kinks(pair, found, masks(classes, found.point.arguments), seed)
    records = gradients.arithmetic_records(found, found.truth.gradients, kinks)
    return [record | {"mode": "integers"} for record in gradients.excuse_kinks(pair, found, records, seed)]


def matrix(pair: Pair, found: Evaluated, seed: int) -> list[Record]:
    """The transformation matrix, and the same call repeated."""
    here = found.point
    with precision_of(here.dtype):
        moved = transformations.permuted(here.arguments, seed)
        other = gradients.evaluated(pair, gradients.Point(moved, here.dy, here.dtype))
    setting = transformations.Setting(pair, found, other)
    return [*transformations.records(setting), repeat_record(pair, found)]
