"""Random straight-line programs over arrays, to be differentiated twice."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Step = Callable[[jax.Array], jax.Array]

# From x[4, 6] to [4, 6], each smooth or piecewise smooth at a random point.
STEPS: dict[str, Step] = {
    "abs": jnp.abs,
    "acos": lambda x: jnp.arccos(jnp.tanh(x)),
    "asin": lambda x: jnp.arcsin(jnp.tanh(x)),
    "asinh": jnp.arcsinh,
    "atan": jnp.arctan,
    "atan2": lambda x: jnp.arctan2(x, 1.5 + x * x),
    "atanh": lambda x: jnp.arctanh(jnp.tanh(x)),
    "broadcast and sum": lambda x: x - jnp.mean(x, 1, keepdims=True),
    "cbrt": lambda x: jnp.cbrt(1 + x * x),
    "clamp": lambda x: jnp.clip(x, -0.5, 0.7),
    "clamp by numbers": lambda x: lax.clamp(-0.3, x, 0.9),
    "concatenate": lambda x: jnp.concatenate([x[1:], 2 * x[:1]]),
    "conv": lambda x: lax.conv_general_dilated(x[None, None], x[None, None, :3, :3], (1, 1), "SAME")[0, 0],
    "cos": jnp.cos,
    "cosh": jnp.cosh,
    "cumsum": lambda x: jnp.cumsum(x, 1) / 4,
    "div": lambda x: x / (2 + jnp.cos(x)),
    "dot": lambda x: x @ (x.T @ x) / 9,
    "dynamic_slice": lambda x: jnp.concatenate([lax.dynamic_slice(x, (1, 2), (2, 6)), x[:2]]),
    "dynamic_update_slice": lambda x: lax.dynamic_update_slice(x, jnp.sin(x[:2, :3]), (1, 2)),
    "erf": jax.scipy.special.erf,
    "exp": lambda x: jnp.exp(-x * x),
    "exp2": lambda x: jnp.exp2(jnp.tanh(x)),
    "expm1": lambda x: jnp.expm1(jnp.tanh(x)),
    "gather": lambda x: x[jnp.array([3, 0, 0, 2])],
    "integer_pow": lambda x: x**3 / 5,
    "log": lambda x: jnp.log(1.5 + x * x),
    "log1p": lambda x: jnp.log1p(x * x),
    "logistic": jax.nn.sigmoid,
    "max": lambda x: jnp.maximum(x, x[::-1]),
    "min": lambda x: jnp.minimum(x, 0.3),
    "neg": lambda x: -x,
    "optimization_barrier": lambda x: lax.optimization_barrier((x, 2))[0] * x,
    "pad": lambda x: jnp.pad(x, ((0, 0), (1, 2)), constant_values=0.5)[:, 2:8],
    "pad with crop": lambda x: lax.pad(x, x[0, 0], ((1, -1, 0), (0, 0, 0))),
    "pow": lambda x: (1.2 + x * x) ** jnp.tanh(x),
    "reduce": lambda x: x * lax.reduce(x, 0.0, lambda total, number: total - (-number), (1,))[:, None],
    "reduce_max": lambda x: x * jnp.max(x, 1, keepdims=True),
    "reduce_min": lambda x: x + jnp.min(x, 0),
    "reduce_prod": lambda x: x + jnp.prod(1 + 0.1 * x, 1, keepdims=True),
    "reduce_window_sum": lambda x: lax.reduce_window(x, 0.0, lax.add, (2, 2), (1, 1), "SAME") / 2,
    "rem": lambda x: lax.rem(x, 2.5 + jnp.zeros_like(x)),
    "reshape": lambda x: x.reshape(2, 2, 6).transpose(1, 0, 2).reshape(4, 6),
    "rev": lambda x: x[:, ::-1] + x,
    "rsqrt": lambda x: lax.rsqrt(1 + x * x),
    "select": lambda x: jnp.where(x > 0.2, x, 0.1 * x),
    "sin": jnp.sin,
    "sinh": lambda x: jnp.sinh(jnp.tanh(x)),
    "split": lambda x: jnp.concatenate(jnp.split(x, 2)[::-1]),
    "sqrt": lambda x: jnp.sqrt(1 + x * x),
    "square": jnp.square,
    "squeeze": lambda x: x[0] * x,
    "stack": lambda x: jnp.stack([x[0], x[1] * x[2], x[2], -x[3]]),
    "sub": lambda x: x - x[::-1] / 2,
    "tan": lambda x: jnp.tan(x / 4),
    "tanh": jnp.tanh,
    "checkpoint": lambda x: jax.checkpoint(jnp.sin)(x),
    "jit": lambda x: jax.jit(jnp.cos)(x),
    "relu": jax.nn.relu,
    "choice by platform": lambda x: lax.platform_dependent(x, cuda=jnp.cos, default=jnp.sin),
    "constants": lambda x: x * lax.stop_gradient(jnp.sign(x) + jnp.floor(x) + (x > 0) + jnp.argmax(x)),
}


def random_program(seed: int, length: int = 4) -> tuple[Callable[[Any], jax.Array], jax.Array, list[str]]:
    """A program of `length` random steps to one number, its input, and the steps' names."""
    random = np.random.default_rng(seed)
    names = [str(name) for name in random.choice(list(STEPS), length)]
    weights = jnp.asarray(random.normal(size=(4, 6)))

    def program(x: jax.Array) -> jax.Array:
        for name in names:
            x = STEPS[name](x)
        return jnp.sum(weights * x)

    return program, jnp.asarray(random.normal(size=(4, 6))), names
