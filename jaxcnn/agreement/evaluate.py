"""The programs of a check, compiled once: each function with its gradient, in its own dtype, in float64, with its
noise.

`Subject` is one function; `Answer` what one evaluation gives: outputs and gradients as lists of float leaves.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.agreement.arguments import Arguments, Outputs, matching_outputs, outputs_of, summary
from jaxcnn.agreement.complex_step import STEP, Complex
from jaxcnn.agreement.kinks import Deciding, same, ties
from jaxcnn.agreement.program import run, trace
from jaxcnn.agreement.rounded import error_or_zero
from jaxcnn.agreement.rounding import Rounding

Leaves = list[Any]

# Referee programs run a handful of times: compiling them fast matters more than their speed.
QUICK: dict[str, Any] = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
QUICKER: dict[str, Any] = QUICK | {"xla_cpu_use_fusion_emitters": False}  # known to some versions of XLA only


@cache
def compiler_options() -> dict[str, Any]:
    """What makes this XLA compile fastest."""
    if jax.default_backend() != "cpu":
        return {}
    try:
        jax.jit(jnp.negative, compiler_options=QUICKER).lower(np.float32(0)).compile()
    except jax.errors.JaxRuntimeError:
        return QUICK
    return QUICKER


def quick(function: Callable[..., Any]) -> Callable[..., Any]:
    """`jax.jit` for a function that runs once or twice."""
    return jax.jit(function, compiler_options=compiler_options())


@dataclass(frozen=True)
class Answer:
    """Outputs and gradients at one point; errors is the noise to expect in each, in the same order (empty: unknown)."""

    outputs: Leaves
    gradients: Leaves
    output_errors: Leaves = field(default_factory=list)
    gradient_errors: Leaves = field(default_factory=list)


@contextlib.contextmanager
def precision_of(dtype: str | None) -> Iterator[None]:
    """float64 needs JAX's 64-bit mode; every other dtype runs in the mode that the caller has chosen."""
    if dtype != "float64":
        yield
        return
    with jax.enable_x64(True):
        yield


class Subject:
    """One function and its gradient, seen through flat lists of leaves.

    Args:
        label: "hand" or "auto", for messages.
        function: any differentiable JAX function.
        arguments: where it is to be called; shapes and structure are fixed by it, values are not.
        outputs: its output structure.
    """

    def __init__(self, label: str, function: Callable[..., Any], arguments: Arguments, outputs: Outputs) -> None:
        self.label, self.function, self.arguments, self.outputs = label, function, arguments, outputs
        self.compiled: dict[Any, Any] = {}
        self.compile_seconds: dict[Any, float] = {}

    def forward(self, floats: Leaves, others: Leaves) -> Leaves:
        """The float outputs."""
        leaves = jax.tree.leaves(self.function(*self.arguments.rebuild(floats, others)))
        return [leaves[i] for i in self.outputs.float_places]

    def gradient(self, floats: Leaves, others: Leaves, dy: Leaves) -> tuple[Leaves, Leaves]:
        """Outputs, and the cotangent of every float leaf."""
        outputs, back = jax.vjp(lambda floats: self.forward(floats, others), floats)
        return outputs, back([d.astype(y.dtype) for d, y in zip(dy, outputs, strict=True)])[0]

    def own(self, floats: Leaves, others: Leaves, dy: Leaves) -> tuple[Leaves, Leaves]:
        """`gradient`, compiled as a user would."""
        return self.executable(floats, others, dy)(floats, others, dy)

    def executable(self, *inputs: Any) -> Any:
        """The compiled program of `gradient` for inputs like these; its compile time is remembered."""
        key = self.key("own", jax.tree.leaves(inputs))
        if key not in self.compiled:
            start = time.perf_counter()
            self.compiled[key] = jax.jit(self.gradient).lower(*inputs).compile()
            self.compile_seconds[key] = time.perf_counter() - start
        return self.compiled[key]

    @staticmethod
    def key(kind: str, leaves: Leaves) -> tuple[Any, ...]:
        return (kind, *(jax.typeof(leaf) for leaf in leaves))

    def unrounded(
        self,
        kind: str,
        function: Callable[..., Any],
        inputs: tuple[Any, ...],
        dtype: str | None,
        generous: bool = False,
    ) -> tuple[Leaves, Leaves]:
        """Values of a function without rounding, and the rounding to expect of it in the dtypes of its inputs."""

        def rounded(program: Any) -> Callable[..., Any]:
            def evaluate(*inputs: Any) -> tuple[Leaves, Leaves]:
                *flat, generous = inputs
                arithmetic = Rounding(generous)
                numbers = run(program, arithmetic, [arithmetic.lift(leaf) for leaf in flat])
                return [n.value for n in numbers], [error_or_zero(n) for n in numbers]

            return evaluate

        values, errors = self.evaluate(kind, rounded, function, inputs, (np.bool_(generous),), dtype)
        return [np.asarray(v) for v in values], [np.asarray(e) for e in errors]

    def complex_slope(self, floats: Leaves, others: Leaves, dy: Leaves, along: Leaves) -> Any:
        """Im <dy, f(x + ihv)> / h, for float64 arguments."""

        def sloped(program: Any) -> Callable[..., Any]:
            def evaluate(*flat: Any) -> Any:
                floats, others, dy, along = jax.tree.unflatten(structure, flat)
                moved = [jax.lax.complex(x, STEP * v) for x, v in zip(floats, along, strict=True)]
                outputs = run(program, Complex(), [*moved, *others])
                return sum(jnp.vdot(d, y.imag) for d, y in zip(dy, outputs, strict=True)) / STEP

            return evaluate

        structure = jax.tree.structure((floats, others, dy, along))
        return self.evaluate("complex", sloped, self.forward, (floats, others), (dy, along), "float64")

    def sweep(self, floats: Leaves, others: Leaves, dy: Leaves, along: Leaves, steps: Any) -> dict[str, Any]:
        """<dy, f(x + hv) - f(x)> and <dy, f(x - hv) - f(x)> over steps h, and whether the branches are those at x."""

        def swept(program: Any) -> Callable[..., Any]:
            return lambda *flat: differences(program, *jax.tree.unflatten(structure, flat))

        structure = jax.tree.structure((floats, others, dy, along, steps))
        return self.evaluate("sweep", swept, self.forward, (floats, others), (dy, along, steps), "float64")

    def evaluate(
        self,
        kind: str,
        interpret: Any,
        function: Any,
        traced: tuple[Any, ...],
        more: tuple[Any, ...],
        dtype: str | None,
    ) -> Any:
        """Trace a function in its own mode, then run its program in another arithmetic and 64 bits; compiled once."""
        flat, structure = jax.tree.flatten(traced)
        key = self.key(kind, flat)
        if key not in self.compiled:
            with precision_of(dtype):
                program = trace(lambda *flat: jax.tree.leaves(function(*jax.tree.unflatten(structure, flat))), *flat)
            self.compiled[key] = quick(interpret(program))
        with jax.enable_x64(True):
            return self.compiled[key](*flat, *jax.tree.leaves(more))


