"""Teeth: mistakes that people make in rules, planted one at a time, each of which a check must catch.

A mutant is a layer whose forward pass is right and whose backward pass has been changed. The change sees what a rule
sees (arguments, cotangent, settings) and can ask for right gradients at other places; it returns wrong ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn import reference
from jaxcnn.agreement.bands import verdict
from jaxcnn.agreement.cases import Case
from jaxcnn.agreement.evaluate import Pair, Subject, quick
from jaxcnn.agreement.gradients import Evaluated
from jaxcnn.agreement.statistics import Record, z_of

Gradients = tuple[Any, ...]


@dataclass(frozen=True)
class Rule:
    """What a backward rule knows, and the right answer."""

    layer: Callable[..., Any]
    args: tuple[Any, ...]
    dy: Any
    settings: dict[str, Any]

    @property
    def right(self) -> Gradients:
        return self.at(*self.args)

    def at(self, *args: Any, dy: Any = None) -> Gradients:
        """The right gradients at other arguments, or of another cotangent."""
        return jax.vjp(self.layer, *args)[1](self.dy if dy is None else dy)

    def weighted(self, change: Callable[[Any], Any]) -> Gradients:
        """The right gradients of a changed cotangent."""
        return self.at(*self.args, dy=jax.tree.map(change, self.dy))


Change = Callable[[Rule], Gradients]


def planted(case: Case, change: Change) -> Callable[..., Any]:
    """The case's layer with a changed backward pass."""

    @jax.custom_vjp
    def layer(*args: Any) -> Any:
        return case.hand(*args)

    def backward(args: tuple[Any, ...], dy: Any) -> Gradients:
        return tuple(change(Rule(case.hand, args, dy, case.settings)))

    layer.defvjp(lambda *args: (case.hand(*args), args), backward)
    return lambda *args: layer(*args)


def leaf(index: int, change: Callable[[Any, Rule], Any]) -> Change:
    """Change the gradient of one argument."""

    def changed(rule: Rule) -> Gradients:
        return tuple(change(g, rule) if i == index % len(rule.right) else g for i, g in enumerate(rule.right))

    return changed


def every(change: Callable[[Any], Any]) -> Change:
    """Change the gradients of all arguments alike."""
    return lambda rule: tuple(map(change, rule.right))


def taps_flipped(rule: Rule) -> Gradients:
    """The input gradient with a kernel that was not rotated."""
    x, kernel, *rest = rule.args
    flipped = jnp.flip(kernel, range(kernel.ndim - 2))
    return rule.at(x, flipped, *rest)[0], *rule.right[1:]


def shifted(g: Any, rule: Rule) -> Any:
    """Cropped by one on the wrong side: everything moves by a position."""
    return jnp.roll(g, 1, 1)


def batch_of(g: Any) -> int:
    return max(g.shape[0], 2)


UNIVERSAL: dict[str, Change] = {
    "the sign": every(jnp.negative),
    "a leaf 1 % off": leaf(-1, lambda g, r: g * 1.01),
    "a factor of 2": leaf(0, lambda g, r: 2 * g),
    "the cotangent ignored": lambda r: r.weighted(jnp.ones_like),
    "the cotangent taken by its size": lambda r: r.weighted(jnp.abs),
    "the last entry forgotten": leaf(0, lambda g, r: g.at[-1].set(0)),
    "examples in the wrong order": lambda r: r.weighted(lambda dy: jnp.flip(dy, 0)),
}
LEAK = "a float32 gradient for a bfloat16 argument"

BIAS: dict[str, Change] = {
    "mean for sum in the last gradient": leaf(-1, lambda g, r: g / batch_of(r.dy)),
    "the last gradient summed over one axis too few": lambda r: (*r.right[:-1], first_only(r)[-1]),
}


def first_only(rule: Rule) -> Gradients:
    """Gradients of the first example alone."""
    return rule.weighted(lambda dy: dy.at[1:].set(0))


