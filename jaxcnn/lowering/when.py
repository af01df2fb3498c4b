"""Where a form of a contraction applies: by the channels c of x and k of y, and by the window.

The tables in convolution.py name one of these in each row; the first row whose condition holds is taken.
"""

from __future__ import annotations

from math import prod

import numpy as np

from jaxcnn.lowering import bands, gemm, toeplitz
from jaxcnn.lowering.mesh import is_spread
from jaxcnn.lowering.window import Window

IMAGE = 2**23  # numbers built from an image, at most; with more it is cut into bands


def is_depthwise(c: int, k: int, window: Window) -> bool:
    return window.groups == c > 1


def is_local_depthwise(c: int, k: int, window: Window) -> bool:
    return is_depthwise(c, k, window) and not is_spread()


def has_few_edges(c: int, k: int, window: Window) -> bool:
    """So few taps differ in the outputs that meet padding there that LLVM writes a loop for each and no branch."""
    if not is_depthwise(c, k, window) or k < 8 or sum(window.size) > 32:
        return False
    inside = [window.inside(axis) for axis in range(len(window.size))]
    different = prod(np.unique(along, axis=1).shape[1] for along in inside)
    return different - all(along.all(0).any() for along in inside) <= 8


def has_short_rows(c: int, k: int, window: Window) -> bool:
    """Rows of few enough terms, and of more than a few for each tap's sum."""
    row = window.output[-1]
    return is_local_depthwise(c, k, window) and prod(window.size) <= 2 * row <= 256


def is_grouped(c: int, k: int, window: Window) -> bool:
    return window.groups > 1


def is_grouped_on_a_mesh(c: int, k: int, window: Window) -> bool:
    return window.groups > 1 and is_spread()


def has_narrow_band(window: Window) -> bool:
    """The matrix of a block, and the slices it takes of its inputs, are bounded."""
    return window.groups == 1 and window.span[-1] <= 64


def is_narrow(c: int, k: int, window: Window) -> bool:
    return has_narrow_band(window) and c <= 8 and k <= 16 and c * k <= 64


def suits_strides(c: int, k: int, window: Window) -> bool:
    is_small = has_narrow_band(window) and len(window.size) <= 2 and max(c, k) <= 16 and (k > 1 or c > 8)
    inputs = toeplitz.inputs_per_block(window, toeplitz.outputs_per_block(k))
    is_image_larger = prod(window.size[:-1]) * inputs <= prod(map(kept, window.input, window.padding))
    return is_small and is_image_larger and inputs * k <= 28 * window.size[-1]  # one by one they are k / 28 as fast


def is_window_larger(c: int, k: int, window: Window) -> bool:
    is_larger = prod(window.size) > prod(map(kept, window.input, window.padding))
    return window.groups == 1 and is_larger and not is_spread()


def kept(n: int, padding: tuple[int, int]) -> int:
    """Of n inputs those that a negative padding does not crop."""
    return n + min(padding[0], 0) + min(padding[1], 0)


def has_a_large_kernel(c: int, k: int, window: Window) -> bool:
    """So large that a row more, of seven at least, is the smaller cost; not 64 to 256, where it takes 1.1 times."""
    is_plain = window.groups == 1 and len(window.size) == 2 and window.stride[0] == 1
    rows, numbers = window.output[0], c * k * prod(window.size)
    is_large = numbers >= 2**17 and rows * numbers >= 2**21 and max(c, k) <= 3 * min(c, k)
    return is_plain and rows == window.input[0] and rows >= 7 and is_large


def is_odd(c: int, k: int, window: Window) -> bool:
    return window.groups == 1 and c % 2 == 1 and 1 < c < 16 < k < 48


