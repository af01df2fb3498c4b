"""The affine layers as operations on rows: dense, convolution, average pool, normalisation; and planes of inputs.

Images are rows too, [*spatial, c] flattened; a convolution gathers its windows and multiplies once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from analysis.linear_regions.operations import Affine, Array
from jaxcnn.ops.geometry import Window

DENSE_LIMIT = 1 << 21  # entries up to which a convolution is faster as one matrix than window by window
BAND = 32  # outputs multiplied together in such a matrix, which is mostly zero
SVD_LIMIT = 1 << 20  # entries of a kernel up to which its spectral norm is computed and not bounded


def dense(kernel: Array, bias: Array | float = 0.0, inherent: Array | float = 0.0) -> Affine:
    """x @ kernel[in, out] + bias."""
    inputs, outputs = kernel.shape
    bias = np.array(np.broadcast_to(bias, (outputs,)))
    return Affine(
        lambda x: x @ kernel,
        lambda dy: dy @ kernel.T,
        bias,
        np.linalg.norm(kernel, axis=0),
        inputs,
        cache(lambda: spectral_norm(kernel)),
        absolute_norm(kernel),
        inherent,
    )


def absolute_norm(kernel: Array) -> float:
    """A bound of the spectral norm of a matrix's absolute values."""
    size = np.abs(kernel)
    sums = size.sum(axis=0).max(initial=0) * size.sum(axis=1).max(initial=0)
    return float(min(np.linalg.norm(kernel), np.sqrt(sums)))


def spectral_norm(kernel: Array) -> float:
    """The spectral norm of a matrix, or a bound of it where the matrix is large."""
    exact = np.linalg.norm(kernel, 2) * (1 + 1e-12) if kernel.size <= SVD_LIMIT else np.inf
    return float(min(exact, absolute_norm(kernel)))


def places(window: Window) -> Array:
    """The input position under every output position and tap, flattened; the number of positions stands for padding."""
    flat = np.zeros((1, 1), np.int64)
    inside = np.ones((1, 1), bool)
    for axis, n in enumerate(window.input):
        position, valid = window.positions(axis), window.inside(axis)  # [output, tap]
        flat = (flat[:, None, :, None] * n + position[None, :, None, :]).reshape(len(flat) * len(position), -1)
        inside = (inside[:, None, :, None] & valid[None, :, None, :]).reshape(flat.shape)
    return np.where(inside, flat, np.prod(window.input))  # [outputs, taps]


def gather(x: Array, place: Array, positions: int, channels: int) -> Array:
    """Rows [b, positions * channels] to windows [b, outputs, taps, channels], zero in the padding."""
    image = x.reshape(len(x), positions, channels)
    if (place < positions).all():
        return image[:, place]
    return np.concatenate([image, np.zeros((len(x), 1, channels))], axis=1)[:, place]


def scatter(windows: Array, place: Array, positions: int) -> Array:
    """The transpose of `gather`: under one tap no two outputs see the same input, so a loop over taps adds safely."""
    image = np.zeros((len(windows), positions + 1, windows.shape[-1]))
    for tap in range(place.shape[1]):
        inside = place[:, tap] < positions
        image[:, place[inside, tap]] += windows[:, inside, tap]
    return image[:, :positions].reshape(len(windows), -1)


