"""How rounding errors pass through steps that do not branch (see rounding.py)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.agreement.program import Numbers, is_float
from jaxcnn.agreement.raising import bind
from jaxcnn.agreement.rounded import Rounded, Rounder, certain, error_or_zero, magnitude, total
from jaxcnn.agreement.units import contraction_unit, unit

LIBRARY_UNITS = 4  # XLA's exp, tanh and the like are right to a few units in the last place
PROBES = 8
ROUNDED_ONCE = {"add", "sub", "mul", "add_any", "square"}
SMOOTH = (
    "acos", "acosh", "add", "add_any", "asin", "asinh", "atan", "atan2", "atanh", "bessel_i0e", "bessel_i1e", "cbrt",
    "cos", "cosh", "digamma", "div", "erf", "erf_inv", "erfc", "exp", "exp2", "expm1", "integer_pow", "lgamma", "log",
    "log1p", "logistic", "mul", "one_minus_square", "pow", "rem", "rsqrt", "sin", "sinh", "sqrt", "square",
    "sub", "tan", "tanh",
)  # fmt: skip
SUMS = ("reduce_sum", "cumsum", "reduce_window_sum", "scatter-add")
LIPSCHITZ = ("clamp", "abs", "neg", "and", "or", "not", "xor", "reduce_and", "reduce_or")

# Steps that move numbers without computing: the error moves along. Name: which operands hold the numbers moved.

EVERY = (0, 1, 2, 3, 4, 5, 6, 7)
MOVES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(
        ("reshape", "transpose", "broadcast_in_dim", "squeeze", "expand_dims", "rev", "slice", "split"), (0,)
    ),
    **dict.fromkeys(("copy", "copy_p", "stop_gradient", "name", "optimization_barrier", "device_put"), EVERY),
    **dict.fromkeys(("sharding_constraint", "reshard", "reduce_precision", "pvary", "real"), (0,)),
    **dict.fromkeys(("dynamic_slice", "gather"), (0,)),
    **dict.fromkeys(("concatenate", "stack"), tuple(range(1024))),
    "pad": (0, 1),
    "dynamic_update_slice": (0, 1),
    "scatter": (0, 2),
}


def moved(rounder: Rounder, equation: Any, numbers: Numbers) -> Numbers:
    values = bind(equation, [number.value for number in numbers])
    data = MOVES[equation.primitive.name]
    if certain([n for i, n in enumerate(numbers) if i in data]):
        return [Rounded(value, None) for value in values]
    errors = bind(equation, [error_or_zero(n) if i in data else n.value for i, n in enumerate(numbers)])
    return [Rounded(value, error) for value, error in zip(values, errors, strict=True)]


# Sums and contractions: errors add up, and accumulating K terms rounds about sqrt(K) times.


def summed(rounder: Rounder, equation: Any, numbers: Numbers) -> Numbers:
    """reduce_sum, cumsum, reduce_window_sum, scatter-add, psum-like steps: linear, and they accumulate."""
    (value,) = bind(equation, [number.value for number in numbers])
    data = (0, 2) if equation.primitive.name == "scatter-add" else tuple(range(len(numbers)))
    type_ = equation.outvars[0].aval
    own = None
    if is_float(type_):
        (absolute,) = bind(equation, [magnitude(n) if i in data else n.value for i, n in enumerate(numbers)])
        terms = max(
            int(np.prod(equation.invars[0].aval.shape)) // max(int(np.prod(type_.shape)), 1), window_terms(equation)
        )
        own = total(
            rounder.accumulation(terms, absolute, [numbers[i] for i in data], unit(type_.dtype)),
            rounder.rounding(value, type_),
        )
    if certain([numbers[i] for i in data]):
        return [Rounded(value, own)]
    (passed,) = bind(equation, [error_or_zero(n) if i in data else n.value for i, n in enumerate(numbers)])
    return [Rounded(value, total(passed, own))]


def window_terms(equation: Any) -> int:
    """Terms that may meet in one element where shapes alone do not tell."""
    params, name = equation.params, equation.primitive.name
    if name == "cumsum":
        return equation.invars[0].aval.shape[params["axis"]]
    if name == "scatter-add":
        return int(np.prod(equation.invars[2].aval.shape))
    return int(np.prod(params.get("window_dimensions", (1,))))


def contracted(rounder: Rounder, equation: Any, numbers: Numbers) -> Numbers:
    """dot_general and convolutions: bilinear."""
    x, g = numbers
    (value,) = bind(equation, [x.value, g.value])
    (absolute,) = bind(equation, [magnitude(x), magnitude(g)])
    type_ = equation.outvars[0].aval
    errors = [bind(equation, [x.error, magnitude(g)])[0]] if x.error is not None else []
    errors += [bind(equation, [magnitude(x), g.error])[0]] if g.error is not None else []
    if is_float(type_):
        u = contraction_unit(equation.invars[0].aval.dtype, type_.dtype, equation.params.get("precision"))
        errors += [
            rounder.accumulation(contraction_length(equation), absolute, [x, g], u),
            rounder.rounding(value, type_),
        ]
    return [Rounded(value, total(*errors))]


def contraction_length(equation: Any) -> int:
    """K: how many products meet in one result."""
    left, right = (atom.aval.shape for atom in equation.invars)
    if equation.primitive.name == "dot_general":
        (contracted_axes, _), _ = equation.params["dimension_numbers"]
        return int(np.prod([left[axis] for axis in contracted_axes], dtype=int))
    out_feature = equation.params["dimension_numbers"].rhs_spec[0]
    return int(np.prod(right)) // max(right[out_feature], 1)


# Elementwise steps: |partial derivative| times error, one operand at a time.


def elementwise(rounder: Rounder, equation: Any, numbers: Numbers) -> Numbers:
    """Smooth functions of one or two numbers, add and mul included."""
    values = [number.value for number in numbers]
    (value,) = bind(equation, values)
    type_ = equation.outvars[0].aval
    if not is_float(type_):
        return [Rounded(value, flags(numbers, value.shape))]
    passed = [partial_error(equation, values, i, n.error) for i, n in enumerate(numbers) if n.error is not None]
    return [Rounded(value, total(*passed, elementary_rounding(rounder, equation, numbers, value)))]


def partial_error(equation: Any, values: list[Any], index: int, error: Any) -> Any:
    def function(operand: Any) -> Any:
        return bind(equation, [*values[:index], operand, *values[index + 1 :]])[0]

    _, slope = jax.jvp(function, (values[index],), (jnp.ones_like(values[index]),))
    return jnp.where(error == 0, 0.0, jnp.abs(slope) * error)


def elementary_rounding(rounder: Rounder, equation: Any, numbers: Numbers, value: Any) -> Any:
    """add and mul round once; division may multiply by a rounded reciprocal; library functions round a few times."""
    name, type_ = equation.primitive.name, equation.outvars[0].aval
    if name in ROUNDED_ONCE:
        return rounder.rounding(value, type_)
    if name == "integer_pow":
        return multiplied(rounder, equation.params["y"], value, type_)
    if name == "div":
        inverse = 1 / numbers[1].value
        held = jnp.abs(jnp.frexp(inverse)[0]) == 0.5
        return jnp.where(held, rounder.rounding(value, type_), rounder.rounding(value, type_, 2.0))
    return rounder.rounding(value, type_, LIBRARY_UNITS)


def multiplied(rounder: Rounder, power: int, value: Any, type_: Any) -> Any:
    """x^n by repeated squaring: one rounding per multiplication, and none where the power itself is exact."""
    products = abs(power).bit_length() + abs(power).bit_count() - 2 + (power < 0)
    return products * rounder.rounding(value, type_)


def flags(numbers: Numbers, shape: tuple[int, ...]) -> Any:
    """Integers and booleans: an operand that could have come out differently makes the result so."""
    present = [jnp.broadcast_to(n.error, shape) for n in numbers if n.error is not None]
    return None if not present else jnp.max(jnp.stack(present), axis=0)


def larger(rounder: Rounder, equation: Any, numbers: Numbers) -> Numbers:
    """max, min: the error of the one that wins, or of both where either may."""
    a, b = numbers
    (value,) = bind(equation, [a.value, b.value])
    if certain(numbers):
        return [Rounded(value, None)]
    if not is_float(equation.outvars[0].aval):
        return [Rounded(value, flags(numbers, value.shape))]
    errors = [jnp.broadcast_to(error_or_zero(n), value.shape) for n in numbers]
    winner = jnp.where(value == a.value, errors[0], errors[1])
    return [Rounded(value, jnp.where(jnp.abs(a.value - b.value) > sum(errors), winner, jnp.maximum(*errors)))]


def lipschitz(rounder: Rounder, equation: Any, numbers: Numbers) -> Numbers:
    """clamp, abs, neg, logic: no result moves further than the operand that moves most."""
    (value,) = bind(equation, [number.value for number in numbers])
    return [Rounded(value, flags(numbers, value.shape))]


def other(rounder: Rounder, equation: Any, numbers: Numbers) -> Numbers:
    """Any other primitive: its sensitivity by random-sign probes of its own derivative, plus a few roundings."""
    values = [number.value for number in numbers]
    results = bind(equation, values)
    types = [atom.aval for atom in equation.outvars]
    own = [rounder.rounding(v, t, LIBRARY_UNITS) for v, t in zip(results, types, strict=True)]
    if certain(numbers):
        return [Rounded(v, e) for v, e in zip(results, own, strict=True)]
    active = [i for i, (n, a) in enumerate(zip(numbers, equation.invars, strict=True)) if is_float(a.aval)]

    def function(*floats: Any) -> list[Any]:
        operands = list(values)
        for i, operand in zip(active, floats, strict=True):
            operands[i] = operand
        return bind(equation, operands)

    spread: list[Any] = [0.0] * len(results)
    for probe in range(PROBES):
        tangents = probe_signs(probe, [error_or_zero(numbers[i]) for i in active])
        _, moves = jax.jvp(function, tuple(values[i] for i in active), tangents)
        spread = [
            s + m.astype(jnp.float64) ** 2 if is_float(t) else None
            for s, m, t in zip(spread, moves, types, strict=True)
        ]
    passed = [None if s is None else 3 * jnp.sqrt(s / PROBES) for s in spread]
    return [Rounded(v, total(e, p)) for v, e, p in zip(results, own, passed, strict=True)]


def probe_signs(probe: int, errors: list[Any]) -> tuple[Any, ...]:
    keys = jax.random.split(jax.random.key(probe), max(len(errors), 1))
    return tuple(e * jax.random.rademacher(k, e.shape, jnp.float64) for e, k in zip(errors, keys, strict=False))
