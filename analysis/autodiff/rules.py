r"""Local derivatives of JAX's primitives, as data.

Four kinds cover what control-flow-free programs are made of:

    elementwise    y = f(x, ...)              contribution  t df/dx, entry by entry
    multilinear    linear in some operands    contribution  the transposed map at t       (seed 4, question 5: B = A^T)
    selecting      max, min over an axis      contribution  t where the entry was chosen, shared between equals
    constant       integers, comparisons      contribution  none

At kinks the conventions are JAX's own, so that a tape can be compared with `jax.grad` bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import log, pi, prod, sqrt
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import jaxpr_as_fun

Array = jax.Array


def half(condition: Array, tie: Array) -> Array:
    """1 where the condition holds, 1/2 at ties, else 0."""
    return jnp.where(tie, 0.5, jnp.where(condition, 1.0, 0.0))


# df/dx from (y, x), one entry per operation of one argument.
UNARY: dict[str, Callable[..., Any]] = {
    "abs": lambda y, x: jnp.where(x >= 0, 1.0, -1.0),
    "acos": lambda y, x: -1 / jnp.sqrt((1 - x) * (1 + x)),
    "asin": lambda y, x: 1 / jnp.sqrt((1 - x) * (1 + x)),
    "asinh": lambda y, x: 1 / jnp.sqrt(1 + x * x),
    "atan": lambda y, x: 1 / (1 + x * x),
    "atanh": lambda y, x: 1 / ((1 - x) * (1 + x)),
    "cbrt": lambda y, x: y / (3 * x),
    "copy": lambda y, x: 1.0,
    "cos": lambda y, x: -jnp.sin(x),
    "cosh": lambda y, x: jnp.sinh(x),
    "erf": lambda y, x: 2 / sqrt(pi) * jnp.exp(-x * x),
    "exp": lambda y, x: y,
    "exp2": lambda y, x: log(2) * y,
    "expm1": lambda y, x: y + 1,
    "integer_pow": lambda y, x, *, y_: y_ * x ** (y_ - 1) if y_ else 0.0,
    "log": lambda y, x: 1 / x,
    "log1p": lambda y, x: 1 / (1 + x),
    "logistic": lambda y, x: y * (1 - y),
    "neg": lambda y, x: -1.0,
    "rsqrt": lambda y, x: -y / (2 * x),
    "sin": lambda y, x: jnp.cos(x),
    "sinh": lambda y, x: jnp.cosh(x),
    "sqrt": lambda y, x: 1 / (2 * y),
    "square": lambda y, x: 2 * x,
    "tan": lambda y, x: 1 + y * y,
    "tanh": lambda y, x: (1 - y) * (1 + y),
}

# (df/da, df/db) from (y, a, b).
BINARY: dict[str, Callable[..., Any]] = {
    "add": lambda y, a, b: (1.0, 1.0),
    "add_any": lambda y, a, b: (1.0, 1.0),
    "atan2": lambda y, a, b: (b / (a * a + b * b), -a / (a * a + b * b)),
    "div": lambda y, a, b: (1 / b, -y / b),
    "max": lambda y, a, b: (half(a > b, a == b), half(b > a, a == b)),
    "min": lambda y, a, b: (half(a < b, a == b), half(b < a, a == b)),
    "mul": lambda y, a, b: (b, a),
    "pow": lambda y, a, b: (b * a ** (b - 1), jnp.where(a > 0, jnp.log(jnp.where(a > 0, a, 1)), 0) * y),
    "rem": lambda y, a, b: (1.0, -jnp.trunc(a / b)),
    "sub": lambda y, a, b: (1.0, -1.0),
}

# Operands in which the operation is linear while the others are held.
MULTILINEAR: dict[str, tuple[int, ...]] = {
    "broadcast_in_dim": (0,),
    "conv_general_dilated": (0, 1),
    "convert_element_type": (0,),
    "cumsum": (0,),
    "dot_general": (0, 1),
    "dynamic_slice": (0,),
    "gather": (0,),
    "reduce_sum": (0,),
    "reduce_window_sum": (0,),
    "reshape": (0,),
    "rev": (0,),
    "slice": (0,),
    "squeeze": (0,),
    "transpose": (0,),
}

# Linear in all their operands together, however many there are.
JOINING = ("concatenate", "split", "stack", "unstack")

CONSTANT = (
    *("and", "argmax", "argmin", "ceil", "eq", "floor", "ge", "gt", "iota", "is_finite", "le", "lt", "ne", "not"),
    *("or", "round", "shift_left", "shift_right_logical", "sign", "stop_gradient", "xor"),
)

SELECTING = ("reduce_max", "reduce_min")


def unary(derivative: Callable[..., Any], t: Array, y: Any, x: Array, /, **params: Any) -> tuple[Any, ...]:
    power = {"y_": params["y"]} if "y" in params else {}  # integer_pow's exponent is called y
    return (t * derivative(y, x, **power),)


def binary(derivatives: Callable[..., Any], t: Array, y: Any, a: Array, b: Array, **params: Any) -> tuple[Any, ...]:
    return tuple(fit(t * d, operand) for d, operand in zip(derivatives(y, a, b), (a, b), strict=True))


def multilinear(linear: tuple[int, ...], bind: Callable[..., Any], t: Any, y: Any, *operands: Any) -> tuple[Any, ...]:
    """The transposed partial map in every operand in which the operation is linear; None for the others."""

    def share(position: int) -> Any:
        if position not in linear or not is_float(operands[position]):
            return None

        def partial_map(x: Array) -> Any:
            return bind(*operands[:position], x, *operands[position + 1 :])

        return jax.linear_transpose(partial_map, operands[position])(t)[0]

    return tuple(map(share, range(len(operands))))


def joining(bind: Callable[..., Any], t: Any, y: Any, *operands: Any) -> tuple[Any, ...]:
    if not all(map(is_float, operands)):
        return (None,) * len(operands)
    return jax.linear_transpose(bind, *operands)(t)


def selecting(t: Array, y: Array, x: Array, *, axes: tuple[int, ...], **params: Any) -> tuple[Any, ...]:
    chosen = (x == jnp.expand_dims(y, axes)).astype(x.dtype)
    return (jnp.expand_dims(t, axes) * chosen / jnp.sum(chosen, axes, keepdims=True),)


def select_n(t: Array, y: Array, which: Array, *cases: Array) -> tuple[Any, ...]:
    return None, *(fit(jnp.where(which == k, t, 0), case) for k, case in enumerate(cases))


def clamp(t: Array, y: Array, low: Array, x: Array, high: Array) -> tuple[Any, ...]:
    inside = (x > low) & (x < high)
    below, above = jnp.where(low > x, t, 0), jnp.where(high < x, t, 0)
    return fit(below, low), jnp.where(inside, t, 0), fit(above, high)


def pad(t: Array, y: Array, x: Array, value: Array, *, padding_config: Any) -> tuple[Any, ...]:
    """What fell on x goes back to it, the rest belongs to the padding's one value."""

    def place(x: Array) -> Array:
        return lax.pad(x, jnp.zeros_like(value), padding_config)

    return jax.linear_transpose(place, x)(t)[0], jnp.sum(jnp.where(place(jnp.ones_like(x)) == 0, t, 0))


