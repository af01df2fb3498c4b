"""A function without its handwritten rules: the same forward pass, for JAX to differentiate by itself.

It is what a handwritten rule is refereed against when there is no second function. `jax.custom_jvp` rules stay: JAX's
own functions state their conventions with them (`jax.nn.relu`'s slope at 0).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from jaxcnn.agreement.program import Arithmetic, Numbers, run, trace
from jaxcnn.agreement.raising import call


class Plain(Arithmetic):
    """Arrays as they are; only `jax.custom_vjp` calls are opened."""

    kept = frozenset({"custom_jvp_call"})

    def step(self, equation: Any, numbers: Numbers) -> Numbers:
        return call(equation.primitive, numbers, equation.params)


def without_rules(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with every `jax.custom_vjp` rule in it removed.

    >>> @jax.custom_vjp
    ... def square(x):
    ...     return x * x
    >>> square.defvjp(lambda x: (square(x), x), lambda x, dy: (x * dy,))
    >>> float(jax.grad(square)(3.0)), float(jax.grad(without_rules(square))(3.0))
    (3.0, 6.0)
    """

    def plain(*args: Any) -> Any:
        leaves, tree = jax.tree.flatten(args)
        result = jax.eval_shape(function, *args)
        program = trace(lambda *leaves: jax.tree.leaves(function(*jax.tree.unflatten(tree, leaves))), *leaves)
        return jax.tree.unflatten(jax.tree.structure(result), run(program, Plain(), leaves))

    return plain
