"""Matrix products; those of few results and long sums as a batch of them, added up.

    w[i, j] = sum over p of a[p, i] b[p, j]  =  sum over parts of (sum over p of a part)

XLA for CPU shares a single product among threads by how many numbers it results in, which are few for a kernel's
gradient, however long its sums are; of a batch, every thread takes some products: 96 x 96 numbers from 69,632 positions
take 13.0 ms as one product and 7.5 ms as a batch of 16.
"""

from __future__ import annotations

from functools import partial

import jax
from jax import lax

from jaxcnn.lowering.chunks import images_within
from jaxcnn.lowering.precision import accumulator
from jaxcnn.lowering.sums import sum_of_few

PART = 2**10  # positions of one product of a batch, about
WORK = 2**23  # multiplications of it, at least: of 48 x 48 numbers, batches are no faster
RESULTS = 2**20  # numbers of a batch's results, at most: products of many numbers are shared among threads anyway


def contract(a: jax.Array, b: jax.Array, axes: tuple[int, int]) -> jax.Array:
    """Sum over axis axes[0] of a and axes[1] of b, carried in float32 at least."""
    dimensions = (((axes[0],), (axes[1],)), ((), ()))
    return lax.dot_general(a, b, dimensions, preferred_element_type=accumulator(a.dtype))


def over_positions(a: jax.Array, b: jax.Array, g: int = 1) -> jax.Array:
    """sum over n, o of a[n, *o, i] b[n, *o, j]. The fewer of i and j are the rows: 32 x 128 takes half of 128 x 32."""
    i, j = a.shape[-1], b.shape[-1]
    p = near(a.size // i, positions_per_product(a.size // i, i * j, g))
    a, b = a.reshape(-1, p, i), b.reshape(-1, p, j)
    return sum_of_products(a, b, (0, 0)) if i <= j else sum_of_products(b, a, (0, 0)).T  # [i, j]


def sum_of_products(a: jax.Array, b: jax.Array, axes: tuple[int, int]) -> jax.Array:
    """The sum of a batch of products. A single one is no batch: 16 to 16 channels at 32x32 would take 10 ms, not 6.

    Not `jnp.sum`: where XLA's library adds products up as it computes them, jaxlib 0.10.1 ends the process for some
    shapes (40 products of 192 x 112 and 112 x 192 numbers, of arrays in other shapes), and is no faster.
    """
    product = partial(contract, axes=axes)
    return product(a[0], b[0]) if len(a) == 1 else sum_of_few(jax.vmap(product)(a, b), 0)


def positions_per_product(positions: int, size: int, g: int) -> int:
    """So that each of a batch of products of `size` numbers has enough to do, and their results are not too many."""
    return max(PART, WORK // size, positions * g * size // RESULTS)


def near(n: int, most: int) -> int:
    """The largest divisor of n up to `most`, or n where none is half of that."""
    divisor = images_within(n, most)
    return divisor if 2 * divisor >= most else n
