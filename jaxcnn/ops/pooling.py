r"""Pooling: a maximum or a mean over windows, per channel, with nothing to learn.

    max_pool   y[n,o,c] = x[n, winner, c],  winner = the first i of window o at which x is largest    seed 2, eq. 5
               x'[n,i,c] = sum over o whose winner is i of y'[n,o,c]                                   ledger S1.32
    avg_pool   y[n,o,c] = (1 / N_o) sum over the window of x
               x'[n,i,c] = sum over o whose window holds i of y'[n,o,c] / N_o                          seed 0

Both are linear once the winners are known: `pick` (from each window its winner) and `put_back` (to each winner its
window's value) are each other's transpose and so each other's gradient, as `mean` and `share` are.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from jaxcnn.lowering import pooling as lowering
from jaxcnn.lowering.precision import accumulator
from jaxcnn.lowering.window import Window
from jaxcnn.ops.arguments import floating, images
from jaxcnn.ops.geometry import Ints, Padding, per_axis, window
from jaxcnn.ops.rule import Cotangents, rule


def _max(x: jax.Array, *, window: Window) -> tuple[jax.Array, jax.Array]:
    return lowering.window_max(x, window)  # [n, *output, c], and which tap won


def _keep_winner(arrays: Any, y: Any) -> jax.Array:
    """The winner's tap: one byte per output for windows of up to 128 taps; x itself is not kept."""
    return y[1]


def _max_backward(winner: jax.Array, dy: Any, *, window: Window) -> Cotangents:
    return (put_back(winner, dy[0], window=window),)


def _pick(winner: jax.Array, x: jax.Array, *, window: Window) -> jax.Array:
    return lowering.pick(winner, x, window)  # [n, *output, c]


def _pick_backward(winner: jax.Array, dy: jax.Array, *, window: Window) -> Cotangents:
    return None, put_back(winner, dy, window=window)


def _put_back(winner: jax.Array, y: jax.Array, *, window: Window) -> jax.Array:
    return lowering.put_back(winner, y, window)  # [n, *input, c]


def _put_back_backward(winner: jax.Array, dx: jax.Array, *, window: Window) -> Cotangents:
    return None, pick(winner, dx, window=window)


def _keep_first(arrays: Any, y: Any) -> jax.Array:
    return arrays[0]


max_with_winner = rule(_max, _max_backward, _keep_winner)
pick = rule(_pick, _pick_backward, _keep_first)
put_back = rule(_put_back, _put_back_backward, _keep_first)


def _mean(x: jax.Array, *, window: Window, count_include_pad: bool) -> jax.Array:
    return (lowering.window_sum(x, window) / _counts(window, count_include_pad)).astype(x.dtype)  # [n, *output, c]


def _mean_backward(kept: None, dy: jax.Array, *, window: Window, count_include_pad: bool) -> Cotangents:
    return (share(dy, window=window, count_include_pad=count_include_pad),)


def _share(y: jax.Array, *, window: Window, count_include_pad: bool) -> jax.Array:
    each = y.astype(accumulator(y.dtype)) / _counts(window, count_include_pad)
    return lowering.window_spread(each, window).astype(y.dtype)  # [n, *input, c]


def _share_backward(kept: None, dx: jax.Array, *, window: Window, count_include_pad: bool) -> Cotangents:
    return (mean(dx, window=window, count_include_pad=count_include_pad),)


def _counts(window: Window, count_include_pad: bool) -> np.ndarray:
    """N_o: the inputs that window o divides by; [*output, 1], or [1] where all are equal."""
    if count_include_pad:
        return np.array([np.prod(window.size)], np.float32)
    per_axis = (window.inside(axis).sum(1) for axis in range(len(window.size)))
    return reduce(np.multiply.outer, per_axis)[..., None].astype(np.float32)


def _keep_nothing(arrays: Any, y: Any) -> None:
    """Linear with constant coefficients: nothing is needed backward (0 bytes)."""


mean = rule(_mean, _mean_backward, _keep_nothing)
share = rule(_share, _share_backward, _keep_nothing)


