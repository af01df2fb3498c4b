r"""Padding, by counting (seed 1, question 1, part C).

How often does input position i meet a kernel entry?  count[i] = number of (output, tap) pairs that read i. It is also
how much of a gradient of ones reaches i through a kernel of ones, so a border that is met less often is a border whose
values weigh less in every gradient of the kernel.

    valid      no padding: 1, 2, ..., K, ..., K, ..., 2, 1
    same       zeros on both sides: (K+1)/2 at the ends
    circular   the other end's values: K everywhere
    reflect    the mirrored inside (edge not repeated): more than K near the border
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn import ops

MODES: dict[str, Any] = {"valid": None, "same": "constant", "circular": "wrap", "reflect": "reflect"}


def pad(x: jax.Array, size: int, mode: str) -> jax.Array:
    """x[n, *spatial, c] padded on every spatial axis for an odd window of `size`, stride 1.

    Raises:
        ValueError: an unknown mode, or an even size with a mode that pads.
    """
    if mode not in MODES:
        raise ValueError(f"pad: unknown mode {mode!r}; use one of {', '.join(MODES)}")
    if mode == "valid":
        return x
    if size % 2 == 0:
        raise ValueError(
            f"pad: a window of {size} has no middle, so {mode!r} cannot pad both sides alike; use an odd one"
        )
    each = (size - 1) // 2
    return jnp.pad(x, [(0, 0), *[(each, each)] * (x.ndim - 2), (0, 0)], mode=MODES[mode])


def contributions(n: int, size: int, mode: str = "valid", axes: int = 1) -> np.ndarray:
    """How many (output, tap) pairs read each input position, [n] * axes.

    >>> contributions(7, 3).tolist(), contributions(7, 3, "same").tolist()
    ([1, 2, 3, 3, 3, 2, 1], [2, 3, 3, 3, 3, 3, 2])
    """
    window = jnp.ones((*(size,) * axes, 1, 1), jnp.float32)
    x = jnp.zeros((1, *(n,) * axes, 1), jnp.float32)
    counts = jax.jit(jax.grad(lambda x: jnp.sum(ops.conv(pad(x, size, mode), window))))(x)
    return np.asarray(counts).reshape((n,) * axes).astype(int)


def taps_met(n: int, size: int, mode: str = "valid") -> np.ndarray:
    """Which kernel entries each input position of a sequence meets, [n, size]."""
    x = jnp.zeros((1, n, 1), jnp.float32)

    def by_tap(x: jax.Array) -> jax.Array:
        kernel = jnp.eye(size, dtype=jnp.float32)[:, None, :]  # output channel t reads tap t alone
        return jnp.sum(ops.conv(pad(x, size, mode), kernel), axis=1)[0]  # [size]

    return np.asarray(jax.jit(jax.jacrev(by_tap))(x)).reshape(size, n).T > 0


def gradient_weight(n: int, size: int, mode: str = "valid", axes: int = 1) -> np.ndarray:
    """Each position's share in the kernel gradient of a constant upstream gradient, relative to the middle's.

    >>> gradient_weight(7, 3).round(2).tolist()
    [0.33, 0.67, 1.0, 1.0, 1.0, 0.67, 0.33]
    """
    counts = contributions(n, size, mode, axes)
    return counts / counts[(n // 2,) * axes]
