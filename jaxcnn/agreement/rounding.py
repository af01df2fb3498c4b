r"""Noise units: the rounding error that a program must expect, from the program itself.

A number is a pair (value, error): the value as if there were no rounding, in float64, and how far the program's own
arithmetic may have drifted from it. Errors pass through a step by the step's absolute partial derivatives, and each
rounding adds u |value|. For the contraction sum_k x_k g_k over K terms this is

    error = |x| * e_g + e_x * |g| + u sqrt(K) (|x| * |g|),      |x| * |g|: the same contraction of absolute values

so the noise of a backward rule is that rule run on absolute values, at any size, dtype or cancellation. sqrt(K) is the
statistical growth of accumulated rounding (Higham & Mary 2019); passing errors on by absolute values, not by squares,
keeps errors that are common to many terms (a rounded mean subtracted everywhere) from being underrated.

Two things follow. Where every step is exact (small integers) the noise is zero and only bit-for-bit equality will do.
And a branch that lies within rounding (a ReLU near 0, two almost equal maxima) adds the whole jump to the noise: the
boolean's error is 1 where it could have come out differently.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.agreement import rounding_branches as branches
from jaxcnn.agreement import rounding_rules as rules
from jaxcnn.agreement.program import Arithmetic, Numbers, is_float
from jaxcnn.agreement.raising import widen
from jaxcnn.agreement.rounded import Rounded, Rounder
from jaxcnn.agreement.units import unit


class Rounding(Arithmetic):
    """Numbers are (value, error); float values are float64.

    Args:
        generous: a boolean array; true counts a rounding even where a result happens to be exact.
    """

    def __init__(self, generous: Any = False) -> None:
        super().__init__()
        self.rounder = Rounder(generous)

    def lift(self, value: Any) -> Rounded:
        return Rounded(widen(jnp.asarray(value)), None)

    def literal(self, value: Any) -> Rounded:
        """A number in the source, like 0.1, was rounded when it was read; 0.5 and 3 were not."""
        known = widen(jnp.asarray(value))
        if not is_float(value) or is_short(value):
            return Rounded(known, None)
        return Rounded(known, unit(value.dtype) * jnp.abs(known))

    def lower(self, number: Rounded) -> Any:
        return number.value

    def settle(self, number: Rounded) -> Rounded:
        if number.error is not None or jnp.issubdtype(number.value.dtype, jax.dtypes.extended):
            return number
        return Rounded(number.value, jnp.zeros(number.value.shape, jnp.float64))

    def step(self, equation: Any, numbers: Numbers) -> Numbers:
        rule = RULES.get(equation.primitive.name, rules.other)
        return rule(self.rounder, equation, numbers)


def is_short(value: Any) -> bool:
    """Whether a number was written as it is stored: a whole number, or one that half the digits of its dtype hold.

    >>> is_short(np.float32(0.75)), is_short(np.float32(0.1))
    (True, False)
    """
    if not np.isfinite(value) or (value == np.round(value) and abs(value) * unit(value.dtype) <= 1):
        return True
    half_the_digits = (jnp.finfo(value.dtype).nmant + 1) // 2
    mantissa = float(np.frexp(np.float64(value))[0]) * 2.0**half_the_digits
    return mantissa == round(mantissa)


RULES: dict[str, Callable[[Rounder, Any, Numbers], Numbers]] = {
    **dict.fromkeys(rules.MOVES, rules.moved),
    **dict.fromkeys(rules.SMOOTH, rules.elementwise),
    **dict.fromkeys(rules.SUMS, rules.summed),
    **dict.fromkeys(("dot_general", "conv_general_dilated"), rules.contracted),
    **dict.fromkeys(("max", "min"), rules.larger),
    **dict.fromkeys(rules.LIPSCHITZ, rules.lipschitz),
    **dict.fromkeys(("eq", "ne", "lt", "le", "gt", "ge"), branches.compared),
    **dict.fromkeys(("floor", "ceil", "round", "sign"), branches.jumped),
    **dict.fromkeys(("argmax", "argmin"), branches.chosen),
    **dict.fromkeys(branches.EXTREMES, branches.extreme),
    "convert_element_type": branches.converted,
    "select_n": branches.selected,
    "select_and_scatter_add": branches.scattered,
    "sort": branches.sorted_,
}
