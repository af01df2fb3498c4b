r"""Complex step: the derivative of a program along v as Im f(x + i h v) / h, at h = 1e-30.

No difference is taken, so nothing cancels, and no rule of automatic differentiation is used: the referee is independent
of handwritten and automatic gradients alike. Branches are taken on the real part. JAX's complex convolution would lose
an imaginary part of this size (it multiplies by Gauss' three products), so convolutions are split:

    conv(a + ib, c + id) = conv(a, c) - conv(b, d) + i (conv(a, d) + conv(b, c))

(Squire & Trapp, SIAM Review 40, 1998.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxcnn.agreement.program import Arithmetic, Numbers, is_float, unsettled
from jaxcnn.agreement.raising import bind, widen

STEP = 1e-30


class Complex(Arithmetic):
    """Floating-point numbers are complex128, everything else is itself."""

    def lift(self, value: Any) -> Any:
        value = widen(jnp.asarray(value))
        return value.astype(jnp.complex128) if is_float(value) else value

    def lower(self, number: Any) -> Any:
        return real(number)

    def step(self, equation: Any, numbers: Numbers) -> Numbers:
        if not any(jnp.iscomplexobj(n) for n in numbers):
            return [self.lift(result) for result in bind(equation, numbers)]
        rule = RULES.get(equation.primitive.name)
        if rule is None:
            raise unsettled(equation, "the complex step")
        return rule(equation, numbers)


def real(number: Any) -> Any:
    return number.real if jnp.iscomplexobj(number) else number


def imaginary(number: Any) -> Any:
    return number.imag if jnp.iscomplexobj(number) else jnp.zeros_like(number)


def parts(equation: Any, numbers: Numbers) -> Numbers:
    """Linear steps: on the real and on the imaginary parts."""
    both = (bind(equation, [part(n) if jnp.iscomplexobj(n) else n for n in numbers]) for part in (real, imaginary))
    return [joined(r, i) for r, i in zip(*both, strict=True)]


def joined(re: Any, im: Any) -> Any:
    return jax.lax.complex(re, im) if is_float(re) else re


def bilinear(equation: Any, numbers: Numbers) -> Numbers:
    """Convolutions and products of matrices, four real ones each."""
    x, g = numbers

    def times(a: Any, b: Any) -> Any:
        return bind(equation, [a, b])[0]

    (a, b), (c, d) = ((real(n), imaginary(n)) for n in (x, g))
    return [jax.lax.complex(times(a, c) - times(b, d), times(a, d) + times(b, c))]


def analytic(equation: Any, numbers: Numbers) -> Numbers:
    """Functions that XLA continues into the complex plane without losing a tiny imaginary part."""
    return bind(equation, numbers)


def decided(equation: Any, numbers: Numbers) -> Numbers:
    """Comparisons and steps that are constant almost everywhere: the real part alone."""
    return [
        result.astype(jnp.complex128) if is_float(result) else result
        for result in bind(equation, [*map(real, numbers)])
    ]


def converted(equation: Any, numbers: Numbers) -> Numbers:
    return list(numbers) if is_float(equation.outvars[0].aval) else decided(equation, numbers)


def selected(equation: Any, numbers: Numbers) -> Numbers:
    return [jax.lax.select_n(real(numbers[0]), *numbers[1:])]


def larger(equation: Any, numbers: Numbers) -> Numbers:
    a, b = numbers
    first = real(a) >= real(b) if equation.primitive.name == "max" else real(a) <= real(b)
    return [jnp.where(first, a, b)]


def clamped(equation: Any, numbers: Numbers) -> Numbers:
    low, x, high = numbers
    return [jnp.where(real(x) < real(low), low, jnp.where(real(x) > real(high), high, x))]


def absolute(equation: Any, numbers: Numbers) -> Numbers:
    return [jnp.where(real(numbers[0]) < 0, -numbers[0], numbers[0])]


def extreme(equation: Any, numbers: Numbers) -> Numbers:
    """reduce_max and the like: the element that wins by its real part."""
    (x,) = numbers
    (axes,) = (equation.params["axes"],)
    flat = jnp.moveaxis(x, axes, range(len(axes))).reshape(-1, *(n for i, n in enumerate(x.shape) if i not in axes))
    pick = jnp.argmax if equation.primitive.name == "reduce_max" else jnp.argmin
    return [jnp.take_along_axis(flat, pick(flat.real, axis=0)[None], axis=0)[0]]


def windowed(equation: Any, numbers: Numbers) -> Numbers:
    """A max pool: the imaginary part belongs to the first element equal to the window's maximum."""
    (x,) = numbers
    params = equation.params
    (best,) = bind(equation, [x.real])
    order = jnp.arange(x.size, dtype=jnp.float64).reshape(x.shape)
    sign = 1 if equation.primitive.name == "reduce_window_max" else -1

    def first(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...]:
        wins = (sign * a[0] > sign * b[0]) | ((a[0] == b[0]) & (a[1] < b[1]))
        return tuple(jnp.where(wins, u, v) for u, v in zip(a, b, strict=True))

    settings = (params["window_dimensions"], params["window_strides"], params["padding"])
    dilations = {name: params.get(name) for name in ("base_dilation", "window_dilation")}
    start = (jnp.float64(-sign * jnp.inf), jnp.float64(jnp.inf), jnp.float64(0))
    _, _, im = jax.lax.reduce_window((x.real, order, x.imag), start, first, *settings, **dilations)
    return [jax.lax.complex(best, im)]


