"""How rounding errors pass through decisions: certain where exact, a jump where within rounding (see rounding.py)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.agreement.program import Numbers, is_float
from jaxcnn.agreement.raising import bind
from jaxcnn.agreement.rounded import Rounded, Rounder, certain, error_or_zero, magnitude, total
from jaxcnn.agreement.units import unit

EXTREMES = ("reduce_max", "reduce_min", "reduce_window_max", "reduce_window_min", "cummax", "cummin")

# Decisions: exact comparisons are certain; those within rounding may have come out the other way.


def compared(rounder: Rounder, equation: Any, numbers: Numbers) -> Numbers:
    a, b = numbers
    (value,) = bind(equation, [a.value, b.value])
    error = total(a.error, b.error)
    if error is None or equation.invars[0] is equation.invars[1]:  # x == x asks for NaN
        return [Rounded(value, None)]
    wide_a, wide_b = (n.value.astype(jnp.float64) for n in (a, b))
    close = (jnp.abs(wide_a - wide_b) <= error) & (error > 0)
    if equation.primitive.name in ("eq", "ne"):  # which number is the maximum? The one of its value and its error
        close &= (wide_a != wide_b) | (error_or_zero(a) != error_or_zero(b))
    return [Rounded(value, close.astype(jnp.float64))]


def jumped(rounder: Rounder, equation: Any, numbers: Numbers) -> Numbers:
    """floor, sign, round, casts to integers: the jump between both ends of the error interval."""
    (number,) = numbers
    (value,) = bind(equation, [number.value])
    if number.error is None:
        return [Rounded(value, None)]
    ends = [bind(equation, [number.value + side * number.error])[0].astype(jnp.float64) for side in (-1, 1)]
    return [Rounded(value, jnp.abs(ends[1] - ends[0]))]


def converted(rounder: Rounder, equation: Any, numbers: Numbers) -> Numbers:
    """A change of dtype: rounds to a narrower float, jumps to an integer, is exact from one."""
    (number,), source, target = numbers, equation.invars[0].aval, equation.outvars[0].aval
    if is_float(source) and not is_float(target):
        return jumped(rounder, equation, numbers)
    (value,) = bind(equation, [number.value])
    return [Rounded(value, total(number.error, rounder.rounding(value, target)))]


def selected(rounder: Rounder, equation: Any, numbers: Numbers) -> Numbers:
    """select_n: the chosen case's error, and the whole jump where the choice is within rounding."""
    which, *cases = numbers
    (value,) = bind(equation, [number.value for number in numbers])
    errors: list[Any] = []
    if not certain(cases):
        errors = bind(equation, [which.value, *map(error_or_zero, cases)])
    if which.error is not None:
        stacked = jnp.stack([case.value.astype(jnp.float64) for case in cases])
        jump = jnp.max(stacked, axis=0) - jnp.min(stacked, axis=0)
        errors.append(jnp.where(which.error > 0, jump, 0.0))
    return [Rounded(value, total(*errors))]


def chosen(rounder: Rounder, equation: Any, numbers: Numbers) -> Numbers:
    """argmax, argmin: uncertain where another element reaches the winner within rounding."""
    (number,) = numbers
    (value,) = bind(equation, [number.value])
    if number.error is None:
        return [Rounded(value, None)]
    (axis,) = equation.params["axes"]
    signed = number.value if equation.primitive.name == "argmax" else -number.value
    reached = signed + number.error >= jnp.max(signed - number.error, axis=axis, keepdims=True)
    unsure = (jnp.sum(reached, axis=axis) > 1) & (jnp.max(jnp.where(reached, number.error, 0), axis=axis) > 0)
    return [Rounded(value, unsure.astype(jnp.float64))]


def extreme(rounder: Rounder, equation: Any, numbers: Numbers) -> Numbers:
    """reduce_max, reduce_window_max and their minima: no further than the largest error in reach."""
    (number,) = numbers
    (value,) = bind(equation, [number.value])
    if number.error is None:
        return [Rounded(value, None)]
    reach = {"reduce_min": jax.lax.reduce_max_p, "reduce_window_min": jax.lax.reduce_window_max_p}
    primitive = reach.get(equation.primitive.name, equation.primitive)
    return [Rounded(value, primitive.bind(number.error, **equation.params))]


def scattered(rounder: Rounder, equation: Any, numbers: Numbers) -> Numbers:
    """select_and_scatter_add, the gradient of a max pool: errors move along, and jump where two taps are close."""
    source, operand = numbers
    (value,) = bind(equation, [source.value, operand.value])
    (absolute,) = bind(equation, [magnitude(source), operand.value])
    terms = int(np.prod(equation.params["window_dimensions"]))
    type_ = equation.outvars[0].aval
    errors = [rounder.accumulation(terms, absolute, [source], unit(type_.dtype)), rounder.rounding(value, type_)]
    if source.error is not None:
        errors += bind(equation, [source.error, operand.value])
    if operand.error is not None:
        errors.append(window_jumps(equation.params, source, operand))
    return [Rounded(value, total(*errors))]


def window_jumps(params: dict[str, Any], source: Rounded, operand: Rounded) -> Any:
    """|source| on every element of a contested window that reaches the window's winner within rounding."""
    size, stride, padding = (params[k] for k in ("window_dimensions", "window_strides", "padding"))
    sign = 1 if params["select_prim"].name in ("ge", "gt") else -1
    pads = [(low, high, 0) for low, high in padding]
    upper, lower = (jax.lax.pad(sign * operand.value + side * operand.error, -jnp.inf, pads) for side in (1, -1))
    best = jax.lax.reduce_window(lower, -jnp.inf, jax.lax.max, size, stride, "VALID")

    def places(tap: tuple[int, ...]) -> tuple[slice, ...]:
        return tuple(slice(t, t + (o - 1) * s + 1, s) for t, o, s in zip(tap, best.shape, stride, strict=True))

    reached = {tap: upper[places(tap)] >= best for tap in np.ndindex(*size)}
    contested = sum(r.astype(jnp.int32) for r in reached.values()) > 1
    jumps = jnp.zeros(upper.shape, jnp.float64)
    for tap, here in reached.items():
        jumps = jumps.at[places(tap)].add(jnp.where(here & contested, magnitude(source), 0.0))
    return jumps[tuple(slice(low, low + n) for (low, _), n in zip(padding, operand.value.shape, strict=True))]


def sorted_(rounder: Rounder, equation: Any, numbers: Numbers) -> Numbers:
    """sort: sorted keys move no further than the largest error along the axis; other operands likewise."""
    values = bind(equation, [number.value for number in numbers])
    axis = equation.params["dimension"]

    def along(number: Rounded) -> Any:
        return (
            None
            if number.error is None
            else jnp.broadcast_to(jnp.max(number.error, axis=axis, keepdims=True), number.error.shape)
        )

    return [Rounded(value, along(number)) for value, number in zip(values, numbers, strict=True)]
