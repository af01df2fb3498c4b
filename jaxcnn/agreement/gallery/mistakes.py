"""Twenty wrong rules, each a mistake that people make and ship. All forward passes are right."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.agreement.gallery.correct import conv, conv_back, cross_entropy, layer_norm, pool
from jaxcnn.agreement.gallery.rules import Exhibit, exhibit


def all_winners(args: Any, y: Any, dy: Any) -> Any:
    (x,) = args
    spread = [jnp.repeat(jnp.repeat(a, 2, 1), 2, 2) for a in (y, dy)]
    return jnp.where(x == spread[0], spread[1], 0)


def detached_norm(args: Any, y: Any, dy: Any) -> Any:
    """The mean is treated as a constant."""
    (x,) = args
    centred = x - jnp.mean(x, -1, keepdims=True)
    r = lax.rsqrt(jnp.mean(centred * centred, -1, keepdims=True) + 0.125)
    return r * (dy - y * jnp.mean(dy * y, -1, keepdims=True))


def norm_without_epsilon(args: Any, y: Any, dy: Any) -> Any:
    (x,) = args
    centred = x - jnp.mean(x, -1, keepdims=True)
    r = lax.rsqrt(jnp.mean(centred * centred, -1, keepdims=True))
    return r * (dy - jnp.mean(dy, -1, keepdims=True) - y * jnp.mean(dy * y, -1, keepdims=True))


def unrotated(args: Any, y: Any, dy: Any) -> Any:
    x, kernel = args
    return conv_back((x, jnp.flip(kernel, (0, 1))), y, dy)[0], conv_back(args, y, dy)[1]


def same_conv(x: Any, kernel: Any) -> Any:
    return conv(jnp.pad(x, ((0, 0), (1, 0), (0, 0), (0, 0))), kernel)


def wrong_padding(args: Any, y: Any, dy: Any) -> Any:
    """The padding was above; the gradient is cropped below."""
    x, kernel = args
    dx, dkernel = conv_back((jnp.pad(x, ((0, 0), (1, 0), (0, 0), (0, 0))), kernel), y, dy)
    return dx[:, :-1], dkernel


def two_leaves(args: Any, y: Any, dy: Any) -> Any:
    """The second leaf is one per cent off."""
    x, w = args
    return dy @ w.T, 1.01 * (x.T @ dy)


def stopped(args: Any, y: Any, dy: Any) -> Any:
    """A gate that is treated as a constant."""
    (x,) = args
    return jax.vjp(lambda x: x * lax.stop_gradient(jax.nn.sigmoid(x)), x)[1](dy)


def counted_twice(args: Any, y: Any, dy: Any) -> Any:
    """An index that occurs twice gets its last row only."""
    (table,) = args
    return jnp.zeros_like(table).at[TWICE].set(dy)


def entropy_of_probabilities(args: Any, y: Any, dy: Any) -> Any:
    """The softmax without the label subtracted from its own entry of the second example."""
    (x,) = args
    labels = jnp.array([0, 2, 2, 2])
    return dy[:, None] * (jax.nn.softmax(x) - jax.nn.one_hot(labels, x.shape[-1], dtype=x.dtype))


TWICE = jnp.array([3, 0, 3, 1])
MATRIX = (4, 5)
MISTAKES: tuple[Exhibit, ...] = (
    exhibit("a forgotten factor 2", lambda x: x * x, lambda a, y, dy: a[0] * dy, MATRIX),
    exhibit("a bias summed over too few axes",
        lambda x, b: x + b,
        lambda a, y, dy: (dy, dy[0].sum(0)),
        (3, 4, 5), (5,),
    ),
    exhibit("a stopped gradient", jax.nn.silu, stopped, MATRIX),
    exhibit("a leaf 1 % off", lambda x, w: x @ w, two_leaves, MATRIX, (5, 3)),
    exhibit("a tie given to all winners", pool, all_winners, (2, 4, 6, 2)),
    exhibit("swapped arguments", lambda x, y: x * y, lambda a, y, dy: (dy * a[0], dy * a[1]), MATRIX, MATRIX),
    exhibit("a float32 leak", jnp.tanh, lambda a, y, dy: (dy * (1 - y * y)).astype(jnp.float32), MATRIX),
    exhibit("a wrong sign",
        lambda x, y: x / y,
        lambda a, y, dy: (dy / a[1], dy * y / a[1]),
        MATRIX, MATRIX, positive=True,
    ),
    exhibit("a missing chain factor", lambda x: jnp.sin(3 * x), lambda a, y, dy: dy * jnp.cos(3 * a[0]), MATRIX),
    exhibit("a sum over the wrong axis", jax.nn.softmax, lambda a, y, dy: y * (dy - jnp.sum(dy * y, 0)), (5, 5)),
    exhibit("a matrix not transposed", lambda x, w: x @ w, lambda a, y, dy: (dy @ a[1], a[0].T @ dy), MATRIX, (5, 5)),
    exhibit("a detached mean", layer_norm, detached_norm, (4, 8)),
    exhibit("a missing epsilon", layer_norm, norm_without_epsilon, (4, 8)),
    exhibit("a cumulative sum one off",
        lambda x: jnp.cumsum(x, -1),
        lambda a, y, dy: jnp.flip(jnp.cumsum(jnp.flip(dy, -1), -1), -1) - dy,
        (3, 20),
    ),
    exhibit("a padding cropped on the wrong side", same_conv, wrong_padding, (2, 5, 6, 2), (3, 2, 2, 3)),
    exhibit("an index that counts once", lambda table: table[TWICE], counted_twice, MATRIX),
    exhibit("a gradient cast to integers",
        lambda x: 3 * x,
        lambda a, y, dy: (3 * dy).astype(jnp.int32).astype(dy.dtype),
        MATRIX,
    ),
    exhibit("not a number at 0",
        lambda x: x * jnp.abs(x),
        lambda a, y, dy: 2 * dy * a[0] * a[0] / jnp.abs(a[0]),
        MATRIX,
    ),
    exhibit("the wrong label", cross_entropy, entropy_of_probabilities, (4, 3)),
    exhibit("a kernel not rotated", conv, unrotated, (2, 5, 6, 2), (3, 2, 2, 3)),
)  # fmt: skip
