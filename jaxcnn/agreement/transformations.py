"""The transformation matrix: what JAX's transformations make of a handwritten rule.

Each row runs the handwritten gradient two ways that must give the same numbers (compiled and eager, mapped and looped),
or against the automatic one where there is no second way. A row agrees, differs (by z noise units), or is unsupported,
with the reason and the way round.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType

from jaxcnn.agreement.arguments import Arguments, key_for, summary
from jaxcnn.agreement.bands import verdict
from jaxcnn.agreement.evaluate import Leaves, Pair, Subject, in_own_dtype, precision_of, quick, with_noise
from jaxcnn.agreement.gradients import Evaluated
from jaxcnn.agreement.meshes import WAY_ROUND, mapped_over_shards, on_a_mesh
from jaxcnn.agreement.statistics import Record, compare

FORWARD_MODE = "a jax.custom_vjp function has no forward mode; use jax.vjp, and jax.jacrev(jax.jacrev(f)) for a Hessian"


@dataclass(frozen=True)
class Setting:
    """One evaluated point, and a second one with the same numbers in another order."""

    pair: Pair
    found: Evaluated
    other: Evaluated

    @property
    def inputs(self) -> tuple[Leaves, Leaves, Leaves]:
        here = self.found.point
        return here.arguments.floats, here.arguments.others, here.dy

    def noise(self) -> Leaves:
        return self.found.noise.gradient_errors

    def noises(self) -> Leaves:
        """The noise of both points, stacked."""
        return [np.stack(pair) for pair in zip(self.noise(), self.other.noise.gradient_errors, strict=True)]

    def both(self, leaves: Leaves) -> Leaves:
        """This point's leaves and the other point's, stacked."""
        return [jnp.stack(pair) for pair in zip(leaves, self.other.point.arguments.floats, strict=True)]


def permuted(arguments: Arguments, seed: int) -> Arguments:
    """The same numbers in another order: still inside any domain that does not look at positions."""
    moved = [
        key_for(f"order of {p}", seed).permutation(np.ravel(x))
        for p, x in zip(arguments.paths, arguments.floats, strict=True)
    ]
    return arguments.replaced(
        [jnp.asarray(m.reshape(np.shape(x)), x.dtype) for m, x in zip(moved, arguments.floats, strict=True)]
    )


Outcome = tuple[Leaves, Leaves, Leaves]  # got, expected, noise: one array per leaf


def eager(s: Setting) -> Outcome:
    return s.pair.hand.gradient(*s.inputs)[1], s.found.hand.gradients, s.noise()


def remat(s: Setting) -> Outcome:
    floats, others, dy = s.inputs
    forward = jax.checkpoint(s.pair.hand.forward)
    gradient = quick(lambda floats, dy: jax.vjp(lambda f: forward(f, others), floats)[1](dy)[0])
    return gradient(floats, dy), s.found.hand.gradients, s.noise()


def mapped(s: Setting, argument: int) -> Outcome:
    """vmap of the gradient over the leaves of one argument, against a loop."""
    floats, others, dy = s.inputs
    chosen = [p.split("/")[0] == str(argument) for p in s.found.point.arguments.paths]
    axes = [0 if c else None for c in chosen]
    stacked = [
        jnp.stack([x, y]) if c else x for x, y, c in zip(floats, s.other.point.arguments.floats, chosen, strict=True)
    ]
    got = quick(jax.vmap(lambda f: s.pair.hand.gradient(f, others, dy)[1], in_axes=(axes,)))(stacked)
    second = [y if c else x for x, y, c in zip(floats, s.other.point.arguments.floats, chosen, strict=True)]
    moved = s.found.point.arguments.replaced(second)
    there = in_own_dtype(s.pair.hand, moved, dy, s.found.point.dtype)
    noise = with_noise(s.pair.hand, moved, dy, s.found.point.dtype).gradient_errors
    expected = [jnp.stack(p) for p in zip(s.found.hand.gradients, there.gradients, strict=True)]
    return got, expected, [np.stack(p) for p in zip(s.noise(), noise, strict=True)]


def per_example(s: Setting) -> Outcome:
    """One forward pass, its backward pass mapped over cotangents: per-example gradients, jacobians."""
    floats, others, dy = s.inputs
    stacked = [jnp.stack([d, -2 * d]) for d in dy]
    got = quick(lambda f, d: jax.vmap(jax.vjp(lambda f: s.pair.hand.forward(f, others), f)[1])(d)[0])(floats, stacked)
    expected = [jnp.stack([g, -2 * g]) for g in s.found.hand.gradients]
    return got, expected, [np.stack([n, 2 * n]) for n in s.noise()]


def summed(s: Setting, many: Callable[[Leaves], Leaves]) -> Outcome:
    """The gradient of a sum over two points, where the first argument's leaves differ and the others are shared."""
    floats, _, dy = s.inputs
    gradient = quick(lambda stacked: jax.vjp(many, stacked)[1]([jnp.stack([d, d]) for d in dy])[0])
    expected = [jnp.stack(p) for p in zip(s.found.hand.gradients, s.other.hand.gradients, strict=True)]
    return gradient(s.both(floats)), expected, s.noises()


def grad_of_vmap(s: Setting) -> Outcome:
    others = s.inputs[1]
    return summed(s, jax.vmap(lambda f: s.pair.hand.forward(f, others)))