def conv(window: Window, channels: int, kernel: Array, bias: Array | None) -> Affine:
    """`jaxcnn.ops.conv`: kernel [*window, channels // groups, k], bias None, [k] or [*output, k]."""
    place, groups = places(window), window.groups
    positions, features = int(np.prod(window.input)), kernel.shape[-1]
    matrix = kernel.reshape(-1, channels // groups, groups, features // groups)  # [taps, c/g, g, k/g]
    parts = [matrix[:, :, g].reshape(-1, features // groups) for g in range(groups)]

    def linear(x: Array) -> Array:
        windows = gather(x, place, positions, channels).reshape(len(x), *place.shape, groups, channels // groups)
        tables = (windows[:, :, :, g].reshape(len(x), len(place), len(parts[0])) for g in range(groups))
        return np.concatenate([table @ part for table, part in zip(tables, parts, strict=True)], axis=2).reshape(
            len(x), -1
        )

    def transpose(dy: Array) -> Array:
        table = dy.reshape(len(dy), len(place), groups, -1)
        windows = np.stack([table[:, :, g] @ part.T for g, part in enumerate(parts)], axis=2)  # [b, o, g, taps * c/g]
        windows = windows.reshape(len(dy), len(place), groups, -1, channels // groups).swapaxes(2, 3)
        return scatter(windows.reshape(len(dy), len(place), -1, channels), place, positions)

    rows = np.tile(np.concatenate([np.linalg.norm(part, axis=0) for part in parts]), len(place))
    full = np.zeros((*window.output, features)) if bias is None else np.broadcast_to(bias, (*window.output, features))
    shared = np.bincount(place[place < positions]).max()
    gain = cache(lambda: float(max(np.sqrt(shared) * spectral_norm(part) for part in parts)))
    absolute = max(np.sqrt(shared) * np.linalg.norm(part) for part in parts)
    windowed = Affine(
        linear,
        transpose,
        np.array(full).ravel(),
        rows,
        len(parts[0]),
        gain,
        float(absolute),
        scratch=place.size * channels,
    )
    inputs = positions * channels
    if inputs * len(rows) > DENSE_LIMIT:
        return windowed
    matrix = linear(np.eye(inputs))
    return replace(windowed, linear=banded(matrix), transpose=banded(matrix.T), scratch=1)


def banded(matrix: Array) -> Callable[[Array], Array]:
    """x @ matrix[in, out], some outputs at a time, each from the run of inputs that their windows cover."""
    parts = []
    for part in np.array_split(matrix, -(-matrix.shape[1] // BAND), axis=1):
        used = np.flatnonzero(part.any(axis=1))
        run = slice(used.min(initial=len(matrix)), used.max(initial=-1) + 1)
        parts.append((run, np.ascontiguousarray(part[run])))
    return lambda x: np.concatenate([x[:, run] @ part for run, part in parts], axis=1)


def conv_transpose(window: Window, channels: int, kernel: Array, bias: Array | None) -> Affine:
    """The transpose of `conv` with this window on `channels` channels, as a matrix."""
    forward = conv(window, channels, kernel, None)
    size = int(np.prod(window.input)) * channels
    matrix = np.ascontiguousarray(forward.linear(np.eye(size)).T)
    return dense(matrix, 0.0 if bias is None else np.broadcast_to(bias, (*window.input, channels)).ravel())


def avg_pool(window: Window, channels: int, count_include_pad: bool) -> Affine:
    """The mean under each window."""
    place, positions = places(window), int(np.prod(window.input))
    inside = place < positions
    count = np.full(len(place), place.shape[1]) if count_include_pad else inside.sum(axis=1)

    def linear(x: Array) -> Array:
        return (gather(x, place, positions, channels).sum(axis=2) / count[:, None]).reshape(len(x), -1)

    def transpose(dy: Array) -> Array:
        shares = dy.reshape(len(dy), len(place), 1, channels) / count[:, None, None]
        return scatter(np.broadcast_to(shares, (len(dy), *place.shape, channels)), place, positions)

    rows = np.repeat(np.sqrt(inside.sum(axis=1)) / count, channels)
    gain = float(rows.max() * np.sqrt(np.bincount(place[inside]).max()))
    bias, taps, scratch = np.zeros(len(rows)), place.shape[1], place.size * channels
    return Affine(linear, transpose, bias, rows, taps, lambda: gain, gain, scratch=scratch)


def scale(factor: Array, offset: Array, positions: int) -> Affine:
    """x * factor + offset per channel: batch normalisation by running statistics, written out."""
    rows, bias = np.tile(factor, positions), np.tile(offset, positions)
    gain = float(np.abs(factor).max())
    return Affine(lambda x: x * rows, lambda dy: dy * rows, bias, np.abs(rows), 1, lambda: gain, gain)