def dynamic_update_slice(t: Array, y: Array, x: Array, update: Array, *starts: Array, **params: Any) -> tuple[Any, ...]:
    """What was overwritten has no part in y, what was written in its place has."""
    kept = lax.dynamic_update_slice(t, jnp.zeros_like(update), starts)
    return kept, lax.dynamic_slice(t, starts, update.shape), *(None,) * len(starts)


def fit(share: Array, operand: Array) -> Array:
    """Summed over the axes along which the operand was repeated (primitives repeat axes of size 1)."""
    if jnp.ndim(operand) == 0:
        return jnp.sum(share)
    repeated = [axis for axis, (n, m) in enumerate(zip(share.shape, operand.shape, strict=True)) if n != m]
    return jnp.sum(share, tuple(repeated), keepdims=True)


def barrier(t: Any, y: Any, *operands: Any) -> tuple[Any, ...]:
    """optimization_barrier: its arguments, handed on."""
    return tuple(t) if isinstance(t, (tuple, list)) else (t,)


def product(t: Array, y: Array, x: Array, *, axes: tuple[int, ...], **params: Any) -> tuple[Any, ...]:
    """reduce_prod, for factors that are not zero: d prod / dx = prod / x."""
    return (jnp.expand_dims(t * y, axes) / x,)