def scan(s: Setting) -> Outcome:
    others = s.inputs[1]
    return summed(s, lambda stacked: jax.lax.scan(lambda c, f: (c, s.pair.hand.forward(f, others)), None, stacked)[1])


def exported(s: Setting) -> Outcome:
    program = jax.export.export(jax.jit(s.pair.hand.gradient))(*s.inputs)
    return program.call(*s.inputs)[1], s.found.hand.gradients, s.noise()


def formula(s: Setting, kind: str, program: Callable[[Subject], Callable[..., Any]]) -> Outcome:
    """A derived program of both functions in float64, without rounding."""
    here = s.found.point
    inputs = here.wide.floats, here.wide.others, here.wide_dy, s.other.point.wide.floats
    (got, one), (expected, two) = (
        subject.unrounded(kind, program(subject), inputs, "float64") for subject in (s.pair.hand, s.pair.auto)
    )
    return got, expected, [a + b for a, b in zip(one, two, strict=True)]


def second_order(s: Setting) -> Outcome:
    """The gradient of <gradient, w>: reverse over reverse, handwritten against automatic."""

    def program(subject: Subject) -> Callable[..., Any]:
        def second(floats: Leaves, others: Leaves, dy: Leaves, w: Leaves) -> Any:
            return jax.vjp(lambda floats, dy: subject.gradient(floats, others, dy)[1], floats, dy)[1](w)

        return second

    return formula(s, "second order", program)


def jvp(s: Setting) -> Outcome:
    """Forward mode along a direction, handwritten against automatic."""

    def program(subject: Subject) -> Callable[..., Any]:
        return lambda floats, others, dy, v: jax.jvp(lambda f: subject.forward(f, others), (floats,), (v,))[1]

    return formula(s, "jvp", program)


def hessian(s: Setting) -> Outcome:
    """Forward over reverse, as `jax.hessian` does it, handwritten against automatic."""

    def program(subject: Subject) -> Callable[..., Any]:
        return lambda floats, others, dy, v: jax.jvp(lambda f: subject.gradient(f, others, dy)[1], (floats,), (v,))[1]

    return formula(s, "hessian", program)


ROWS: dict[str, Callable[[Setting], Outcome]] = {
    "jit = eager": eager,
    "vmap over dy": per_example,
    "grad of vmap": grad_of_vmap,
    "remat": remat,
    "scan": scan,
    "second order": second_order,
    "jvp": jvp,
    "hessian": hessian,
    "export": exported,
    "Auto mesh": partial(on_a_mesh, kind=AxisType.Auto),
    "Explicit mesh": partial(on_a_mesh, kind=AxisType.Explicit),
    "shard_map": mapped_over_shards,
}
IN_FLOAT64 = {"second order", "jvp", "hessian"}


def rows(arguments: Arguments) -> dict[str, Callable[[Setting], Outcome]]:
    """Every row, with one vmap for each argument that has float leaves."""
    numbers = sorted({int(path.split("/")[0]) for path in arguments.paths})
    return {**{f"vmap {n}": partial(mapped, argument=n) for n in numbers}, **ROWS}


def records(s: Setting) -> list[Record]:
    """One record per row."""
    here = s.found.point
    return [record(s, name, run, here.dtype) for name, run in rows(here.arguments).items()]


def record(s: Setting, name: str, run: Callable[[Setting], Outcome], dtype: str | None) -> Record:
    base: Record = {"mode": name, "group": "transformation", "leaf": "all leaves", "dtype": s.found.point.dtypes[0]}
    try:
        with precision_of(dtype):
            got, expected, noise = run(s)
    except Exception as error:
        return base | refused(name, error)
    units = "float64" if name in IN_FLOAT64 else base["dtype"]
    worst: Record = {"z": -1.0}
    compared = 0
    for path, g, e, n in zip(paths(s, name), got, expected, noise, strict=True):
        stats = compare(g, np.asarray(e).astype(np.float64), 2 * np.asarray(n))
        compared += stats["n"]
        if stats["z"] > worst["z"]:
            worst = stats | {"note": f"worst in {path}" if stats["z"] else ""}
    identical = worst["z"] == 0
    return base | worst | {"n": compared, "verdict": verdict(worst["z"], units, identical) if compared else "not-run"}


def paths(s: Setting, name: str) -> list[str]:
    leaves, outputs = list(s.found.point.arguments.paths), s.pair.output_paths
    return {"second order": [*leaves, *(f"dy of {p}" for p in outputs)], "jvp": outputs}.get(name, leaves)


def refused(name: str, error: Exception) -> Record:
    """What a transformation that raises says: some are known not to work, anything else is a disagreement."""
    text = summary(error)
    if ("custom_vjp" in text or "custom_lin" in text) and name in ("jvp", "hessian"):
        return {"verdict": "unsupported", "z": None, "note": FORWARD_MODE}
    if isinstance(error, NotImplementedError):
        return {"verdict": "unsupported", "z": None, "note": str(error).splitlines()[0]}
    if name in WAY_ROUND:
        return {"verdict": "unsupported", "z": None, "note": f"{WAY_ROUND[name]}; raised {text}"}
    return {"verdict": "disagree", "z": None, "note": f"raised {text}"}