CONV: dict[str, Change] = {
    "the kernel not rotated": taps_flipped,
    "channels swapped": leaf(1, lambda g, r: jnp.flip(g, -1)),
    "the stride's last window dropped": lambda r: r.weighted(lambda dy: dy.at[:, -1].set(0)),
    "padding cropped on the wrong side": leaf(0, shifted),
    "taps transposed": leaf(1, lambda g, r: jnp.flip(g, range(g.ndim - 2))),
    "the kernel gradient one position off": lambda r: (
        r.right[0],
        r.at(jnp.roll(r.args[0], 1, 1), *r.args[1:])[1],
        *r.right[2:],
    ),
    "the kernel gradient of one example only": lambda r: (r.right[0], first_only(r)[1], *r.right[2:]),
    "input channels swapped": leaf(0, lambda g, r: jnp.flip(g, -1)),
    "a corner tap forgotten": leaf(1, lambda g, r: g.at[(0,) * (g.ndim - 2)].set(0)),
    "the last column of the input forgotten": leaf(0, lambda g, r: g.at[:, -3:].set(0)),
}


def last_winner(rule: Rule) -> Gradients:
    """Of equal values the last one wins: equal ones are set apart by less than others differ."""
    (x,) = rule.args
    rank = jnp.arange(x.size, dtype=x.dtype).reshape(x.shape) / x.size
    return rule.at(x + 2.0**-10 * rank)


def all_winners(rule: Rule) -> Gradients:
    """Of equal values the first and the last get the whole cotangent, both."""
    first, last = rule.right[0], last_winner(rule)[0]
    return (jnp.where(first == last, first, first + last),)


def averaged(rule: Rule) -> Gradients:
    """The gradient of an average pool."""
    settings = {k: v for k, v in rule.settings.items() if k != "count_include_pad"}
    return jax.vjp(lambda x: reference.avg_pool(x, **settings), *rule.args)[1](rule.dy)


def maximal(rule: Rule) -> Gradients:
    """The gradient of a max pool."""
    settings = {k: v for k, v in rule.settings.items() if k != "count_include_pad"}
    return jax.vjp(lambda x: reference.max_pool(x, **settings), *rule.args)[1](rule.dy)


MAX_POOL: dict[str, Change] = {
    "a tie given to all winners": all_winners,
    "a tie given to the last winner": last_winner,
    "shared as in an average": averaged,
    "padding cropped on the wrong side": leaf(0, shifted),
    "the stride's last window dropped": lambda r: r.weighted(lambda dy: dy.at[:, -1].set(0)),
    "the winner's value for the cotangent": leaf(0, lambda g, r: g * r.args[0]),
    "channels swapped": leaf(0, lambda g, r: jnp.flip(g, -1)),
}
AVG_POOL: dict[str, Change] = {
    "not divided by the window": leaf(0, lambda g, r: g * 4),
    "all to the maximum": maximal,
    "mean for sum": leaf(0, lambda g, r: g / batch_of(g)),
    "padding cropped on the wrong side": leaf(0, shifted),
    "the stride's last window dropped": lambda r: r.weighted(lambda dy: dy.at[:, -1].set(0)),
    "channels swapped": leaf(0, lambda g, r: jnp.flip(g, -1)),
}
DENSE: dict[str, Change] = {
    "channels swapped": leaf(1, lambda g, r: jnp.flip(g, -1)),
    "inputs swapped": leaf(1, lambda g, r: jnp.flip(g, 0)),
    "the kernel gradient of one example only": lambda r: (r.right[0], first_only(r)[1], *r.right[2:]),
    "the kernel mirrored in the input gradient": lambda r: (
        r.at(r.args[0], jnp.flip(r.args[1], 0), *r.args[2:])[0],
        *r.right[1:],
    ),
    "mean for sum in the kernel gradient": leaf(1, lambda g, r: g / batch_of(r.dy)),
}
POINTWISE: dict[str, Change] = {
    "the wrong slope at 0": leaf(0, lambda g, r: jnp.where(r.args[0] == 0, g + r.dy, g)),
    "the output for its derivative": lambda r: (r.dy * r.layer(*r.args),),
    "a term too many": leaf(0, lambda g, r: g + r.dy * r.args[0] / 8),
    "columns swapped": leaf(0, lambda g, r: jnp.flip(g, -1)),
    "the cotangent squared": lambda r: r.weighted(jnp.square),
}
SOFTMAX: dict[str, Change] = {
    "only the diagonal": leaf(0, lambda g, r: g + r.dy / 8),
    "not centred": leaf(0, lambda g, r: g - jnp.mean(g, -1, keepdims=True) + g[..., :1]),
    "columns swapped": leaf(0, lambda g, r: jnp.flip(g, -1)),
    "summed over the batch": leaf(0, lambda g, r: g + jnp.roll(g, 1, 0)),
    "the derivative twice": leaf(0, lambda g, r: g * g),
}
LOSS: dict[str, Change] = {
    "an offset per example": leaf(0, lambda g, r: g + r.dy[:, None] / 8),
    "a mean over the batch": every(lambda g: g / g.shape[0]),
    "not weighted per example": lambda r: r.weighted(lambda dy: jnp.broadcast_to(jnp.mean(dy), dy.shape)),
    "nats for bits": every(lambda g: g / jnp.log(2.0).astype(g.dtype)),
    "classes swapped": leaf(0, lambda g, r: jnp.flip(g, -1)),
}


