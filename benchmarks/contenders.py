"""The same work by handwritten rules (`jaxcnn.ops`) and by `jax.grad` of plain layers (`jaxcnn.reference`)."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxcnn.ops
import jaxcnn.reference
from benchmarks.rows import Row

LAYERS = {"hand": jaxcnn.ops, "auto": jaxcnn.reference}
LEARNING_RATE = 0.01
COMPILATIONS = 5, 7  # at least and at most, where they are timed
Tree = Any


class Problem(NamedTuple):
    """What a row's work is done on, equal for all contenders."""

    params: Tree
    state: Tree
    x: np.ndarray  # [batch, *image]
    target: np.ndarray  # a cotangent dy like y for a layer, else labels [batch]


class Compiled(NamedTuple):
    """A compiled program with its arguments, and what making it took."""

    run: Callable[[], Any]
    seconds: float  # tracing, lowering and compiling
    temporaries: int  # bytes at the peak, arguments and results not counted


def problem(row: Row, dtype: str = "float32") -> Problem:
    """Parameters and data, drawn from fixed seeds."""
    random = np.random.default_rng(0)
    params = row.network.init(jax.random.key(0), row.image)
    shape = (row.batch, *row.network.output_shape(row.image))
    target = random.standard_normal(shape).astype(dtype) if row.work == "layer" else random.integers(0, 10, row.batch)
    params = jax.tree.map(lambda leaf: leaf.astype(dtype), params)
    x = random.standard_normal((row.batch, *row.image)).astype(dtype)
    return Problem(params, row.network.init_state(row.image), x, target)


def turn(row: Row, layers: ModuleType) -> Callable[..., Tree]:
    """One turn of the row's work: (params, state, x, target) to a tree of results."""
    forward = partial(row.network.apply, training=True, ops=layers)

    def layer(params: Tree, state: Tree, x: jax.Array, dy: jax.Array) -> Tree:
        y, backward, new = jax.vjp(lambda params, x: forward(params, x, state), params, x, has_aux=True)
        return y, backward(dy), new

    def loss(params: Tree, state: Tree, x: jax.Array, labels: jax.Array) -> tuple[jax.Array, Tree]:
        logits, new = forward(params, x, state)
        return jnp.mean(layers.softmax_cross_entropy(logits, labels)), new

    def step(params: Tree, state: Tree, x: jax.Array, labels: jax.Array) -> Tree:
        (value, new), gradients = jax.value_and_grad(loss, has_aux=True)(params, state, x, labels)
        params = jax.tree.map(lambda leaf, gradient: leaf - LEARNING_RATE * gradient, params, gradients)
        return params, new, value

    def per_example(params: Tree, state: Tree, x: jax.Array, labels: jax.Array) -> Tree:
        def one(params: Tree, x: jax.Array, label: jax.Array) -> jax.Array:
            return loss(params, state, x[None], label[None])[0]

        return jax.vmap(jax.grad(one), (None, 0, 0))(params, x, labels)

    return {"layer": layer, "step": step, "per example": per_example}[row.work]


def looped(row: Row, layers: ModuleType, turns: int) -> Callable[..., Tree]:
    """So many turns inside `lax.scan`, each on other numbers, so that none repeats another's work: (params, state, x,
    target) to the last results.

    A layer hands on its parameters and x, a step down their gradients, and its y as the next dy. The others are given
    an x and a target for each turn; a step hands on its parameters, and gradients per example are overwritten.
    """
    once = turn(row, layers)

    def layer(params: Tree, state: Tree, x: jax.Array, dy: jax.Array) -> Tree:
        def body(carry: Tree, _: None) -> tuple[Tree, None]:
            y, gradients, state = once(*carry)
            params, x = jax.tree.map(lambda a, d: a - LEARNING_RATE * d, (carry[0], carry[2]), gradients)
            return (params, state, x, y), None

        return jax.lax.scan(body, (params, state, x, dy), length=turns)[0]

    def step(params: Tree, state: Tree, xs: jax.Array, targets: jax.Array) -> Tree:
        def body(carry: Tree, pair: Any) -> tuple[Tree, jax.Array]:
            params, state, value = once(*carry, *pair)
            return (params, state), value

        return jax.lax.scan(body, (params, state), (xs, targets))

    def per_example(params: Tree, state: Tree, xs: jax.Array, targets: jax.Array) -> Tree:
        results = jax.eval_shape(once, params, state, xs[0], targets[0])
        start = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), results)
        return jax.lax.scan(lambda _, pair: (once(params, state, *pair), None), start, (xs, targets))[0]

    return {"layer": layer, "step": step, "per example": per_example}[row.work]


def compiled(function: Callable[..., Tree], arguments: tuple[Any, ...]) -> Compiled:
    """Compiled from nothing: what JAX keeps of earlier tracing is thrown away."""
    arguments = jax.device_put(arguments)
    jax.clear_caches()
    start = time.perf_counter()
    program = jax.jit(function).lower(*arguments).compile()
    took = time.perf_counter() - start
    memory = program.memory_analysis()
    temporaries = 0 if memory is None else memory.temp_size_in_bytes
    return Compiled(lambda: jax.block_until_ready(program(*arguments)), took, temporaries)


def outside(row: Row, given: Problem, budget: float = 0) -> dict[str, Compiled]:
    """Both contenders, compiled; with a budget (in seconds) in turns while it lasts, of which the quickest counts: the
    first time Python itself is slower.
    """
    fewest, most = COMPILATIONS if budget else (1, 1)
    programs: dict[str, Compiled] = {}
    end = time.perf_counter() + budget
    for turns in range(most):
        if turns >= fewest and time.perf_counter() > end:
            break
        for name, layers in LAYERS.items():
            program = compiled(turn(row, layers), given)
            seconds = min(program.seconds, programs.get(name, program).seconds)
            programs[name] = program._replace(seconds=seconds)
    return programs


def inside(row: Row, given: Problem, name: str, turns: int) -> Compiled:
    """One contender inside a scan of so many turns; its examples move by one place from turn to turn."""
    x, target = given.x, given.target
    if row.work != "layer":
        x, target = (np.stack([np.roll(a, shift, 0) for shift in range(turns)]) for a in (x, target))
    return compiled(looped(row, LAYERS[name], turns), (given.params, given.state, x, target))


def backward(row: Row, given: Problem, name: str) -> Compiled:
    """One contender's gradients of a layer alone: from dy and what its forward pass has kept."""

    def forward(params: Tree, state: Tree, x: jax.Array) -> Tree:
        def y(params: Tree, x: jax.Array) -> tuple[jax.Array, Tree]:
            return row.network.apply(params, x, state, training=True, ops=LAYERS[name])

        return jax.vjp(y, params, x, has_aux=True)[1]

    kept = jax.jit(forward)(given.params, given.state, given.x)
    return compiled(lambda kept, dy: kept(dy), (kept, given.target))


def repeats_bitwise(run: Callable[[], Tree], times: int = 10) -> bool:
    """Whether so many calls give results that are equal bit for bit."""
    first, *others = ([np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(run())] for _ in range(times))
    return all(other == first for other in others)
