"""Sums over everything but the channels, by rows that are long: then few sums are left.

    sum over p of a[p, c]  =  sum over q of (sum over r of A[r, (q, c)])        A: a with q positions to a row

XLA's CPU code adds rows of 1024 numbers up to twice as fast as rows of 64, and two short sums round less than one.
It leaves that to a library, before which all that is summed is written to memory: of what is computed for its sum alone
a few neighbours are added first, where they are computed, and only the sums of neighbours are written.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.lowering.mesh import is_spread
from jaxcnn.lowering.precision import accumulator

ROW = 1024  # numbers: 64 images of 32x32 take 0.14 ms with 3 channels and 0.62 with 64, without rows 0.38 and 0.81
FEW = 16  # neighbours: sums of 64 channels at 32x32 that are computed take 1.1 ms, 2.4 without; with 32 some take more


def channel_sum(a: jax.Array, *, is_computed: bool = False) -> jax.Array:
    """The sum over all axes but the last, [c], in the accumulator's dtype.

    Args:
        is_computed: a is computed for this sum alone.

    >>> channel_sum(jnp.ones((3, 4, 2)))
    Array([12., 12.], dtype=float32)
    """
    wide, c = accumulator(a.dtype), a.shape[-1]
    if is_spread():  # a row may not hold positions of two devices
        return jnp.sum(a, tuple(range(a.ndim - 1)), dtype=wide)
    a = a.astype(wide).reshape(-1, c)  # [positions, c]
    if is_computed:
        a = sum_of_few(a.reshape(-1, together(len(a), FEW), c), 1)  # [positions / neighbours, c]
    q = together(len(a), ROW // c)
    rows = jnp.sum(a.reshape(-1, q * c), 0)
    return jnp.sum(rows.reshape(q, c), 0)


def sum_of_few(a: jax.Array, axis: int) -> jax.Array:
    """The sum over one axis, added where a is computed, unless a library computes it.

    Spelt as a difference: what is spelt as a sum jaxlib 0.12.0 leaves to a library, however few are added, and what is
    computed for it is written to memory. Depthwise kernel gradients then take 2 to 6 times as long.
    """
    return lax.reduce(a, jnp.zeros((), a.dtype), lambda total, number: total - (-number), (axis,))


def together(positions: int, most: int) -> int:
    """The largest divisor of so many positions that is at most `most`, or 1."""
    return max(q for q in range(1, max(most, 1) + 1) if positions % q == 0)
