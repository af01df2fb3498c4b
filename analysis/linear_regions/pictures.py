"""Pictures of partitions: functions that take data and axes and return the axes.

All regions are one `PolyCollection` and all edges one `LineCollection`, so that 10^5 of them draw in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from analysis.linear_regions.operations import Array
from analysis.linear_regions.partition import Regions
from analysis.linear_regions.polyhedra import Complex
from analysis.linear_regions.segment import Segment
from analysis.linear_regions.statistics import gradient_norms, kinks

COLOURS = ("birth", "class", "gradient", "kink")
CLASS_COLOURS = ListedColormap([colormaps["tab10"](i) for i in range(10)])
MANY = 20_000  # regions beyond which edges only darken the picture


def axes_or(ax: Axes | None) -> Axes:
    return Figure(figsize=(5.6, 5), layout="constrained").subplots() if ax is None else ax


def regions_by(
    colour: str, regions: Regions, points: Array | None = None, labels: Array | None = None, ax: Axes | None = None
) -> Axes:
    """All regions on one picture, with the decision boundary and, if given, marked points [n, 2] and their classes.

    Args:
        colour: "birth", the layer that cut a region off last; "class", the largest output; "gradient", the norm of the
            output's gradient; "kink", edges by how much the gradient changes across them.
    """
    if colour not in COLOURS:
        raise ValueError(f"regions_by: there is no colour {colour!r}; use one of {', '.join(COLOURS)}")
    ax = axes_or(ax)
    {"birth": by_birth, "class": by_class, "gradient": by_gradient, "kink": by_kink}[colour](regions, ax)
    outputs = regions.affine_maps.shape[2]
    boundary = LineCollection(list(regions.boundary.segments), colors="black", linewidths=1.8, capstyle="round")
    ax.add_collection(boundary)
    if points is not None:
        mark(ax, points, np.zeros(len(points), int) if labels is None else labels)
    frame(ax, regions)
    what = f"{regions.count:,} region{'s' * (regions.count != 1)}"
    ax.set_title(
        what
        if outputs < 2 or not len(regions.boundary.edges)
        else f"{what}, decision boundary {regions.boundary.length:.3g} long"
    )
    return ax


def by_birth(regions: Regions, ax: Axes) -> None:
    names = ["the domain", *regions.stage_names]
    shades = ListedColormap(colormaps["YlGnBu"](np.linspace(0.08, 0.75, len(names))))
    fill(
        ax, regions.polygons, regions.birth + 1.0, shades, Normalize(-0.5, len(names) - 0.5), edges=regions.count < MANY
    )
    bar = ax.figure.colorbar(
        ax.collections[0], ax=ax, ticks=range(len(names)), label="layer that cut the region off", shrink=0.8
    )
    bar.ax.set_yticklabels(names)


def by_class(regions: Regions, ax: Axes) -> None:
    found = regions.boundary
    polygons = np.split(found.cells.points[found.cells.corners], found.cells.offsets[1:-1])
    fill(ax, polygons, found.classes % 10, CLASS_COLOURS, Normalize(-0.5, 9.5), edges=regions.count < MANY, alpha=0.45)
    present = np.unique(found.classes)
    handles = [ax.plot([], [], "s", color=CLASS_COLOURS(c % 10), alpha=0.6, label=f"class {c}")[0] for c in present]
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)


def by_gradient(regions: Regions, ax: Axes) -> None:
    norms = gradient_norms(regions)
    low, high = np.quantile(norms, [0.01, 1])
    fill(
        ax,
        regions.polygons,
        norms,
        colormaps["viridis"],
        Normalize(min(low, high * 0.999), high or 1.0),
        edges=regions.count < MANY,
    )
    ax.figure.colorbar(
        ax.collections[0], ax=ax, label="norm of the outputs' gradient (per unit of the plane)", shrink=0.8
    )


def by_kink(regions: Regions, ax: Axes) -> None:
    strength = kinks(regions)
    shown = strength > 1e-9 * max(strength.max(), np.finfo(float).tiny)
    if not shown.any():
        return
    order = np.argsort(strength[shown])
    segments = regions.cells.points[regions.cells.ends[shown]][order]
    top = strength.max()
    norm = LogNorm(max(strength[shown].min(), top / 1e3), top)
    width = float(np.clip(60 / np.sqrt(len(segments)), 0.15, 1.2))
    lines = LineCollection(list(segments), cmap="inferno_r", norm=norm, linewidths=width)
    lines.set_array(strength[shown][order])
    ax.add_collection(lines)
    ax.figure.colorbar(lines, ax=ax, label="change of gradient across the edge", shrink=0.8)


def fill(
    ax: Axes,
    polygons: Sequence[Array],
    values: Array,
    colours: Any,
    norm: Normalize,
    *,
    edges: bool,
    alpha: float = 1.0,
) -> None:
    width = float(np.clip(12 / np.sqrt(len(polygons)), 0.1, 0.5))
    edge: dict[str, Any] = (
        {"edgecolors": (0, 0, 0, 0.45), "linewidths": width} if edges else {"edgecolors": "face", "linewidths": 0.1}
    )
    collection = PolyCollection(list(polygons), cmap=colours, norm=norm, alpha=alpha, **edge)
    collection.set_array(values)
    ax.add_collection(collection)


def mark(ax: Axes, points: Array, labels: Array) -> None:
    """Data points, in the colours of their classes."""
    size = 70 if len(points) < 10 else 14
    ax.scatter(
        points[:, 0], points[:, 1], c=CLASS_COLOURS(labels % 10), s=size, edgecolors="black", linewidths=0.8, zorder=3
    )
    if len(points) < 10:
        for (x, y), label in zip(points, labels, strict=True):
            name = ax.annotate(f"a {label}", (x, y), xytext=(7, 6), textcoords="offset points", fontweight="bold")
            name.set_path_effects([withStroke(linewidth=3, foreground="white")])


def frame(ax: Axes, regions: Regions) -> None:
    low, high = regions.vertices.min(axis=0), regions.vertices.max(axis=0)
    inputs = regions.plane is None
    room = 0 if inputs else 0.05 * (high - low).max()
    (left, bottom), (right, top) = low - room, high + room
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    ax.locator_params(nbins=6)
    ax.set(
        xlabel="first input" if inputs else "first axis of the plane",
        ylabel="second input" if inputs else "second axis of the plane",
    )


def along(found: Segment, ax: Axes | None = None, names: Sequence[str] | None = None) -> Axes:
    """The outputs on a segment, with their knots below and the classes as a band."""
    ax = axes_or(ax)
    for output in range(found.values.shape[1]):
        name = str(output) if names is None else names[output]
        ax.plot(found.knots, found.values[:, output], lw=1.3, color=CLASS_COLOURS(output % 10), label=f"output {name}")
    if found.values.shape[1] > 1:
        for start, end, winner in found.classes():
            ax.axvspan(start, end, color=CLASS_COLOURS(winner % 10), alpha=0.12, lw=0)
    ax.plot(
        found.knots[1:-1],
        np.zeros(found.count - 1),
        "|",
        transform=ax.get_xaxis_transform(),
        color="black",
        ms=8,
        mew=0.6,
    )
    ax.set(xlim=(0, 1), xlabel="share of the way", ylabel="output", title=f"{found.count:,} pieces; knots marked below")
    ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))
    return ax


def surface(found: Complex, unit: int, points: Array | None = None, labels: Array | None = None, ax: Any = None) -> Any:
    """A decision surface in three dimensions: the walls of one output's zeros, flat on every region."""
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    if ax is None:
        ax = Figure(figsize=(6, 5.4), layout="constrained").add_subplot(projection="3d")
    walls = found.walls(unit)
    normals = np.array([np.linalg.svd(wall - wall.mean(axis=0))[2][2] for wall in walls]).reshape(-1, 3)
    light = np.abs(normals @ (np.array([0.4, -0.5, 0.77])))
    faces = Poly3DCollection(
        walls, facecolors=colormaps["Blues"](0.25 + 0.6 * light), edgecolors=(0, 0, 0, 0.5), linewidths=0.4, alpha=0.6
    )
    ax.add_collection3d(faces)
    if points is not None:
        ax.scatter(*points.T, c=None if labels is None else CLASS_COLOURS(labels % 10), s=5, depthshade=False)
    low, high = found.points.min(axis=0), found.points.max(axis=0)
    ax.set(
        xlim=(low[0], high[0]),
        ylim=(low[1], high[1]),
        zlim=(low[2], high[2]),
        xlabel="first input",
        ylabel="second input",
        zlabel="third input",
    )
    ax.set_title(f"{found.count:,} regions in space; the decision surface has {len(walls):,} facets")
    ax.locator_params(nbins=4)
    ax.set_box_aspect((1, 1, 1))
    return ax


def animation(
    path: Path, frames: Sequence[tuple[str, Regions]], points: Array, labels: Array, colour: str = "class"
) -> None:
    """A GIF of partitions during training, one frame per (title, regions)."""
    figure = Figure(figsize=(5.6, 5), layout="constrained")

    def draw(number: int) -> list[Any]:
        figure.clear()
        title, regions = frames[number]
        ax = regions_by(colour, regions, points, labels, figure.subplots())
        ax.set_title(f"{title}: {ax.get_title()}", fontsize=9)
        return []

    FuncAnimation(figure, draw, frames=len(frames), init_func=list).save(path, PillowWriter(fps=2), dpi=90)