def max_pool(
    x: Float[Array, "n *input c"],
    window: Ints,
    *,
    stride: Ints | None = None,
    padding: Padding = "VALID",
    dilation: Ints = 1,
) -> Float[Array, "n *output c"]:
    r"""Maximum over windows.

        y[n, o, c] = max over t of x[n, s o + d t - low, c]

    Of equal values the first in row-major order wins; a NaN wins its window; padding never wins. Windows may overlap,
    may be dilated (JAX itself has no gradient there) and need not fit the end: what no window sees gets gradient 0.

    Args:
        x: [n, *input, c] with 1, 2 or 3 spatial axes.
        window: taps, a positive integer or one per spatial axis.
        stride: None means the window's own size.
        padding, dilation: as in `conv`; every window must see at least one input.

    Returns:
        [n, *output, c] in x's dtype.

    Gradient: to each winner the sum of the cotangents of the windows it won; keeps the winner's tap, one byte per
    output for up to 128 taps. Linear in the cotangent, so higher orders are handwritten too.

    Raises: as `conv`.

    Source: seed 2, eq. 5 and 6 and section 1.2; seed 1, question 2.

    >>> import jax, jax.numpy as jnp
    >>> x = jnp.array([1., 3., 2.]).reshape(1, 3, 1)  # the 3 wins both windows: ledger S1.32
    >>> jax.grad(lambda x: max_pool(x, 2, stride=1).sum())(x).ravel()
    Array([0., 2., 0.], dtype=float32)
    """
    x, where = _arguments("max_pool", x, window, stride, padding, dilation)
    _sees_something("max_pool", where)
    return max_with_winner(x, window=where)[0]


def avg_pool(
    x: Float[Array, "n *input c"],
    window: Ints,
    *,
    stride: Ints | None = None,
    padding: Padding = "VALID",
    dilation: Ints = 1,
    count_include_pad: bool = True,
) -> Float[Array, "n *output c"]:
    r"""Mean over windows.

        y[n, o, c] = (1 / N_o) sum over t of x[n, s o + d t - low, c]

    Args:
        x, window, stride, padding, dilation: as in `max_pool`.
        count_include_pad: divide by the window's size everywhere (padding counts as zeros), or, if False, by the number
            N_o of inputs under the window.

    Gradient: each cotangent divided by N_o goes to all inputs of its window (seed 0: "divided in N x N and assigned to
    the whole pooling layer"); keeps nothing.

    Raises: as `conv`.

    Source: seed 0, exercise 1.

    >>> import jax.numpy as jnp
    >>> avg_pool(jnp.array([1., 3., 5.]).reshape(1, 3, 1), 2, stride=1).ravel()
    Array([2., 4.], dtype=float32)
    """
    x, where = _arguments("avg_pool", x, window, stride, padding, dilation)
    if not count_include_pad:
        _sees_something("avg_pool", where)
    return mean(x, window=where, count_include_pad=bool(count_include_pad))


def global_avg_pool(x: Float[Array, "n *input c"]) -> Float[Array, "n c"]:
    r"""Mean over all positions: y[n, c] = (1 / positions) sum over i of x[n, i, c].

    Gradient: dy / positions at every position; keeps nothing.

    >>> import jax.numpy as jnp
    >>> global_avg_pool(jnp.array([1., 3., 5.]).reshape(1, 3, 1))
    Array([[3.]], dtype=float32)
    """
    (x,) = floating("global_avg_pool", x=x)
    where = window("global_avg_pool", images("global_avg_pool", x), x.shape[1:-1])
    return mean(x, window=where, count_include_pad=True).reshape(x.shape[0], x.shape[-1])  # [n, c]


def _arguments(
    layer: str, x: Any, size: Ints, stride: Ints | None, padding: Padding, dilation: Ints
) -> tuple[jax.Array, Window]:
    (x,) = floating(layer, x=x)
    spatial = images(layer, x)
    size = per_axis(layer, "window", size, len(spatial))
    stride = size if stride is None else stride
    return x, window(layer, spatial, size, stride=stride, padding=padding, dilation=dilation)


def _sees_something(layer: str, where: Window) -> None:
    for axis, pair in enumerate(where.padding):
        blind = np.flatnonzero(~where.inside(axis).any(1))
        if blind.size:
            raise ValueError(
                f"{layer}: with padding {pair} on spatial axis {axis} the window at output {blind[0]} sees padding "
                f"only; pad less than the window spans ({where.span[axis]})"
            )
