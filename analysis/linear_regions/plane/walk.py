"""From "which half-edge comes next" to faces: the cycles of a permutation, without a loop over cells."""

from __future__ import annotations

import numpy as np

from analysis.linear_regions.plane.cells import Array, starts


def cycles(following: Array) -> tuple[Array, Array]:
    """The cycles of a permutation: offsets [c + 1] and the elements, each cycle from its least element on.

    Every element walks along its cycle until it meets a smaller one and gives up; only the least comes back to itself.
    On cells of bounded size nearly all give up at once, so the work is linear.

    >>> cycles(np.array([2, 1, 3, 0]))
    (array([0, 3, 4]), array([0, 2, 3, 1]))
    """
    root = np.sort(roots(following))
    alive, at, length = np.arange(len(root)), root, np.ones(len(root), np.int64)
    steps = [(alive, at)]
    while len(alive):
        at = following[at]
        on = at != root[alive]
        alive, at = alive[on], at[on]
        length[alive] += 1
        steps.append((alive, at))
    offsets = starts(length)
    elements = np.empty(len(following), np.int64)
    for k, (cycle, element) in enumerate(steps):
        elements[offsets[cycle] + k] = element
    return offsets, elements


def roots(following: Array) -> Array:
    """The least element of every cycle."""
    walker = np.arange(len(following))
    at = following
    found = []
    while len(walker):
        found.append(walker[at == walker])
        on = at > walker
        walker = walker[on]
        at = following[at[on]]
    return np.concatenate(found) if found else walker
