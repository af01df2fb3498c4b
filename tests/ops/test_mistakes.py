"""Planted mistakes: the checks of the other test files, on rules that are wrong on purpose, must fail.

Each mistake is one that hands have made: a rule built from the true pieces with one of them spoiled. The same check
passes on the true rule.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn import ops, reference
from jaxcnn.lowering.window import Window
from jaxcnn.ops import bias, convolution
from jaxcnn.ops import rule as rules
from jaxcnn.ops.convolution import conv_dw, conv_dx, conv_y
from jaxcnn.ops.dense import dense_dw, dense_dx
from jaxcnn.ops.rule import rule
from tests import oracles
from tests.ops.checks import agrees, exact, integers, normal

SETTINGS = {"stride": 2, "padding": ((0, 1), (1, 0))}
WHERE = Window((6, 5), (2, 3), (2, 2), SETTINGS["padding"], (1, 1))


def with_backward(backward):
    """A convolution whose gradients are `backward(x, kernel, dy, window)`."""
    return rule(convolution._conv_y, lambda kept, dy, window: backward(*kept, dy, window))


def kernel_not_rotated(x, kernel, dy, window):
    return conv_dx(dy, jnp.flip(kernel, (0, 1)), window=window), conv_dw(x, dy, window=window)


def channels_swapped(x, kernel, dy, window):
    return conv_dx(dy, kernel, window=window), jnp.swapaxes(conv_dw(x, dy, window=window), -1, -2)


def stride_remainder_dropped(x, kernel, dy, window):
    """The input that no window reaches is left out, and its zero put back at the wrong end."""
    short = replace(window, input=tuple(n - 1 for n in window.input))
    return jnp.pad(conv_dx(dy, kernel, window=short), ((0, 0), (1, 0), (1, 0), (0, 0))), conv_dw(x, dy, window=window)


def padding_cropped_on_the_wrong_side(x, kernel, dy, window):
    mirrored = replace(window, padding=tuple(pair[::-1] for pair in window.padding))
    return conv_dx(dy, kernel, window=mirrored), conv_dw(x, dy, window=window)


def convolution_agrees(layer):
    agrees(partial(layer, window=WHERE), partial(reference.conv, **SETTINGS), normal(2, 6, 5, 3), normal(2, 3, 3, 3))


def convolution_is_exact(layer):
    x, kernel, dy = integers(2, 6, 5, 3), integers(2, 3, 3, 3), integers(2, *WHERE.output, 3)
    dx, dw = oracles.conv_dx(dy, kernel, (6, 5), **SETTINGS), oracles.conv_dw(x, dy, (2, 3), **SETTINGS)
    exact(partial(layer, window=WHERE), (x, kernel), dy, (oracles.conv(x, kernel, **SETTINGS), dx, dw), [jnp.float32])


def biased(sum_to):
    """The bias, whose gradient is `sum_to(dy)`."""
    return rule(bias._add_bias, lambda kept, dy, like: (dy, sum_to(dy)), bias._keep_nothing)


def mean_for_sum(dy):
    return jnp.mean(dy, (0, 1, 2))


def summed_over_one_axis_too_few(dy):
    return jnp.sum(dy, (0, 1))[0]


def bias_is_exact(layer):
    y, b, dy = integers(2, 3, 4, 2), integers(2), integers(2, 3, 4, 2, seed=1)
    exact(partial(layer, like=(2,)), (y, b), dy, (y + b, dy, oracles.bias_db(dy, (2,))), [jnp.float32])


def bias_agrees(layer):
    agrees(partial(layer, like=(2,)), lambda y, b: y + b, normal(2, 3, 4, 2), normal(2))


def max_pool_with_a_tie_given_to_all_winners(x):
    """Overlap-free windows of 2 along one axis."""

    def backward(kept, dy):
        x, y = kept
        spread = jnp.repeat(dy, 2, axis=1)
        return (jnp.where(x == jnp.repeat(y, 2, axis=1), spread, 0),)

    return rule(lambda x: ops.max_pool(x, 2), backward, lambda arrays, y: (arrays[0], y))(x)


def max_pool_is_exact(layer):
    x, dy = integers(2, 8, 3), integers(2, 4, 3, seed=1)
    y, _ = oracles.max_pool(x, (2,), stride=2)
    exact(layer, (x,), dy, (y, oracles.max_pool_dx(x, dy, (2,), stride=2)), [jnp.float32])


def a_leaf_one_percent_off(x, kernel):
    def backward(kept, dy):
        x, kernel = kept
        return dense_dx(dy, kernel), 1.01 * dense_dw(x, dy)

    return rule(ops.dense, backward)(x, kernel)


def dense_agrees(layer):
    agrees(layer, reference.dense, normal(3, 5), normal(5, 4))


def a_float32_gradient_for_a_bfloat16_parameter(x, kernel):
    """JAX takes it in silence: only what `rule` does to every cotangent stands in between."""

    @jax.custom_vjp
    def layer(x, kernel):
        return ops.dense(x, kernel)

    def backward(kept, dy):
        x, kernel = kept
        dx, dkernel = jax.vjp(ops.dense, x, kernel)[1](dy)
        return dx, dkernel.astype(jnp.float32)

    layer.defvjp(lambda x, kernel: (layer(x, kernel), (x, kernel)), backward)
    return layer(x, kernel)


def dense_is_exact(layer):
    x, kernel, dy = integers(3, 5), integers(5, 4), integers(3, 4, seed=1)
    want = oracles.dense(x, kernel), oracles.dense_dx(dy, kernel), oracles.dense_dw(x, dy)
    exact(layer, (x, kernel), dy, want, [jnp.bfloat16])


class Mistake(NamedTuple):
    """A check, a rule that passes it, and one that must not."""

    check: Callable
    right: Callable
    wrong: Callable


def max_pool(x):
    return ops.max_pool(x, 2)


CONVOLUTIONS = (kernel_not_rotated, channels_swapped, stride_remainder_dropped, padding_cropped_on_the_wrong_side)
MISTAKES = {
    **{f"{wrong.__name__}-agrees": Mistake(convolution_agrees, conv_y, with_backward(wrong)) for wrong in CONVOLUTIONS},
    **{
        f"{wrong.__name__}-exact": Mistake(convolution_is_exact, conv_y, with_backward(wrong)) for wrong in CONVOLUTIONS
    },
    "mean_for_sum-agrees": Mistake(bias_agrees, bias.add_bias, biased(mean_for_sum)),
    "mean_for_sum-exact": Mistake(bias_is_exact, bias.add_bias, biased(mean_for_sum)),
    "bias_one_axis_too_few-agrees": Mistake(bias_agrees, bias.add_bias, biased(summed_over_one_axis_too_few)),
    "bias_one_axis_too_few-exact": Mistake(bias_is_exact, bias.add_bias, biased(summed_over_one_axis_too_few)),
    "tie_to_all_winners-exact": Mistake(max_pool_is_exact, max_pool, max_pool_with_a_tie_given_to_all_winners),
    "leaf_one_percent_off-agrees": Mistake(dense_agrees, ops.dense, a_leaf_one_percent_off),
    "leaf_one_percent_off-exact": Mistake(dense_is_exact, ops.dense, a_leaf_one_percent_off),
    "float32_for_bfloat16-exact": Mistake(dense_is_exact, ops.dense, a_float32_gradient_for_a_bfloat16_parameter),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_the_check_fails_on_the_mistake_and_passes_without_it(name):
    check, right, wrong = MISTAKES[name]
    check(right)
    with pytest.raises(AssertionError):
        check(wrong)


def test_without_the_cast_of_cotangents_a_rule_fails_too(monkeypatch):
    """The seam itself: `as_cotangent` undone, every half-precision test sees it."""
    dense_is_exact(ops.dense)
    monkeypatch.setattr(rules, "as_cotangent", lambda cotangent, primal: cotangent)
    with pytest.raises(AssertionError, match="float32"):
        dense_is_exact(lambda x, kernel: ops.dense(x, kernel))


def test_the_mistakes_are_subtle():
    """Every wrong convolution returns gradients of the right shape, dtype and size."""
    x, kernel, dy = normal(2, 6, 5, 3), normal(2, 3, 3, 3), normal(2, *WHERE.output, 3)
    right = (conv_dx(dy, kernel, window=WHERE), conv_dw(x, dy, window=WHERE))
    for backward in CONVOLUTIONS:
        for true, false in zip(right, backward(x, kernel, dy, WHERE), strict=True):
            assert (true.shape, true.dtype) == (false.shape, false.dtype)
            assert 0.8 < np.linalg.norm(false) / np.linalg.norm(true) < 1.25