def detached(rule: Rule, *names: str) -> Gradients:
    """Batch statistics treated as constants."""

    def forward(x: Any, scale: Any, offset: Any) -> Any:
        statistics = dict(zip(("mean", "variance"), reference.batch_statistics(x), strict=True))
        held = {name: jax.lax.stop_gradient(value) if name in names else value for name, value in statistics.items()}
        return reference.batch_norm(x, scale, offset, held["mean"], held["variance"])

    return jax.vjp(forward, *rule.args)[1](rule.dy)


BATCH_NORM: dict[str, Change] = {
    "the mean detached": lambda r: detached(r, "mean"),
    "the variance detached": lambda r: detached(r, "variance"),
    "both statistics detached": lambda r: detached(r, "mean", "variance"),
    "one example too few in the mean": leaf(0, lambda g, r: g * (g.size / (g.size - g.shape[-1]))),
    "channels swapped": leaf(0, lambda g, r: jnp.flip(g, -1)),
    "mean for sum in the last gradient": leaf(-1, lambda g, r: g / batch_of(r.args[0])),
}
CHANNELS: dict[str, Change] = {
    "channels swapped": leaf(0, lambda g, r: jnp.flip(g, -1)),
    "one example too few in the mean": leaf(0, lambda g, r: g * (g.size / (g.size - g.shape[-1]))),
    "mean for sum in the last gradient": leaf(-1, lambda g, r: g / batch_of(r.args[0])),
    "a term too many": leaf(0, lambda g, r: g + jnp.mean(r.args[0]) / 8),
    "the mean of the gradient removed": leaf(0, lambda g, r: g - jnp.mean(g)),
}
DROPOUT: dict[str, Change] = {
    "another mask": lambda r: (jnp.flip(r.right[0], -1),),
    "no mask": lambda r: (r.dy,),
    "not scaled": lambda r: (r.right[0] * (1 - r.settings["rate"]),),
    "scaled by the rate": lambda r: (r.right[0] * (1 - r.settings["rate"]) / r.settings["rate"],),
    "the mask squared into the value": leaf(0, lambda g, r: g * r.args[0]),
}
SHAPES: dict[str, Change] = {
    "positions in the wrong order": leaf(0, lambda g, r: jnp.flip(g, 1)),
    "channels swapped": leaf(0, lambda g, r: jnp.flip(g, -1)),
    "one position off": leaf(0, shifted),
    "mean for sum": leaf(0, lambda g, r: g / batch_of(g)),
    "the first entry twice": leaf(0, lambda g, r: g.at[0].multiply(2)),
}
GLOBAL: dict[str, Change] = {
    "not divided by the positions": leaf(0, lambda g, r: g * (g[0].size / g.shape[-1])),
    "one position too few in the mean": leaf(0, lambda g, r: g * (g.size / (g.size - g.shape[-1]))),
    "the first row only": leaf(0, lambda g, r: g.at[:, 1:].set(0)),
    "channels swapped": leaf(0, lambda g, r: jnp.flip(g, -1)),
    "mean for sum": leaf(0, lambda g, r: g / batch_of(g)),
}
FAMILIES: dict[str, dict[str, Change]] = {
    "conv": CONV,
    "conv_transpose": CONV,
    "max_pool": MAX_POOL,
    "avg_pool": AVG_POOL,
    "global_avg_pool": GLOBAL,
    "dense": DENSE,
    **dict.fromkeys(("relu", "leaky_relu", "sigmoid", "tanh", "identity"), POINTWISE),
    **dict.fromkeys(("softmax", "log_softmax"), SOFTMAX),
    **dict.fromkeys(("softmax_cross_entropy", "half_squared_error", "mean_squared_error"), LOSS),
    "batch_norm": BATCH_NORM,
    **dict.fromkeys(("batch_norm inference", "batch_statistics"), CHANNELS),
    "dropout": DROPOUT,
    "flatten": SHAPES,
}
WITH_BIAS = ("conv", "conv_transpose", "dense")


