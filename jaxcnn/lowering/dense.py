"""A product with a large matrix's transpose, a few hundred of its rows at a time.

    x[n, i] = sum over o of y[n, o] w[i, o]

Handed the whole of w, XLA's product on CPU first writes all of it down in another order. Rows that stay in cache are
read from memory once: with a kernel of 9216 x 4096, 16 examples take 14 ms instead of 61.
"""

from __future__ import annotations

from functools import partial

import jax
from jax import lax

from jaxcnn.lowering.mesh import is_spread
from jaxcnn.lowering.precision import accumulator

LARGE = 2**22  # numbers, 16 MiB of float32; below, nothing is gained
EXAMPLES = 128  # at most: beyond, arithmetic outweighs memory
ROWS = range(512, 63, -1)  # per product: 256 and 512 are equally fast, 64 takes twice as long


def input_product(y: jax.Array, kernel: jax.Array) -> jax.Array:
    """y kernel^T, [n, i], carried in float32 at least."""
    rows = next((rows for rows in ROWS if kernel.shape[0] % rows == 0), None)
    if kernel.size < LARGE or y.shape[0] > EXAMPLES or rows is None or is_spread():
        return contract(y, kernel, (1, 1))

    def by_rows(y: jax.Array, kernel: jax.Array) -> jax.Array:
        blocks = kernel.reshape(-1, rows, kernel.shape[1])  # [i / rows, rows, o]
        parts = lax.map(lambda w: contract(w, y, (1, 1)), blocks)  # [i / rows, rows, n]
        return parts.reshape(-1, y.shape[0]).T

    return lax.platform_dependent(y, kernel, cpu=by_rows, default=partial(contract, axes=(1, 1)))


def contract(a: jax.Array, b: jax.Array, axes: tuple[int, int]) -> jax.Array:
    """Sum over axis axes[0] of a and axes[1] of b, carried in float32 at least."""
    dimensions = (((axes[0],), (axes[1],)), ((), ()))
    return lax.dot_general(a, b, dimensions, preferred_element_type=accumulator(a.dtype))
