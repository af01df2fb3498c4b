"""Programs: a function as JAX's own list of primitive steps, and how to run that list in another arithmetic.

Every referee here asks the same function a different question: its value in float64, its value at x + ih, the
rounding it must expect, the branches it took. Each is one `Arithmetic`: what a number is, and what a primitive does
to such numbers. `run` walks the program and lends loops, reductions, branches and nested calls to whatever the numbers
are.

Custom derivative rules are inlined: a program of a forward pass is the plain mathematics behind any handwritten rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

Numbers = list[Any]

INLINED = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vjp_call_jaxpr": "fun_jaxpr",
    "remat2": "jaxpr",
    "checkpoint": "jaxpr",
    "custom_vmap_call": "call",
}


class Arithmetic:
    """What a number is (any pytree of arrays) and how one primitive acts on such numbers."""

    kept: frozenset[str] = frozenset()  # nested calls that are handed to `step` whole

    def __init__(self) -> None:
        self.recorded: list[Any] = []
        self.depth = 0

    def aside(self, function: Callable[[], Any]) -> tuple[Any, list[Any]]:
        """Run the body of a loop or branch, and hand over what it recorded, which may not outlive it."""
        outer, self.recorded = self.recorded, []
        self.depth += 1
        try:
            return function(), self.recorded
        finally:
            self.recorded = outer
            self.depth -= 1

    def lift(self, value: Any) -> Any:
        """A plain array as a number of this arithmetic."""
        return value

    def literal(self, value: Any) -> Any:
        """A scalar that is written in the program itself."""
        return self.lift(value)

    def lower(self, number: Any) -> Any:
        """The plain array that decides a branch or ends a loop."""
        return number

    def settle(self, number: Any) -> Any:
        """A number in the one form that a loop can carry."""
        return number

    def step(self, equation: Any, numbers: Numbers) -> Numbers:
        """The results of one primitive."""
        raise NotImplementedError


class NoArithmeticError(NotImplementedError):
    """A primitive that this arithmetic cannot do; the message names it."""


def is_float(value: Any) -> bool:
    """Whether an array (or its type) holds real floating-point numbers."""
    return jnp.issubdtype(value.dtype, jnp.floating)


def dtype_of(type_: Any) -> Any:
    return type_.dtype


def trace(function: Callable[..., Any], *arguments: Any) -> core.ClosedJaxpr:
    """The program of `function(*arguments)` for flat array arguments."""
    return jax.make_jaxpr(function)(*arguments)


def run(program: core.ClosedJaxpr, arithmetic: Arithmetic, numbers: Sequence[Any]) -> Numbers:
    """Run a program on numbers of an arithmetic; numbers in, numbers out."""
    consts = [arithmetic.literal(c) if is_scalar_constant(c) else arithmetic.lift(c) for c in program.consts]
    return run_open(program.jaxpr, arithmetic, consts, numbers)


def is_scalar_constant(value: Any) -> bool:
    return np.ndim(value) == 0 and not isinstance(value, jax.core.Tracer) and is_float(value)


def run_open(jaxpr: Any, arithmetic: Arithmetic, consts: Numbers, numbers: Sequence[Any]) -> Numbers:
    """Run a program whose constants are numbers already."""
    known: dict[Any, Any] = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *numbers], strict=True))

    def read(atom: Any) -> Any:
        if not isinstance(atom, core.Literal):
            return known[atom]
        value = np.asarray(atom.val, dtype_of(atom.aval))
        return arithmetic.literal(value) if is_float(value) else arithmetic.lift(value)

    for equation in jaxpr.eqns:
        results = step(equation, arithmetic, [read(atom) for atom in equation.invars])
        known.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def step(equation: Any, arithmetic: Arithmetic, numbers: Numbers) -> Numbers:
    """One equation: nested programs here, single primitives in the arithmetic."""
    name = equation.primitive.name
    if name in INLINED and name not in arithmetic.kept:
        inner = equation.params[INLINED[name]]
        if isinstance(inner, core.ClosedJaxpr):
            return run(inner, arithmetic, numbers)
        return run_open(inner, arithmetic, [], numbers)
    if name == "scan":
        return scan(equation.params, arithmetic, numbers)
    if name == "while":
        return while_loop(equation.params, arithmetic, numbers)
    if name == "cond":
        return cond(equation.params, arithmetic, numbers)
    if name == "reduce":
        return reduction(equation.params, arithmetic, numbers)
    return arithmetic.step(equation, numbers)


def scan(params: dict[str, Any], arithmetic: Arithmetic, numbers: Numbers) -> Numbers:
    consts, carry = scan_counts(params)
    settled = [arithmetic.settle(number) for number in numbers]

    def body(carried: Numbers, x: Numbers) -> tuple[Numbers, tuple[Numbers, list[Any]]]:
        inputs = [*settled[:consts], *carried, *x]
        results, recorded = arithmetic.aside(lambda: settled_run(params["jaxpr"], arithmetic, inputs))
        return results[:carry], (results[carry:], recorded)

    last, (stacked, recorded) = jax.lax.scan(
        body,
        settled[consts : consts + carry],
        settled[consts + carry :],
        length=params["length"],
        reverse=params["reverse"],
    )
    arithmetic.recorded += recorded
    return [*last, *stacked]


def settled_run(program: core.ClosedJaxpr, arithmetic: Arithmetic, numbers: Sequence[Any]) -> Numbers:
    return [arithmetic.settle(number) for number in run(program, arithmetic, numbers)]


def scan_counts(params: dict[str, Any]) -> tuple[int, int]:
    """How many inputs of a scan are constants and how many are carried (two spellings: JAX 0.10, and 0.12)."""
    if "num_consts" in params:
        return params["num_consts"], params["num_carry"]
    consts, carry, _ = params["ft_in"].unpack()
    return len(consts), len(carry)


def while_loop(params: dict[str, Any], arithmetic: Arithmetic, numbers: Numbers) -> Numbers:
    split = params["cond_nconsts"], params["cond_nconsts"] + params["body_nconsts"]
    settled = [arithmetic.settle(number) for number in numbers]
    cond_consts, body_consts, carried = settled[: split[0]], settled[split[0] : split[1]], settled[split[1] :]

    def body(carried: Numbers) -> Numbers:
        return arithmetic.aside(lambda: settled_run(params["body_jaxpr"], arithmetic, [*body_consts, *carried]))[0]

    def proceed(carried: Numbers) -> Any:
        inputs = [*cond_consts, *carried]
        return arithmetic.lower(arithmetic.aside(lambda: run(params["cond_jaxpr"], arithmetic, inputs))[0][0])

    return jax.lax.while_loop(proceed, body, carried)


def reduction(params: dict[str, Any], arithmetic: Arithmetic, numbers: Numbers) -> Numbers:
    """`lax.reduce`: its function of two scalars, applied to one element after the other."""
    axes, count = params["dimensions"], len(numbers) // 2
    settled = [arithmetic.settle(number) for number in numbers]

    def in_turn(a: jax.Array) -> jax.Array:
        a = jnp.moveaxis(a, axes, range(len(axes)))
        return a.reshape(-1, *a.shape[len(axes) :])

    def body(carried: Numbers, x: Numbers) -> tuple[Numbers, list[Any]]:
        return arithmetic.aside(lambda: settled_run(params["jaxpr"], arithmetic, [*carried, *x]))

    elements = jax.tree.map(in_turn, settled[:count])
    start = jax.tree.map(lambda a, x: jnp.broadcast_to(a, x.shape[1:]), settled[count:], elements)
    results, recorded = jax.lax.scan(body, start, elements)
    arithmetic.recorded += recorded
    return results


def cond(params: dict[str, Any], arithmetic: Arithmetic, numbers: Numbers) -> Numbers:
    def branch(program: core.ClosedJaxpr) -> Callable[..., Numbers]:
        return lambda *settled: arithmetic.aside(lambda: settled_run(program, arithmetic, settled))[0]

    settled = [arithmetic.settle(number) for number in numbers[1:]]
    platforms = params.get("branches_platforms")
    if platforms is not None:
        here = [not names or jax.default_backend() in names for names in platforms]
        return branch(params["branches"][here.index(True)])(*settled)
    branches = [branch(program) for program in params["branches"]]
    return jax.lax.switch(jnp.int32(arithmetic.lower(numbers[0])), branches, *settled)


def unsettled(equation: Any, arithmetic: str) -> NoArithmeticError:
    return NoArithmeticError(f"{arithmetic} knows no rule for the primitive {equation.primitive.name!r}")