def differences(program: Any, floats: Leaves, others: Leaves, dy: Leaves, along: Leaves, steps: Any) -> dict[str, Any]:
    """The sweep's arithmetic: one run at x that fixes decisions and stopped gradients, then two per step."""
    here = Deciding()
    outputs = run(program, here, [*floats, *others])

    def value(h: Any) -> tuple[Any, Any]:
        there = Deciding(here.stopped)
        moved = run(program, there, [*(x + h * v for x, v in zip(floats, along, strict=True)), *others])
        weighed = sum(jnp.vdot(d, y - z) for d, y, z in zip(dy, moved, outputs, strict=True))
        return weighed, same(there.recorded, here.recorded)

    plus, minus = jax.lax.map(value, steps), jax.lax.map(value, -steps)
    return {"plus": plus[0], "minus": minus[0], "smooth": plus[1] & minus[1], "ties": ties(here.recorded)}


class Pair:
    """Two functions at one structure of arguments, with everything compiled at most once per dtype."""

    def __init__(self, hand: Callable[..., Any], auto: Callable[..., Any], arguments: Arguments) -> None:
        wide = any(leaf.dtype == np.float64 for leaf in arguments.floats)
        with precision_of("float64" if wide else None):
            outputs = outputs_of("hand", hand, arguments)
            self.outputs = matching_outputs(outputs, outputs_of("auto", auto, arguments))
        self.hand = Subject("hand", hand, arguments, self.outputs)
        self.auto = Subject("auto", auto, arguments, self.outputs)

    @cached_property
    def output_paths(self) -> list[str]:
        return [self.outputs.paths[i] for i in self.outputs.float_places]

    @cached_property
    def output_types(self) -> list[Any]:
        return [self.outputs.types[i] for i in self.outputs.float_places]


def widened(leaves: Leaves) -> Leaves:
    return [np.asarray(leaf).astype(np.float64) for leaf in leaves]


def in_own_dtype(subject: Subject, arguments: Arguments, dy: Leaves, dtype: str | None) -> Answer:
    """What a user gets: the compiled gradient, in the dtypes of the arguments."""
    with precision_of(dtype), explained(subject):
        outputs, gradients = subject.own(arguments.floats, arguments.others, dy)
    return Answer(outputs, gradients)


def with_noise(subject: Subject, arguments: Arguments, dy: Leaves, dtype: str | None, generous: bool = False) -> Answer:
    """The same program without rounding, and the rounding to expect of it in its own dtypes.

    `generous` counts roundings that do not happen because a number is exact by chance: what another way of computing
    the same thing has to expect.
    """
    inputs = arguments.floats, arguments.others, dy
    with precision_of(dtype), explained(subject):
        values, errors = subject.unrounded("gradient", subject.gradient, inputs, dtype, generous)
    count = len(dy)
    return Answer(values[:count], values[count:], errors[:count], errors[count:])


@contextlib.contextmanager
def explained(subject: Subject) -> Iterator[None]:
    """What a function raises while it is differentiated, in one sentence."""
    try:
        yield
    except NotImplementedError:
        raise
    except Exception as error:
        raise ValueError(f"check: {subject.label} raised {summary(error)} while its gradient was computed") from error
