"""Networks that several tests look at, and a brute-force count that shares nothing with the package."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.spatial import ConvexHull

Layers = list[tuple[np.ndarray, np.ndarray]]
SQUARE = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def mlp(widths: list[int], seed: int, bias_deviation: float = 0.5) -> Layers:
    """He-normal weights and normal biases; widths from the inputs to the outputs."""
    draw = np.random.default_rng(seed)
    return [
        (draw.normal(size=(i, o)) * np.sqrt(2 / i), draw.normal(size=o) * bias_deviation)
        for i, o in itertools.pairwise(widths)
    ]


def readout(width: int) -> tuple[np.ndarray, np.ndarray]:
    """A last layer with one output, which cuts nothing."""
    return np.ones((width, 1)), np.zeros(1)


def arrangement_of(normals: np.ndarray, offsets: np.ndarray) -> Layers:
    """One hidden layer whose units vanish on the lines normal . x + offset = 0."""
    return [(np.asarray(normals, float).T, np.asarray(offsets, float)), readout(len(offsets))]


def degenerate(seed: int) -> Layers:
    """Small integer weights: concurrent, parallel, mirrored, duplicate and dead units; every third without biases."""
    draw = np.random.default_rng(seed)
    widths = [2, *draw.integers(2, 6, size=draw.integers(1, 4)).tolist()]
    layers = [
        (draw.integers(-2, 3, (i, o)).astype(float), draw.integers(-2, 3, o) / (1 + seed % 2) * (seed % 3 > 0))
        for i, o in itertools.pairwise(widths)
    ]
    return [*layers, readout(widths[-1])]


def halves(polygon: np.ndarray, values: np.ndarray) -> list[np.ndarray]:
    if values.min() >= -1e-12 or values.max() <= 1e-12:
        return [polygon]
    parts = []
    for sign in (1, -1):
        part = []
        for k, (p, v) in enumerate(zip(polygon, values, strict=True)):
            q, w = polygon[(k + 1) % len(polygon)], values[(k + 1) % len(polygon)]
            if sign * v >= 0:
                part.append(p)
            if v * w < 0:
                part.append(p + v / (v - w) * (q - p))
        parts.append(np.array(part))
    return parts


def lifted(polygon: np.ndarray) -> np.ndarray:
    return np.concatenate([polygon, np.ones((len(polygon), 1))], axis=1)


class BruteForce:
    """Regions one at a time, each with the affine maps [3, n] of its values, through dense matrices."""

    def __init__(self, domain: np.ndarray, start: np.ndarray):
        self.cells = [(domain, [start])]

    def affine(self, matrix: np.ndarray, bias: np.ndarray) -> None:
        last = np.array([0.0, 0.0, 1.0])[:, None]
        self.cells = [(p, [*stack[:-1], stack[-1] @ matrix + last * bias]) for p, stack in self.cells]

    def push(self) -> None:
        self.cells = [(p, [*stack, stack[-1]]) for p, stack in self.cells]

    def add(self) -> None:
        self.cells = [(p, [*stack[:-2], stack[-2] + stack[-1]]) for p, stack in self.cells]

    def kink(self, thresholds: tuple[float, ...], apply) -> None:
        """`apply(maps, value at a point inside, constant row)` gives the maps after the activation."""
        found = []
        for polygon, stack in self.cells:
            z, parts = stack[-1], [polygon]
            for unit in range(z.shape[1]):
                for t in thresholds:
                    parts = [half for part in parts for half in halves(part, lifted(part) @ z[:, unit] - t)]
            found += [(part, [*stack[:-1], apply(z, lifted(part).mean(axis=0) @ z)]) for part in parts]
        self.cells = found

    def relu(self, slope: float = 0.0) -> None:
        self.kink((0.0,), lambda z, value: z * np.where(value > 0, 1.0, slope))

    def maximum(self, windows: list[list[int]], floor: bool) -> None:
        """Cut by every difference of two candidates (and by 0), then join what has the same winners."""
        found = []
        for polygon, stack in self.cells:
            z, parts = stack[-1], [polygon]
            for window in windows:
                for k, a in enumerate(window):
                    lines = [z[:, a] - z[:, b] for b in window[:k]] + ([z[:, a]] if floor else [])
                    for line in lines:
                        parts = [half for part in parts for half in halves(part, lifted(part) @ line)]
            joined: dict[tuple[int, ...], list[np.ndarray]] = {}
            for part in parts:
                value = lifted(part).mean(axis=0) @ z
                best = [max(window, key=lambda i, value=value: value[i]) for window in windows]
                joined.setdefault(tuple(-1 if floor and value[i] <= 0 else i for i in best), []).append(part)
            for winners, some in joined.items():
                points = np.concatenate(some)
                maps = np.stack([z[:, i] if i >= 0 else np.zeros(3) for i in winners], axis=1)
                found.append((points[ConvexHull(points).vertices], [*stack[:-1], maps]))
        self.cells = found
