"""Where chords cross, and in which order along each of them.

Two chords from A to B (directions u, v; w from the first start to the second) cross at the share

    s = (w x v) / (u x v)   of the first,      s' = (w x u) / (u x v)   of the second.

Crossings closer than what rounding may have moved them are one point. Lines through one point are then put into the
order they would have if line u had been moved by eps_u, 0 < eps_0 << eps_1 << ..: along chord c, a line d > c moves by
itself, and far; a line d < c stands still while c moves, which shifts the crossing by the cotangent of their angle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.linear_regions.plane.cells import Array, by_share, within
from analysis.linear_regions.plane.chords import Boundary, Chords

FAR = 1e30  # stands for eps_(d + 1) / eps_d


@dataclass(frozen=True, eq=False)
class Nodes:
    """The crossings as nodes strung on chords, sorted along each: every crossing is a node of two chords.

    Per node: chord, other (the chord it meets), twin (the rank of the same crossing on that chord, from 1), leftward
    (whether the other chord passes from right to left), vertex. Per chord: count. Per new vertex: points [m, 2], which
    lie at `share` of chord `on`.
    """

    chord: Array
    other: Array
    twin: Array
    leftward: Array
    vertex: Array
    count: Array
    points: Array
    on: Array
    share: Array


def nodes(
    points: Array, old: int, walk: Boundary, chord: Chords, error: Array, pairs: tuple[Array, Array], left: Array
) -> Nodes:
    """Place the crossing `pairs` and sort them along their chords.

    points [v, 2] old vertices and cut points; old: how many vertices there are already; error [c] how far off a chord
    may lie; left [c] whether its line is positive on its left.
    """
    c, d = pairs
    count = len(c)
    start = points[walk.vertex[chord.a]]
    run = points[walk.vertex[chord.b]] - start
    w = start[d] - start[c]
    turn = cross(run[c], run[d])
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.concatenate([cross(w, run[d]) / turn, cross(w, run[c]) / turn])
        slack = np.tile(error[c] + error[d], 2) * np.linalg.norm(run, axis=1)[np.concatenate([d, c])]
        slack /= np.abs(np.tile(turn, 2))
    share = np.clip(np.where(np.isfinite(share), share, 0.5), 0, 1)
    mine, other = np.concatenate([c, d]), np.concatenate([d, c])
    crossing = np.tile(np.arange(count), 2)
    order = by_share(mine, share, len(chord.a))
    tied = np.zeros(2 * count, bool)
    near = share[order[1:]] - share[order[:-1]] <= slack[order[1:]] + slack[order[:-1]]
    tied[1:] = (mine[order[1:]] == mine[order[:-1]]) & near
    merged = crossing[order[:-1][tied[1:]]], crossing[order[1:][tied[1:]]]
    if tied.any():
        rising = np.concatenate([~left[d], left[c]])  # the other line's value along mine, from A to B
        key = moved(chord.line[mine], chord.line[other], run[mine], run[other], left[mine], rising)
        order = order[np.lexsort((key[order], np.cumsum(~tied)))]
    per_chord = np.bincount(mine, minlength=len(chord.a))
    rank = np.empty(2 * count, np.int64)
    rank[order] = within(per_chord) + 1
    twin = np.concatenate([rank[count:], rank[:count]])
    vertex, fresh = vertices(old, walk, chord, mine, share, slack, merged)
    on, share = c[fresh], share[fresh]
    new = start[on] + share[:, None] * run[on]
    leftward = order < count
    return Nodes(mine[order], other[order], twin[order], leftward, vertex[crossing[order]], per_chord, new, on, share)


def cross(u: Array, v: Array) -> Array:
    return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]


def moved(line: Array, other: Array, run: Array, its_run: Array, left: Array, rising: Array) -> Array:
    """Where an infinitesimal shift of the lines moves the crossing of `other` along `line`, as a sortable number."""
    turn = cross(run, its_run)
    with np.errstate(divide="ignore", invalid="ignore"):
        still = -np.where(left, 1, -1) * (run * its_run).sum(1) / turn
    still[~np.isfinite(still)] = 0
    return np.where(other > line, np.where(rising, -FAR, FAR) * (other + 1.0), still)


def vertices(
    old: int, walk: Boundary, chord: Chords, mine: Array, share: Array, slack: Array, merged: tuple[Array, Array]
) -> tuple[Array, Array]:
    """The vertex of every crossing, and which crossings bring a new one.

    A crossing within its slack of a chord's end is that end; crossings in one place (`merged` pairs) are one vertex.
    """
    count = len(mine) // 2
    label = old + np.arange(count)
    at_a, at_b = share <= slack, share >= 1 - slack
    if not (at_a.any() or at_b.any() or len(merged[0])):
        return label, np.arange(count)
    for half in (slice(0, count), slice(count, None)):
        label = np.where(at_a[half], walk.vertex[chord.a[mine[half]]], label)
        label = np.where(at_b[half], walk.vertex[chord.b[mine[half]]], label)
    p, q = merged
    while True:
        least = np.minimum(label[p], label[q])
        lower = label.copy()
        np.minimum.at(lower, p, least)
        np.minimum.at(lower, q, least)
        if (lower == label).all():
            break
        label = lower
    kept, number = np.unique(label[label >= old], return_inverse=True)
    label[label >= old] = old + number
    return label, kept - old
