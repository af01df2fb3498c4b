"""Seed 0, exercise 2: ReLU against leaky ReLU, and vanishing gradients. S0.26 to S0.42."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxcnn.ops
from analysis.worked_examples import pictures, study_pictures
from analysis.worked_examples.entry import entry
from analysis.worked_examples.judge import Claim, Experiment, Finding, Missing
from analysis.worked_examples.studies import activations as study
from analysis.worked_examples.truth import map_twice, normal, pullbacks, values

X = np.array([-3, -2, -1, -0.5, 0.5, 1, 2, 3])
MANY = normal(12, 100_000)


def slopes(activation: str, x: Any, **settings: Any) -> Any:
    """The derivative at every x, by the backward pass."""
    x = np.asarray(x, float)
    return pullbacks(lambda ops, x: getattr(ops, activation)(jnp.asarray(x), **settings), np.ones(x.shape), x)


def curve(activation: str, x: Any, **settings: Any) -> Any:
    return values(lambda ops: getattr(ops, activation)(jnp.asarray(np.asarray(x, float)), **settings))


@entry("S0.26", "Ex. 2, picture", "A plot of ReLU.", formula=r"y=\max(0,x)", picture=pictures.relu_curve)
def picture_of_relu() -> list[Finding]:
    return [
        Missing("the picture", "drawn: ReLU and its derivative on [-10, 10]"),
        Claim("the curve", [0] * 4 + [0.5, 1, 2, 3], curve("relu", X)),
    ]


@entry("S0.27", "Ex. 2", "A linear function's derivative is a fixed number, so it cannot be used.")
def linear_is_not_enough() -> list[Finding]:
    """A stack of linear layers is one linear map; ReLU only looks linear, it is so in pieces."""
    a, b, x = normal(13, 4, 5), normal(14, 5, 3), normal(15, 6, 4)

    def stack(ops: Any, x: Any) -> jax.Array:
        return ops.dense(ops.identity(ops.dense(jnp.asarray(x), jnp.asarray(a))), jnp.asarray(b))

    return [
        Claim("the identity's derivative at 8 points", np.ones(8), slopes("identity", X)),
        Claim("two linear layers are one", x @ (a @ b), values(stack, x)),
    ]


@entry(
    "S0.28", "Ex. 2", "The ReLU function is derivable.",
    corrected="not at 0, where its two one-sided derivatives are 0 and 1; a program must choose (here 0)",
)  # fmt: skip
def relu_is_not_differentiable() -> list[Finding]:
    """Difference quotients at 0 from both sides. At 0 jax gives 0 for jax.nn.relu and 1/2 for jnp.maximum(0, x)."""
    step = 2.0**-20
    left, middle, right = curve("relu", [-step, 0, step]).hand
    one_sided = [float((middle - left) / step), float((right - middle) / step)]
    return [
        Claim("the one-sided derivatives at 0 are equal", True, one_sided[0] == one_sided[1], corrected=False),
        Claim("the choice at 0", [0.0], slopes("relu", [0.0])),
        Claim("jax's choice for jnp.maximum", 0.5, jax.grad(lambda x: jnp.maximum(0.0, x))(0.0)),
    ]


@entry(
    "S0.29", "Ex. 2", "It only activates neurons whose output is greater than one.",
    corrected="greater than zero",
)  # fmt: skip
def threshold() -> Claim:
    active = map_twice(lambda d: d > 0, slopes("relu", X))
    return Claim("which of the inputs are passed on", X > 1, active, corrected=X > 0)


@entry("S0.30", "Ex. 2", "ReLU.", formula=r"f(x)=\max(0,x)")
def relu() -> Claim:
    return Claim("f", np.maximum(0, X), curve("relu", X))


@entry("S0.31", "Ex. 2, advantages", "Only a number of neurons are activated, so the computational cost is low.")
def sparse_activity() -> list[Finding]:
    """Half of N(0, 1) inputs are zeroed, as dropout would at rate 1/2; whether zeros save time is up to the program."""
    share = float(np.mean(np.asarray(curve("relu", MANY).hand) == 0))
    key = jax.random.key(0)
    dropped = jaxcnn.ops.dropout(jnp.ones(64), key, rate=0.5)
    passed = jax.grad(lambda x: jnp.sum(jaxcnn.ops.dropout(x, key, rate=0.5)))(jnp.ones(64))
    return [
        Claim(
            "half of 100,000 inputs give zero (within 4 standard errors)", True, abs(share - 0.5) < 2 / sqrt(MANY.size)
        ),
        Claim("dropout passes back what it passed on", dropped, passed),
    ]


@entry(
    "S0.32", "Ex. 2, advantages", "Due to its linearity it accelerates gradient descent to the global minimum.",
    corrected="gradient descent need not reach a global minimum",
)  # fmt: skip
def no_global_minimum() -> Claim:
    """One counterexample: the dead neuron of S0.33 stays where its loss is 1, while the loss 0 is possible."""
    run = study.dead_neuron("relu", steps=5000)
    return Claim("descent ends at the loss 0", True, bool(run.losses[-1] < 1e-3), corrected=False)


@entry("S0.33", "Ex. 2, disadvantages", "Dying ReLU: the output is 0 for all inputs, and there is no gradient.")
def dying_relu() -> list[Finding]:
    """A neuron with bias -30 on 1000 inputs in four dimensions, target 1: 5000 gradient steps change nothing."""
    run = study.dead_neuron("relu", steps=5000)
    return [
        Claim("the gradient's largest entry, before the first step", 0.0, run.gradient),
        Claim("the outputs that are not zero", 0.0, run.active[0]),
        Claim("the loss after 5000 steps, beside the first", run.losses[0], run.losses[-1]),
    ]


@entry("S0.34", "Ex. 2, picture", "A plot of leaky ReLU.", formula=r"y=\max(0.1x,x)", picture=pictures.leaky_curve)
def picture_of_leaky() -> list[Finding]:
    return [
        Missing("the picture", "drawn: leaky ReLU and its derivative on [-10, 10]"),
        Claim("the curve", np.where(X < 0, X / 10, X), curve("leaky_relu", X)),
    ]


@entry("S0.35", "Ex. 2", "Leaky ReLU.", formula=r"f(x)=\max(0.1x,x)")
def leaky_relu() -> list[Finding]:
    """0.1 is a choice (libraries use 0.01), and as a maximum it needs a slope of at most 1."""
    return [
        Claim("f", np.maximum(0.1 * X, X), curve("leaky_relu", X)),
        Claim("f with slope 1.5, as a maximum", np.maximum(1.5 * X, X), curve("leaky_relu", X, negative_slope=1.5),
              corrected=np.where(X < 0, 1.5 * X, X)),
    ]  # fmt: skip


@entry(
    "S0.36",
    "Ex. 2",
    "It has all the advantages of ReLU and solves the problem of neuron death.",
    picture=study_pictures.rescue,
)
def rescue() -> list[Finding]:
    """It cures the dead neuron; but not all advantages are kept: it outputs exact zeros nowhere (S0.31)."""
    run = study.dead_neuron("leaky_relu", steps=5000)
    zeros = float(np.mean(np.asarray(curve("leaky_relu", MANY).hand) == 0))
    return [
        Claim("the dead neuron of S0.33 has a gradient", True, run.gradient > 0),
        Claim("more than half of its inputs activate it in the end", True, run.active[-1] > 0.5),
        Claim("its loss ends below 1e-20", True, run.losses[-1] < 1e-20),
        Claim("zeros among the outputs, as ReLU has", True, zeros > 0, corrected=False),
    ]


@entry(
    "S0.37",
    "Ex. 2, leaky disadvantages",
    "The gradient for negative numbers is small; predictions may be inconsistent.",
)
def small_gradient() -> Claim:
    """The second half is computed; whether predictions are "consistent" is no statement that a program can decide."""
    return Claim("the derivative at negative numbers", [0.1] * 4, slopes("leaky_relu", X[:4]))


@entry("S0.38", "Ex. 2, conclusion", 'Leaky ReLU\'s mean activation is closer to 0, more "balanced".')
def mean_activation() -> list[Finding]:
    """Over N(0, 1) inputs: 1/sqrt(2 pi) for ReLU and 0.9/sqrt(2 pi) for leaky ReLU, exactly 10 % less."""
    relu, leaky = (study.mean_activation(name) for name in ("relu", "leaky_relu"))
    return [
        Claim("leaky is closer to 0", True, abs(leaky) < abs(relu)),
        Claim("the two means", [1 / sqrt(2 * pi), 0.9 / sqrt(2 * pi)], [relu, leaky]),
    ]


@entry(
    "S0.39",
    "Ex. 2, conclusion",
    "Leaky ReLU increases the speed of training.",
    picture=study_pictures.training_comparison,
)
def speed_of_training() -> Experiment:
    """No setting is given. Here: a 2x32 network on 128 points of a regression, 300 full gradient steps, 20 seeds, at a
    rate at which every run converges, and at one at which some diverge."""
    measured: dict[str, Any] = {}
    for rate in study.RATES:
        found = study.compare_training(rate)
        measured |= {
            f"rate {rate}: runs that diverge, ReLU and leaky": [int(np.sum(~np.isfinite(loss))) for loss in found[:2]],
            f"rate {rate}: mean loss of the other pairs, ReLU and leaky": [float(loss.mean()) for loss in found.pairs],
            f"rate {rate}: pairs, and those in which leaky is lower": [found.pairs[0].size, found.leaky_wins],
            f"rate {rate}: 95 % interval of the difference (leaky - ReLU)": found.interval,
            f"rate {rate}: a difference exists": found.differs,
        }
    return Experiment("the network, data and settings with which this was seen", measured)


@entry("S0.40", "Ex. 2, vanishing gradient", "With sigmoids and many layers the first layers' gradient tends to zero.",
       formula=r"\sigma'\le\tfrac14", picture=study_pictures.gradient_against_depth)  # fmt: skip
def vanishing() -> list[Finding]:
    """Ratio of the first to the last layer's gradient norm: width 16, weights N(0, 1/16), mean of 5 seeds."""
    ratios, bounds = study.gradient_ratios("sigmoid", 1 / 16), {5: 1e-2, 10: 1e-5, 20: 1e-11}
    return [
        Claim("the ratio falls below 1e-2, 1e-5, 1e-11 at depth 5, 10, 20", [True] * 3,
              [ratios[depth] < bound for depth, bound in bounds.items()]),
        Claim("the largest derivative of the sigmoid", 0.25, map_twice(lambda d: d[0], slopes("sigmoid", [0.0]))),
    ]  # fmt: skip


@entry(
    "S0.41",
    "Ex. 2",
    "The sigmoid squeezes large inputs into (0, 1): a very large change of input, a small one of output.",
)
def squeezing() -> list[Finding]:
    sigma = lambda x: 1 / (1 + np.exp(-np.asarray(x, float)))  # noqa: E731
    change = map_twice(lambda y: y[1] - y[0], curve("sigmoid", [5, 10]))
    return [
        Claim("the output changes by less than 1/100 from 5 to 10", True, bool(change.hand < 0.01)),
        Claim("the change", sigma(10) - sigma(5), change),
        Claim(
            "the derivative at 10", sigma(10) * (1 - sigma(10)), map_twice(lambda d: d[0], slopes("sigmoid", [10.0]))
        ),
    ]


@entry("S0.42", "Ex. 2, last line", "As we saw earlier, ReLU and leaky ReLU both tackle this problem.")
def relu_does_not_vanish() -> Claim:
    """It was not shown earlier in the text. The study of S0.40 with He weights, at depth 20."""
    ratios = [study.gradient_ratios(name, 2 / 16)[20] for name in ("relu", "leaky_relu")]
    return Claim("the ratio stays between 1/10 and 10 at depth 20", [True, True], [0.1 < r < 10 for r in ratios])
