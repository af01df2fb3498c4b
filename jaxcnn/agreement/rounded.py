"""A number with its possible rounding error, and what one rounding or one long sum adds to it (see rounding.py)."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxcnn.agreement.program import Numbers, is_float
from jaxcnn.agreement.units import smallest, unit


class Rounded(NamedTuple):
    """A value and its possible error; None is exactly zero."""

    value: Any
    error: Any


class Rounder:
    """The two ways in which arithmetic loses digits.

    Args:
        generous: a boolean array; true counts a rounding even where a result happens to be exact.
    """

    def __init__(self, generous: Any = False) -> None:
        self.strict = ~jnp.asarray(generous)

    def rounding(self, value: Any, type_: Any, units: float = 1.0) -> Any:
        """What writing `value` in a dtype may add: u |value|, and nothing where the dtype holds it exactly."""
        if not is_float(type_):
            return None
        # A float64 value is itself rounded: it is taken for exact where half as many digits would hold it.
        narrow = jnp.float32 if type_.dtype == jnp.float64 else type_.dtype
        stored = value.astype(narrow).astype(jnp.float64)
        held = (jnp.equal(stored, value) & self.strict & (units == 1.0)) | jnp.equal(value, 0)
        return jnp.where(held, 0.0, units * unit(type_.dtype) * jnp.abs(value) + smallest(type_.dtype))

    def accumulation(self, terms: int, absolute: Any, operands: Numbers, u: float) -> Any:
        """u sqrt(K) (|x| * |g|), or nothing where whole numbers add up below 1 / u: every partial sum is exact."""
        whole = [jnp.all(n.value == jnp.round(n.value)) for n in operands]
        exact = jnp.all(jnp.stack(whole)) & (absolute < 1 / u) & self.strict
        return jnp.where(exact, 0.0, u * np.sqrt(max(terms, 1)) * absolute)


def magnitude(number: Rounded) -> Any:
    return jnp.abs(number.value)


def error_or_zero(number: Rounded) -> Any:
    if number.error is not None:
        return number.error
    return jnp.zeros(number.value.shape, jnp.float64)


def total(*errors: Any) -> Any:
    """The sum of errors, where None is zero."""
    present = [error for error in errors if error is not None]
    return sum(present[1:], present[0]) if present else None


def certain(numbers: Numbers) -> bool:
    return all(number.error is None for number in numbers)