def fits_blocks(c: int, k: int, window: Window) -> bool:
    filled = prod(-(-f // s) * s for f, s in zip(window.size, window.stride, strict=True))
    is_plain = window.groups == 1 and set(window.dilation) == {1} and prod(window.stride) > 1
    most = 1.25 if c > 1 or len(window.size) < 3 else 3  # one channel of a volume: a product for all phases at once
    return is_plain and filled <= most * prod(window.size)


def fits_blocks_of_two_axes(c: int, k: int, window: Window) -> bool:
    return fits_blocks(c, k, window) and len(window.size) == 2  # 256 taps, stride 64: 2.1 ms against 1.2 in order


def is_volume(c: int, k: int, window: Window) -> bool:
    return window.groups == 1 and len(window.size) == 3


def has_few_outputs(c: int, k: int, window: Window) -> bool:
    """The taps' outputs are few, and every row or plane of inputs has all of them; more taps are slow to compile."""
    f, stride = window.size[0], window.stride[0]
    has_few = {2: has_few_outputs_of_rows, 3: has_few_outputs_of_planes}.get(len(window.size), never)
    return window.groups == 1 and stride == 1 < f <= 16 and has_few(c, k, window)


def has_few_outputs_of_rows(c: int, k: int, window: Window) -> bool:
    """One; or few for the inputs' many; or few rows of inputs, for those of padding are not multiplied."""
    rows, padded = window.input[0], window.output[0]
    return k == 1 or (k <= 4 and (2 * k <= c <= 16 or rows < padded)) or 1.3 * rows <= padded


def has_few_outputs_of_planes(c: int, k: int, window: Window) -> bool:
    """Hardly more than inputs; of 33 to 48 at once YNNPACK is slow (16 to 16 at 16x16x16, 0.12.0: 5.8 ms, 4.2)."""
    return k <= 4 * max(c, 4) and not (c >= 8 and 32 < window.size[0] * k <= 48)


def is_unit_stride(c: int, k: int, window: Window) -> bool:
    return window.groups == 1 and set(window.stride) == {1}


def is_pointwise(c: int, k: int, window: Window) -> bool:
    return window.groups == 1 and prod(window.size) == 1


def are_tiles(window: Window) -> bool:
    """Windows side by side: every input lies in one of them, once."""
    axes = zip(window.input, window.size, window.stride, window.span, window.padding, window.output, strict=True)
    return all(f == span and o * f == n and (o == 1 or s == f) and not any(p) for n, f, s, span, p, o in axes)


def are_tiles_in_order(c: int, k: int, window: Window) -> bool:
    """Tiles one after another in memory: only the first axis has several; one tap is a product anyway."""
    return window.groups == 1 and are_tiles(window) and prod(window.output[1:]) == 1 < prod(window.size)


def suits_tiles(c: int, k: int, window: Window) -> bool:
    """Tiles that are cut out in runs of few numbers; longer ones are as fast by columns, which are built in parts."""
    return window.groups == 1 < c and are_tiles(window) and window.size[-1] * c <= 64


def is_product(c: int, k: int, window: Window) -> bool:
    """One tap for every input; of a signal XLA makes the product by itself, and of 3, 5, .. channels a slow one."""
    is_plain = set(window.stride) == {1} and not any(map(any, window.padding)) and len(window.size) > 1
    return is_pointwise(c, k, window) and is_plain and (c <= 2 or c % 4 == 0 or c > 16)


def is_thin(c: int, k: int, window: Window) -> bool:
    """Few channels: up to 8 of y, or 16 where columns would be long."""
    return window.groups == 1 and c < 8 and k <= (8 if c * prod(window.size) < 125 else 16) and len(window.size) < 3


def suits_crossing(c: int, k: int, window: Window) -> bool:
    """Less is built than by columns, or hardly more."""
    is_larger = prod(window.size) > prod(window.output)
    if is_larger or window.stride[0] > 1 or not suits_columns(c, k, window):
        return False
    c, k, of_plane = c // window.groups, k // window.groups, c // window.groups * prod(window.size[:-2])
    most = max(c, min(2 * c, 32 if len(window.size) > 1 else 64))
    is_less = k <= most or built_crossed(c, k, window) < built_by_columns(c, k, window)
    return of_plane >= 8 and is_less


def built_crossed(c: int, k: int, window: Window) -> int:
    """Numbers that are laid side by side for each output position, crossed."""
    return sum(gemm.crossed(c, k, window, gemm.first_axes(c, k, window)))


def built_by_columns(c: int, k: int, window: Window) -> int:
    """The same by columns, and those of y."""
    return prod(window.size) * c + k


def built(c: int, k: int, window: Window) -> int:
    """The same in the way that is taken."""
    return (built_crossed if suits_crossing(c, k, window) else built_by_columns)(c, k, window)


def suits_bands(c: int, k: int, window: Window) -> bool:
    """Images from which more is built than stays in cache."""
    width = built(c, k, window)
    is_large = width * prod(window.output) > IMAGE and bands.rows_per_band(window, width) < window.output[0]
    return is_large and suits_columns(c, k, window)


def suits_planes(c: int, k: int, window: Window) -> bool:
    """Large volumes: bands of a few planes would build half of them twice."""
    return is_volume(c, k, window) and built(c, k, window) * prod(window.output) > IMAGE


def suits_short_columns(c: int, k: int, window: Window) -> bool:
    """Channels so few that all columns are hardly more than y is."""
    is_short = window.groups == 1 and c < 8 and prod(window.size) * c <= 3 * k
    return is_short and len(window.size) < 3 and suits_columns(c, k, window)


def suits_columns(c: int, k: int, window: Window) -> bool:
    """Images; or signals with no large kernel, which are faster in order."""
    is_image = len(window.size) > 1 or c * k // window.groups**2 * prod(window.size) <= 2**20
    return is_image and suits_chunks(window)


def suits_chunks(window: Window) -> bool:
    """Few slices, one per tap of each axis, which are slow to compile; and a batch that can be taken in parts."""
    return sum(window.size) <= 16 and not is_spread()


def never(c: int, k: int, window: Window) -> bool:
    return False


def always(c: int, k: int, window: Window) -> bool:
    return True
