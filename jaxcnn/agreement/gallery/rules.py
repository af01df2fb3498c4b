"""What both halves of the gallery are made of: a function, a rule for it, and where to call it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jaxcnn.agreement.arguments import key_for


def with_rule(function: Callable[..., Any], backward: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with the rule `backward(args, y, dy) -> one cotangent per argument`."""

    @jax.custom_vjp
    def ruled(*args: Any) -> Any:
        return function(*args)

    def forward(*args: Any) -> tuple[Any, Any]:
        y = function(*args)
        return y, (args, y)

    def backwards(kept: Any, dy: Any) -> tuple[Any, ...]:
        cotangents = backward(*kept, dy)
        return cotangents if isinstance(cotangents, tuple) else (cotangents,)

    ruled.defvjp(forward, backwards)
    return lambda *args: ruled(*args)


@dataclass(frozen=True)
class Exhibit:
    """A pair of functions and the shapes of their arguments; `positive` ones are drawn away from zero."""

    name: str
    hand: Callable[..., Any]
    auto: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]
    positive: bool = False

    def args(self, seed: int = 0) -> tuple[Any, ...]:
        """Standard normal arguments in float32, positive ones between 1/2 and a few."""
        drawn = [key_for(f"{self.name}, argument {i}", seed).standard_normal(s) for i, s in enumerate(self.shapes)]
        return tuple(np.float32(np.abs(d) + 0.5 if self.positive else d) for d in drawn)


def exhibit(
    name: str,
    function: Callable[..., Any],
    backward: Callable[..., Any],
    *shapes: tuple[int, ...],
    positive: bool = False,
) -> Exhibit:
    """A function against itself with a rule of its own."""
    return Exhibit(name, with_rule(function, backward), function, shapes, positive)
