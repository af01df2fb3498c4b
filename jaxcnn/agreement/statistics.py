"""What is said about one leaf: counts, errors in several measures, noise units, and each class of elements apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

Record = dict[str, Any]
SAMPLE = 120
ULP_EDGES = (0, 1, 2, 4, 8, 16, 64, 1024)


def compare(got: Any, truth: np.ndarray, noise: np.ndarray, classes: Mapping[str, np.ndarray] | None = None) -> Record:
    """One leaf against the truth: every number a reader needs to see whether, where and how it is wrong.

    Args:
        got: the leaf under test, in its own dtype.
        truth: the referee's, float64, same shape.
        noise: the rounding to expect per element, float64, same shape.
        classes: masks that sort the elements ("border", "tie", ...).

    Returns:
        n, n_finite, n_nonzero: elements compared, finite in both, non-zero in either
        max_abs, rel_l2, cosine: of the difference and of the pair
        z: the largest error in noise units; resolution: the smallest relative error that would have been noticed at
            all (the leaf's median noise over its root mean square)
        ulp: how many elements are 0, 1, 2-3, 4-7, 8-15, 16-63, 64-1023 and more units in the last place away
        worst: index and both values where z is largest
        classes: {name: {"n", "z"}}
    """
    wide = np.asarray(got).astype(np.float64)
    truth = overflowed(got, truth, noise)
    finite = np.isfinite(wide) & np.isfinite(truth)
    z = z_of(wide, truth, noise)
    error = np.where(finite, np.abs(wide - np.where(finite, truth, 0)), 0.0)
    inside = np.where(finite, truth, 0.0), np.where(finite, wide, 0.0)
    norms = [float(np.linalg.norm(part)) for part in inside]
    worst = np.unravel_index(int(np.argmax(z)), z.shape) if z.size else ()
    return {
        "shape": list(truth.shape),
        "n": int(truth.size),
        "n_finite": int(finite.sum()),
        "n_nonzero": int(((truth != 0) | (wide != 0)).sum()),
        "max_abs": float(error.max(initial=0.0)),
        "rel_l2": ratio(float(np.linalg.norm(error)), norms[0]),
        "cosine": ratio(float(np.vdot(*inside)), norms[0] * norms[1], empty=1.0),
        "z": float(z.max(initial=0.0)),
        "resolution": ratio(float(np.median(noise)), float(np.sqrt(np.mean(inside[0] ** 2)))),
        "ulp": ulp_histogram(got, truth),
        "worst": {"index": [int(i) for i in worst], "got": float(wide[worst]), "truth": float(truth[worst])},
        "classes": by_class(z, classes or {}),
    }


def overflowed(got: Any, truth: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The truth, infinite where rounding may carry it beyond the dtype's range and the leaf says so."""
    largest = float(jnp.finfo(got.dtype).max)
    with np.errstate(invalid="ignore"):
        infinite = np.sign(truth) * np.inf
        beyond = (np.abs(truth) + noise >= largest) & (np.asarray(got).astype(np.float64) == infinite)
    return np.where(beyond, infinite, truth)


def detail(
    got: Any, truth: np.ndarray, noise: np.ndarray, classes: Mapping[str, np.ndarray], is_kernel: bool
) -> Record:
    """What pictures are made of: a sample of elements with their class, and z over taps or positions.

    The map's axes are those of a picture: the first two of a kernel [*window, c, k], the two before the last of an
    image [n, *spatial, c].
    """
    wide = np.asarray(got).astype(np.float64)
    chosen = np.linspace(0, truth.size - 1, min(truth.size, SAMPLE)).astype(int)
    names = np.full(truth.shape, "", dtype=object)
    for name, mask in classes.items():
        names[np.broadcast_to(mask, truth.shape)] = name
    pairs = zip(names.ravel()[chosen], truth.ravel()[chosen], wide.ravel()[chosen], strict=True)
    record: Record = {"sample": [[str(name), float(t), float(h)] for name, t, h in pairs]}
    if truth.ndim == 4:
        others = (2, 3) if is_kernel else (0, 3)
        z = z_of(wide, truth, noise).max(axis=others)
        record |= {"map": [[float(v) for v in row] for row in z], "map_of": "taps" if is_kernel else "positions"}
    return record


def z_of(wide: np.ndarray, truth: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """|error| / noise per element. Where both are the same infinity or both not a number the error is zero.

    >>> z_of(np.array([1.0, 2.0, np.nan]), np.array([1.0, 1.5, np.nan]), np.array([0.0, 0.25, 1.0]))
    array([0., 2., 0.])
    """
    same = (wide == truth) | (np.isnan(wide) & np.isnan(truth))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(wide - truth) / noise
    return np.where(same, 0.0, np.where(np.isnan(z), np.inf, z))


def ratio(numerator: float, denominator: float, empty: float = 0.0) -> float:
    """numerator / denominator, where 0 / 0 is `empty`."""
    if denominator == 0:
        return empty if numerator == 0 else float("inf")
    return numerator / denominator


def by_class(z: np.ndarray, classes: Mapping[str, np.ndarray]) -> dict[str, Record]:
    """Count and largest z of each class of elements that is not empty."""
    masks = {name: np.broadcast_to(mask, z.shape) for name, mask in classes.items()}
    return {name: {"n": int(m.sum()), "z": float(z[m].max())} for name, m in masks.items() if m.any()}


def ulp_histogram(got: Any, truth: np.ndarray) -> list[int]:
    """How far apart the two are, counted in representable numbers of the leaf's dtype."""
    stored = np.asarray(jnp.asarray(got))
    with np.errstate(over="ignore"):
        nearest = truth.astype(stored.dtype)
    distance = np.abs(ordered(stored) - ordered(nearest))
    return [int(n) for n in np.histogram(distance, bins=[*ULP_EDGES, np.inf])[0]]


def ordered(values: np.ndarray) -> np.ndarray:
    """Floating-point numbers as integers in the same order, one apart where they are neighbours (both zeros are 0)."""
    bits = np.ascontiguousarray(values).view(f"int{8 * values.dtype.itemsize}").astype(np.float64)
    top = 2.0 ** (8 * values.dtype.itemsize - 1)
    return np.where(bits < 0, -(bits + top), bits)
