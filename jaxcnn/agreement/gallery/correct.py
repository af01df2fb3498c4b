"""Forty right rules, as a user would write them: a check that objects to one of them is wrong."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.agreement.gallery.rules import Exhibit, exhibit

LABELS = jnp.array([0, 2, 1, 2])
ROWS = jnp.array([3, 0, 3, 1])


def conv(x: Any, kernel: Any) -> Any:
    return lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def conv_back(args: Any, y: Any, dy: Any) -> Any:
    x, kernel = args
    rotated = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    high, wide = kernel.shape[0] - 1, kernel.shape[1] - 1
    dx = conv(jnp.pad(dy, ((0, 0), (high, high), (wide, wide), (0, 0))), rotated)
    taps = [
        [jnp.einsum("nhwc,nhwk->ck", x[:, i : i + dy.shape[1], j : j + dy.shape[2]], dy) for j in range(wide + 1)]
        for i in range(high + 1)
    ]
    return dx, jnp.stack([jnp.stack(row) for row in taps])


def softmax_back(args: Any, y: Any, dy: Any) -> Any:
    return y * (dy - jnp.sum(dy * y, -1, keepdims=True))


def cross_entropy(x: Any) -> Any:
    return -jnp.take_along_axis(jax.nn.log_softmax(x), LABELS[:, None], 1)[:, 0]


def cross_entropy_back(args: Any, y: Any, dy: Any) -> Any:
    (x,) = args
    return dy[:, None] * (jax.nn.softmax(x) - jax.nn.one_hot(LABELS, x.shape[-1], dtype=x.dtype))


def layer_norm(x: Any) -> Any:
    centred = x - jnp.mean(x, -1, keepdims=True)
    return centred * lax.rsqrt(jnp.mean(centred * centred, -1, keepdims=True) + 0.125)


def layer_norm_back(args: Any, y: Any, dy: Any) -> Any:
    (x,) = args
    centred = x - jnp.mean(x, -1, keepdims=True)
    r = lax.rsqrt(jnp.mean(centred * centred, -1, keepdims=True) + 0.125)
    return r * (dy - jnp.mean(dy, -1, keepdims=True) - y * jnp.mean(dy * y, -1, keepdims=True))


def rms_norm(x: Any) -> Any:
    return x * lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 0.125)


def rms_norm_back(args: Any, y: Any, dy: Any) -> Any:
    (x,) = args
    r = lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 0.125)
    return r * (dy - y * jnp.mean(dy * y, -1, keepdims=True))


def attention(q: Any, k: Any, v: Any) -> Any:
    return jax.nn.softmax(q @ k.T) @ v


def attention_back(args: Any, y: Any, dy: Any) -> Any:
    q, k, v = args
    p = jax.nn.softmax(q @ k.T)
    ds = softmax_back(None, p, dy @ v.T)
    return ds @ k, ds.T @ q, p.T @ dy


def mlp(x: Any, a: Any, b: Any) -> Any:
    return jax.nn.relu(x @ a) @ b


def mlp_back(args: Any, y: Any, dy: Any) -> Any:
    x, a, b = args
    h = x @ a
    dh = jnp.where(h > 0, dy @ b.T, 0)
    return dh @ a.T, x.T @ dh, jnp.maximum(h, 0).T @ dy


def gelu_back(args: Any, y: Any, dy: Any) -> Any:
    (x,) = args
    scale = jnp.asarray((2 / jnp.pi) ** 0.5, x.dtype)
    t = jnp.tanh(scale * (x + 0.044715 * x**3))
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * scale * (1 + 3 * 0.044715 * x * x))


def winner(x: Any) -> Any:
    return jnp.take_along_axis(x, jnp.argmax(x, -1, keepdims=True), -1)[..., 0]


def winner_back(args: Any, y: Any, dy: Any) -> Any:
    (x,) = args
    return dy[..., None] * jax.nn.one_hot(jnp.argmax(x, -1), x.shape[-1], dtype=x.dtype)


def distances(x: Any, y: Any) -> Any:
    return jnp.sum((x[:, None] - y[None]) ** 2, -1)


def distances_back(args: Any, _: Any, dy: Any) -> Any:
    x, y = args
    return (
        2 * (dy.sum(1)[:, None] * x - dy @ y),
        2 * (dy.sum(0)[:, None] * y - dy.T @ x),
    )  # fmt: skip


def pool(x: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def pool_back(args: Any, y: Any, dy: Any) -> Any:
    (x,) = args
    n, h, w, c = x.shape
    blocks = x.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4).reshape(n, h // 2, w // 2, c, 4)
    hit = jax.nn.one_hot(jnp.argmax(blocks, -1), 4, dtype=x.dtype) * dy[..., None]
    return hit.reshape(n, h // 2, w // 2, c, 2, 2).transpose(0, 1, 4, 2, 5, 3).reshape(x.shape)


SQUARE, COLUMN = (4, 5), (6,)
CORRECT: tuple[Exhibit, ...] = (
    exhibit("square", lambda x: x * x, lambda a, y, dy: 2 * a[0] * dy, SQUARE),
    exhibit("cube", lambda x: x**3, lambda a, y, dy: 3 * a[0] * a[0] * dy, SQUARE),
    exhibit("product", lambda x, y: x * y, lambda a, y, dy: (dy * a[1], dy * a[0]), SQUARE, SQUARE),
    exhibit("quotient",
        lambda x, y: x / y,
        lambda a, y, dy: (dy / a[1], -dy * y / a[1]),
        SQUARE, SQUARE, positive=True,
    ),
    exhibit("exp", jnp.exp, lambda a, y, dy: dy * y, SQUARE),
    exhibit("log", jnp.log, lambda a, y, dy: dy / a[0], SQUARE, positive=True),
    exhibit("sqrt", jnp.sqrt, lambda a, y, dy: dy / (2 * y), SQUARE, positive=True),
    exhibit("reciprocal", lambda x: 1 / x, lambda a, y, dy: -dy * y * y, SQUARE, positive=True),
    exhibit("sine", jnp.sin, lambda a, y, dy: dy * jnp.cos(a[0]), SQUARE),
    exhibit("tanh", jnp.tanh, lambda a, y, dy: dy * (1 - y * y), SQUARE),
    exhibit("sigmoid", jax.nn.sigmoid, lambda a, y, dy: dy * y * (1 - y), SQUARE),
    exhibit("softplus", jax.nn.softplus, lambda a, y, dy: dy * jax.nn.sigmoid(a[0]), SQUARE),
    exhibit("relu", jax.nn.relu, lambda a, y, dy: jnp.where(a[0] > 0, dy, 0), SQUARE),
    exhibit("leaky relu",
        lambda x: jnp.where(x >= 0, x, 0.1 * x),
        lambda a, y, dy: dy * jnp.where(a[0] >= 0, 1, 0.1).astype(dy.dtype),
        SQUARE,
    ),
    exhibit("absolute value", jnp.abs, lambda a, y, dy: jnp.where(a[0] >= 0, dy, -dy), SQUARE),
    exhibit("elu",
        lambda x: jnp.where(x > 0, x, jnp.expm1(x)),
        lambda a, y, dy: jnp.where(a[0] > 0, dy, dy * (y + 1)),
        SQUARE,
    ),
    exhibit("gelu", jax.nn.gelu, gelu_back, SQUARE),
    exhibit("swish", jax.nn.silu, lambda a, y, dy: dy * (jax.nn.sigmoid(a[0]) * (1 + a[0] - y)), SQUARE),
    exhibit("power", lambda x: x**2.5, lambda a, y, dy: 2.5 * dy * y / a[0], SQUARE, positive=True),
    exhibit("polynomial", lambda x: ((x - 2) * x + 3) * x, lambda a, y, dy: dy * ((3 * a[0] - 4) * a[0] + 3), SQUARE),
    exhibit("matrix product", lambda x, w: x @ w, lambda a, y, dy: (dy @ a[1].T, a[0].T @ dy), SQUARE, (5, 3)),
    exhibit("outer product", jnp.outer, lambda a, y, dy: (dy @ a[1], dy.T @ a[0]), (4,), COLUMN),
    exhibit("inner product", jnp.vdot, lambda a, y, dy: (dy * a[1], dy * a[0]), (50,), (50,)),
    exhibit("bilinear form",
        lambda x, m, y: x @ m @ y,
        lambda a, y, dy: (dy * (a[1] @ a[2]), dy * jnp.outer(a[0], a[2]), dy * (a[0] @ a[1])),
        (4,), SQUARE, (5,),
    ),
    exhibit("batched product",
        lambda x, w: jnp.einsum("bij,bjk->bik", x, w),
        lambda a, y, dy: (jnp.einsum("bik,bjk->bij", dy, a[1]), jnp.einsum("bij,bik->bjk", a[0], dy)),
        (2, 3, 4), (2, 4, 3),
    ),
    exhibit("bias", lambda x, b: x + b, lambda a, y, dy: (dy, dy.sum(0)), (64, 5), (5,)),
    exhibit("sum", lambda x: jnp.sum(x, 0), lambda a, y, dy: jnp.broadcast_to(dy, a[0].shape), (64, 3)),
    exhibit("mean", lambda x: jnp.mean(x, 0), lambda a, y, dy: jnp.broadcast_to(dy / 64, a[0].shape), (64, 3)),
    exhibit("variance",
        lambda x: jnp.var(x, 0),
        lambda a, y, dy: 2 * dy * (a[0] - jnp.mean(a[0], 0)) / a[0].shape[0],
        (64, 3),
    ),
    exhibit("logsumexp",
        lambda x: jax.nn.logsumexp(x, -1),
        lambda a, y, dy: dy[:, None] * jnp.exp(a[0] - y[:, None]),
        SQUARE,
    ),
    exhibit("softmax", jax.nn.softmax, softmax_back, SQUARE),
    exhibit("log softmax", jax.nn.log_softmax, lambda a, y, dy: dy - jnp.exp(y) * dy.sum(-1, keepdims=True), SQUARE),
    exhibit("cross entropy", cross_entropy, cross_entropy_back, (4, 3)),
    exhibit("layer norm", layer_norm, layer_norm_back, (4, 8)),
    exhibit("rms norm", rms_norm, rms_norm_back, (4, 8)),
    exhibit("attention", attention, attention_back, (4, 3), (5, 3), (5, 2)),
    exhibit("two dense layers", mlp, mlp_back, SQUARE, (5, 6), (6, 3)),
    exhibit("convolution", conv, conv_back, (2, 5, 6, 2), (3, 2, 2, 3)),
    exhibit("max pool", pool, pool_back, (2, 4, 6, 2)),
    exhibit("embedding", lambda table: table[ROWS], lambda a, y, dy: jnp.zeros_like(a[0]).at[ROWS].add(dy), SQUARE),
    exhibit("cumulative sum",
        lambda x: jnp.cumsum(x, -1),
        lambda a, y, dy: jnp.flip(jnp.cumsum(jnp.flip(dy, -1), -1), -1),
        (3, 20),
    ),
    exhibit("largest", winner, winner_back, SQUARE),
    exhibit("squared distances", distances, distances_back, SQUARE, (3, 5)),
)  # fmt: skip
