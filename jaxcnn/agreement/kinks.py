"""Branch decisions by bookkeeping: which way every comparison, maximum, sign and sort of a program went.

Two points with the same decisions lie on the same smooth piece; a difference quotient across a change of decisions says
nothing about a derivative. A decision of 0 is a tie: the program stands exactly on a kink.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxcnn.agreement.program import Numbers, is_float
from jaxcnn.agreement.raising import Raised, bind


class Deciding(Raised):
    """Float64 arithmetic that records decisions, and holds `stop_gradient` values where a derivative would.

    Args:
        frozen: values that `stop_gradient` let through at the point of differentiation, in program order; None records
            them instead.
    """

    def __init__(self, frozen: list[Any] | None = None) -> None:
        super().__init__()
        self.frozen = frozen
        self.stopped: list[Any] = []

    def step(self, equation: Any, numbers: Numbers) -> Numbers:
        if equation.primitive.name == "stop_gradient" and self.depth == 0:
            self.stopped.append(numbers[0])
            return [numbers[0] if self.frozen is None else self.frozen[len(self.stopped) - 1]]
        decide = DECISIONS.get(equation.primitive.name)
        if decide is not None and is_float(equation.invars[0].aval):
            self.recorded.append(decide(equation, numbers))
        return bind(equation, numbers)


def side(equation: Any, numbers: Numbers) -> Any:
    a, b = numbers
    return jnp.sign(a - b).astype(jnp.int8)


def sign(equation: Any, numbers: Numbers) -> Any:
    return jnp.sign(numbers[0]).astype(jnp.int8)


def within(equation: Any, numbers: Numbers) -> Any:
    low, x, high = numbers
    return (jnp.sign(x - low) + jnp.sign(x - high)).astype(jnp.int8)


def result(equation: Any, numbers: Numbers) -> Any:
    return bind(equation, numbers)[0]


def order(equation: Any, numbers: Numbers) -> Any:
    return jnp.argsort(numbers[0], axis=equation.params["dimension"])


def winners(equation: Any, numbers: Numbers) -> Any:
    """The elements that a maximum or minimum takes its value from."""
    (x,) = numbers
    best, back = jax.vjp(lambda x: bind(equation, [x])[0], x)
    return back(jnp.ones_like(best))[0]


DECISIONS: dict[str, Callable[[Any, Numbers], Any]] = {
    **dict.fromkeys(("max", "min", "eq", "ne", "lt", "le", "gt", "ge"), side),
    **dict.fromkeys(("sign", "abs"), sign),
    **dict.fromkeys(("floor", "ceil", "round", "argmax", "argmin"), result),
    **dict.fromkeys(("reduce_max", "reduce_min", "reduce_window_max", "reduce_window_min"), winners),
    "clamp": within,
    "sort": order,
}


def same(first: list[Any], second: list[Any]) -> Any:
    """Whether two runs of one program took the same decisions."""
    return jnp.all(jnp.asarray([jnp.array_equal(a, b) for a, b in zip(first, second, strict=True)], bool))


def ties(decisions: list[Any]) -> Any:
    """How many comparisons stand exactly on a kink."""
    return sum((jnp.sum(d == 0) for d in decisions if d.dtype == jnp.int8), jnp.int64(0))