def mutants_of(case: Case) -> dict[str, Change]:
    """The mistakes that apply to a case."""
    bias = BIAS if case.family in WITH_BIAS and len(case.shapes) > 2 else {}
    return UNIVERSAL | FAMILIES[case.family] | bias


def teeth(case: Case, pair: Pair, points: list[Evaluated]) -> list[Record]:
    """One record per mistake: caught at one of the points, and by how many noise units, or missed (which fails).

    All mistakes of a case are compiled together. Their errors are measured in the right rule's own noise.
    """
    changes = mutants_of(case)
    subjects = [
        Subject(name, planted(case, change), pair.hand.arguments, pair.outputs) for name, change in changes.items()
    ]
    program = quick(lambda floats, others, dy: [subject.gradient(floats, others, dy)[1] for subject in subjects])
    largest = dict.fromkeys(changes, 0.0)
    with jax.enable_x64(True):
        for found in points:
            wide = found.point.wide
            for name, gradients in zip(changes, program(wide.floats, wide.others, found.point.wide_dy), strict=True):
                largest[name] = max(largest[name], *distances(gradients, found))
    return [caught(name, z) for name, z in largest.items()] + [caught(LEAK, leak(case, pair, points[0]))]


def distances(gradients: list[Any], found: Evaluated) -> list[float]:
    """The largest z of each leaf against the automatic gradients."""
    hand, auto = found.wide_hand, found.wide_auto
    return [
        float(z_of(np.asarray(g), a, e + f).max())
        for g, a, e, f in zip(gradients, auto.gradients, hand.gradient_errors, auto.gradient_errors, strict=True)
    ]


def leak(case: Case, pair: Pair, found: Evaluated) -> float:
    """Whether the structure check would see a gradient that is wider than its primal."""
    narrow = found.point.arguments.cast("bfloat16")
    subject = Subject(LEAK, planted(case, every(lambda g: g.astype(jnp.float32))), pair.hand.arguments, pair.outputs)
    dy = [jax.ShapeDtypeStruct(d.shape, jnp.bfloat16) for d in found.point.dy]
    _, gradients = jax.eval_shape(subject.gradient, narrow.floats, narrow.others, dy)
    return float("inf") if any(g.dtype != jnp.bfloat16 for g in gradients) else 0.0


def caught(name: str, z: float) -> Record:
    record: Record = {"mode": f"mutant: {name}", "group": "teeth", "leaf": "all leaves", "dtype": "float64", "z": z}
    if verdict(z, "float64") == "disagree":
        return record | {"verdict": "exact", "note": "caught"}
    return record | {"verdict": "disagree", "note": "this planted mistake was not caught"}