def sorted_(equation: Any, numbers: Numbers) -> Numbers:
    """sort by the real part of the keys; every imaginary part travels with its element."""
    keys = [real(n) for n in numbers]
    count = equation.params["num_keys"]
    axis, stable = equation.params["dimension"], equation.params["is_stable"]
    order = jax.lax.broadcasted_iota(jnp.int64, keys[0].shape, axis)
    *_, index = jax.lax.sort((*keys[:count], order), dimension=axis, num_keys=count, is_stable=stable)
    return [jnp.take_along_axis(number, index, axis=axis) for number in numbers]


def logistic(equation: Any, numbers: Numbers) -> Numbers:
    (x,) = numbers
    positive = jnp.where(x.real >= 0, x, -x)
    tail = jnp.exp(-positive)
    return [jnp.where(x.real >= 0, 1 / (1 + tail), tail / (1 + tail))]


def tanh(equation: Any, numbers: Numbers) -> Numbers:
    """tanh(a + ib) = (t + i s) / (1 + i t s) with t = tanh a, s = tan b: as sensitive to b as 1 - t^2 asks."""
    (x,) = numbers
    e = jnp.exp(-2 * jnp.abs(x.real))
    slope = 4 * e / (1 + e) ** 2
    return [jax.lax.complex(jnp.tanh(x.real), slope * x.imag)]


def taylor(derivative: Callable[[Any], Any], function: Callable[[Any], Any]) -> Callable[[Any, Numbers], Numbers]:
    """f(a + ib) = f(a) + i b f'(a), exact to b^2 = 1e-60: for functions with a textbook derivative."""

    def rule(equation: Any, numbers: Numbers) -> Numbers:
        (x,) = numbers
        return [jax.lax.complex(function(x.real), derivative(x.real) * x.imag)]

    return rule


SQRT_PI = 1.7724538509055160273
LINEAR = (
    "reshape", "transpose", "broadcast_in_dim", "squeeze", "expand_dims", "rev", "slice", "split", "copy", "copy_p",
    "name", "optimization_barrier", "device_put", "sharding_constraint", "reshard", "reduce_precision", "pvary",
    "dynamic_slice", "gather", "concatenate", "stack", "pad", "dynamic_update_slice", "scatter", "scatter-add",
    "reduce_sum", "cumsum", "reduce_window_sum", "neg", "add_any", "add", "sub",
)  # fmt: skip
ANALYTIC = (
    "mul", "div", "exp", "log", "sin", "cos", "sinh", "cosh", "integer_pow", "square", "pow", "sqrt", "rsqrt",
)  # fmt: skip
DECIDED = (
    "eq", "ne", "lt", "le", "gt", "ge", "sign", "floor", "ceil", "round", "is_finite", "stop_gradient", "argmax",
    "argmin",
)  # fmt: skip
RULES: dict[str, Callable[[Any, Numbers], Numbers]] = {
    **dict.fromkeys(LINEAR, parts),
    **dict.fromkeys(ANALYTIC, analytic),
    **dict.fromkeys(("dot_general", "conv_general_dilated"), bilinear),
    **dict.fromkeys(DECIDED, decided),
    **dict.fromkeys(("max", "min"), larger),
    **dict.fromkeys(("reduce_max", "reduce_min"), extreme),
    **dict.fromkeys(("reduce_window_max", "reduce_window_min"), windowed),
    "convert_element_type": converted,
    "select_n": selected,
    "clamp": clamped,
    "abs": absolute,
    "sort": sorted_,
    "logistic": logistic,
    "tanh": tanh,
    "log1p": taylor(lambda a: 1 / (1 + a), jnp.log1p),
    "expm1": taylor(jnp.exp, jnp.expm1),
    "erf": taylor(lambda a: 2 / SQRT_PI * jnp.exp(-a * a), jax.lax.erf),
    "erfc": taylor(lambda a: -2 / SQRT_PI * jnp.exp(-a * a), jax.lax.erfc),
    "exp2": taylor(lambda a: jnp.log(2.0) * jnp.exp2(a), jnp.exp2),
    "atan": taylor(lambda a: 1 / (1 + a * a), jnp.arctan),
    "tan": taylor(lambda a: 1 + jnp.tan(a) ** 2, jnp.tan),
}