def reduction(
    t: Any, y: Any, *operands: Any, jaxpr: Any, dimensions: tuple[int, ...], **params: Any
) -> tuple[Any, ...]:
    """lax.reduce: its function of scalars, applied to one element after the other; None for integers."""
    step, half, axes = jax.vmap(jaxpr_as_fun(jaxpr)), len(operands) // 2, len(dimensions)

    def in_turn(x: Array) -> Array:
        x = jnp.moveaxis(x, dimensions, range(axes))
        return x.reshape(prod(x.shape[:axes]), -1)  # [elements, results]

    def folded(*operands: Any) -> list[Array]:
        elements = [in_turn(x) for x in operands[:half]]
        start = [jnp.broadcast_to(a, x.shape[1:]) for a, x in zip(operands[half:], elements, strict=True)]
        results, _ = lax.scan(lambda totals, x: (step(*totals, *x), None), start, elements)
        return [result.reshape(value.shape) for result, value in zip(results, y, strict=True)]

    def of_floats(*floats: Any) -> list[Array]:
        given = iter(floats)
        results = folded(*(next(given) if is_float(x) else x for x in operands))
        return [result for result in results if is_float(result)]

    pulled = iter(jax.vjp(of_floats, *filter(is_float, operands))[1]([each for each in t if is_float(each)]))
    return tuple(next(pulled) if is_float(x) else None for x in operands)


def is_float(x: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(x), jnp.floating)


def pull_of(primitive: Any, params: dict[str, Any], operands: list[Any], y: Any) -> Callable[[Any], tuple[Any, ...]]:
    """The pull of one equation, t to one contribution per operand.

    Raises:
        NotImplementedError: a primitive without a rule, by name.
    """
    name, bind = primitive.name, partial(primitive.bind, **params)
    if name in CONSTANT:
        return lambda t: (None,) * len(operands)
    if name in MULTILINEAR:
        return lambda t: multilinear(MULTILINEAR[name], bind, t, y, *operands)
    if name in JOINING:
        return lambda t: joining(bind, list(t) if isinstance(t, tuple) else t, y, *operands)
    if name in ELEMENTARY:
        return lambda t: ELEMENTARY[name](t, y, *operands, **params)
    raise NotImplementedError(
        f"autodiff: no rule for the primitive {name!r}; add it to analysis/autodiff/rules.py, or write the function "
        f"without it (control flow, for example, must be unrolled)"
    )


ELEMENTARY: dict[str, Callable[..., tuple[Any, ...]]] = {
    **{name: partial(unary, derivative) for name, derivative in UNARY.items()},
    **{name: partial(binary, derivatives) for name, derivatives in BINARY.items()},
    **dict.fromkeys(SELECTING, selecting),
    "clamp": clamp,
    "dynamic_update_slice": dynamic_update_slice,
    "optimization_barrier": barrier,
    "pad": pad,
    "reduce": reduction,
    "reduce_prod": product,
    "select_n": select_n,
}

PRIMITIVES = sorted({*ELEMENTARY, *MULTILINEAR, *JOINING, *CONSTANT})
