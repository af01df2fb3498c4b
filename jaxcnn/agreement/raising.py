"""Float64 referee: the same program with every floating-point number in float64, whatever dtypes it names inside.

Calling a function with float64 arguments is not enough: a layer that accumulates in float32 (`preferred_element_type`,
`astype`) would answer in float32 precision. Here each primitive is handed float64 operands and its dtype settings are
raised with them; numbers that are bit patterns (random bits, bitcasts) are left alone and widened afterwards.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxcnn.agreement.program import Arithmetic, Numbers, is_float

WIDE = jnp.dtype("float64")
NARROW_INSIDE = {"bitcast_convert_type", "random_bits", "pure_callback", "io_callback", "ffi_call", "pallas_call"}
SCATTERS = {
    "scatter": jax.lax.scatter,
    "scatter-add": jax.lax.scatter_add,
    "scatter-mul": jax.lax.scatter_mul,
    "scatter-min": jax.lax.scatter_min,
    "scatter-max": jax.lax.scatter_max,
}
DTYPE_SETTINGS = ("new_dtype", "preferred_element_type", "dtype")


class Raised(Arithmetic):
    """Numbers are arrays; floating-point ones are float64."""

    def lift(self, value: Any) -> Any:
        return widen(jnp.asarray(value))

    def step(self, equation: Any, numbers: Numbers) -> Numbers:
        return bind(equation, numbers)


def widen(value: Any) -> Any:
    return value.astype(WIDE) if is_float(value) else value


def bind(equation: Any, numbers: Numbers) -> Numbers:
    """Apply a primitive in float64."""
    primitive, params = equation.primitive, equation.params
    if primitive.name == "reduce_precision":
        return list(numbers)
    if primitive.name in SCATTERS:
        return [scattered(primitive.name, numbers, params)]
    if primitive.name in NARROW_INSIDE:
        types = [atom.aval for atom in equation.invars]
        numbers = [n.astype(t.dtype) if is_float(n) else n for n, t in zip(numbers, types, strict=True)]
    else:
        params = raised_settings(params)
    return [widen(result) for result in call(primitive, numbers, params)]


def scattered(name: str, numbers: Numbers, params: dict[str, Any]) -> Any:
    """A scatter holds its combining function as a program in the narrow dtype: it is built anew."""
    settings = {key: params[key] for key in ("dimension_numbers", "indices_are_sorted", "unique_indices", "mode")}
    return SCATTERS[name](*numbers, **settings)


def call(primitive: Any, numbers: Numbers, params: dict[str, Any]) -> Numbers:
    """Bind a primitive, with its list of results whether it has one or many."""
    results = primitive.bind(*numbers, **primitive.get_bind_params(params))
    return list(results) if primitive.multiple_results else [results]


def raised_settings(params: dict[str, Any]) -> dict[str, Any]:
    """The settings of a primitive with every float dtype among them raised to float64."""

    def raised(name: str, value: Any) -> Any:
        names_a_dtype = name in DTYPE_SETTINGS and value is not None
        return WIDE if names_a_dtype and jnp.issubdtype(value, jnp.floating) else value

    return {name: raised(name, value) for name, value in params.items()}
