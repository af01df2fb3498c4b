"""What `jaxcnn regions` does: estimate, partition, certify, check, measure, draw and write."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from analysis.linear_regions import pictures, toy
from analysis.linear_regions.affine import dense
from analysis.linear_regions.boundary import distances, walls
from analysis.linear_regions.command import Config
from analysis.linear_regions.domain import box
from analysis.linear_regions.estimate import count, estimate
from analysis.linear_regions.graph import Graph, Node
from analysis.linear_regions.partition import Regions, partition
from analysis.linear_regions.polyhedra import regions_in_box
from analysis.linear_regions.segment import segment
from analysis.linear_regions.statistics import invariants, seen_by_grid, statistics
from analysis.linear_regions.subject import HALF, Subject, subject

GRID = 100  # points on a side of the grid whose count is shown beside the exact one


def conduct(config: Config) -> int:
    """Do it and return the exit code: 1 where an invariant is broken, which is a bug worth reporting."""
    config.out.mkdir(parents=True, exist_ok=True)
    looked_at = subject(config)
    if config.problem == "shell" and looked_at.points.shape[1] == 3:
        return in_space(config, looked_at)
    found, results = [], {}
    for title, graph in looked_at.stages:
        regions, results[title] = study(config, looked_at, graph)
        if regions is not None:
            found.append((title, regions))
    write(config.out / "numbers.json", results)
    draw(config, looked_at, found)
    present(looked_at, results, config.out)
    return 0 if all(result.get("invariants_hold", True) for result in results.values()) else 1


def study(config: Config, looked_at: Subject, graph: Graph) -> tuple[Regions | None, dict[str, Any]]:
    """One network: its partition, or only its count where a partition would not fit the budget."""
    expected = estimate(graph, looked_at.domain, plane=looked_at.plane, seed=config.seed)
    result: dict[str, Any] = {"expected_regions": round(expected.regions), "expected_seconds": expected.seconds}
    began = time.perf_counter()
    if expected.bytes > config.budget * 1e9:
        tiles = int(np.ceil(expected.bytes / (config.budget * 1e9)))
        total = count(graph, looked_at.domain, tiles=tiles, plane=looked_at.plane)
        return None, result | {"regions": total, "tiles": tiles, "seconds": time.perf_counter() - began}
    regions = partition(graph, looked_at.domain, plane=looked_at.plane)
    result |= {"seconds": time.perf_counter() - began, **statistics(regions).to_json()}
    began = time.perf_counter()
    certificate = regions.certificate
    result |= {
        "certificate": str(certificate),
        "certified": certificate.certified,
        "certificate_seconds": time.perf_counter() - began,
    }
    result |= {f"seen_by_{GRID}x{GRID}_grid": seen_by_grid(regions, GRID), "invariants_hold": invariants(regions).ok}
    return regions, result | of_boundary(looked_at, regions)


def of_boundary(looked_at: Subject, regions: Regions) -> dict[str, Any]:
    """The decision boundary in numbers, and how far the marked points are from it and from the nearest wall."""
    found = regions.boundary
    result: dict[str, Any] = {"boundary_length": found.length, "class_areas": found.class_areas.tolist()}
    if len(looked_at.points) < 10:
        result["distance_to_boundary"] = distances(looked_at.points, found.segments).tolist()
        result["distance_to_wall"] = distances(looked_at.points, walls(regions)).tolist()
    return result


def draw(config: Config, looked_at: Subject, found: list[tuple[str, Regions]]) -> None:
    """All pictures of the last partition, the first one's beside it, and the animation."""
    if not found:
        return
    title, regions = found[-1]
    for colour in config.colours:
        ax = pictures.regions_by(colour, regions, looked_at.points, looked_at.labels)
        ax.set_title(f"{looked_at.name}, {title}\n{ax.get_title()}", fontsize=10)
        save(ax.figure, config.out / colour, vector=regions.count < pictures.MANY)
    regions.save(config.out / "regions.npz")
    if len(found) > 1:
        figure = Figure(figsize=(11.5, 5), layout="constrained")
        for ax, (name, some) in zip(figure.subplots(1, 2), (found[0], found[-1]), strict=True):
            pictures.regions_by("class", some, looked_at.points, looked_at.labels, ax)
            ax.set_title(f"{name}\n{ax.get_title()}", fontsize=10)
        save(figure, config.out / "before-after", vector=False)
    if config.frames:
        pictures.animation(config.out / "training.gif", found, looked_at.points, looked_at.labels)
    draw_segment(config, looked_at)
    if config.gallery and looked_at.plane is None:
        draw_gallery(config)


def draw_segment(config: Config, looked_at: Subject) -> None:
    """The network between the first two marked points."""
    a, b = looked_at.points[:2] if looked_at.plane is None else looked_at.plane.at(looked_at.points[:2])
    ax = pictures.along(segment(looked_at.stages[-1][1], a, b))
    ax.set_title(f"{looked_at.name}, from one example to another\n{ax.get_title()}", fontsize=10)
    save(ax.figure, config.out / "segment", vector=True)


def draw_gallery(config: Config) -> None:
    """The same problem learnt by networks of growing width."""
    data = toy.problem(config.problem, seed=config.seed)
    figure = Figure(figsize=(15, 4.4), layout="constrained")
    for ax, units in zip(figure.subplots(1, 4, sharey=True), (4, 8, 16, 64), strict=True):
        network = toy.classifier((units,) * len(config.units))
        last = toy.train(network, data, config.steps, seed=config.seed)[-1]
        found = partition(toy.layers(network, last.params), box(-HALF, HALF))
        pictures.regions_by("class", found, data.inputs, data.classes, ax)
        ax.set_title(
            f"{len(config.units)} layers of {units} units\n{found.count:,} regions, accuracy {last.accuracy:.1%}",
            fontsize=9,
        )
        ax.label_outer()
        if units < 64:
            ax.get_legend().remove()
    save(figure, config.out / "gallery", vector=False)


def in_space(config: Config, looked_at: Subject) -> int:
    """Three inputs: the decision surface, output 1 minus output 0, with every flat facet of it."""
    title, graph = looked_at.stages[-1]
    difference = Node("margin", dense(np.array([[-1.0], [1.0]])), (len(graph.nodes) - 1,))
    space = regions_in_box(replace(graph, nodes=(*graph.nodes, difference)), 3, HALF, surface=True)
    unit = sum(graph.size_of(node) for node in graph.stages)
    ax = pictures.surface(space, unit, looked_at.points, looked_at.labels)
    ax.set_title(f"{looked_at.name}, {title}\n{ax.get_title()}", fontsize=10)
    save(ax.figure, config.out / "surface", vector=False)
    counts = dict(zip(("vertices", "edges", "walls", "regions"), space.counts, strict=True))
    write(config.out / "numbers.json", counts | {"euler": space.euler, "facets": int((space.labels == unit).sum())})
    Console().print(f"{title}: {space.count:,} regions in space; pictures and numbers in {config.out}")
    return 0 if space.euler == 1 else 1


def save(figure: Any, path: Path, *, vector: bool) -> None:
    figure.savefig(path.with_suffix(".png"), dpi=150)
    if vector:
        figure.savefig(path.with_suffix(".svg"))


def write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")


def present(looked_at: Subject, results: dict[str, dict[str, Any]], out: Path) -> None:
    """The main numbers as a table, and what is certain of the last count."""
    columns = {
        "regions": "regions",
        "expected": "expected_regions",
        "pieces": "affine_pieces",
        f"seen by {GRID}x{GRID}": f"seen_by_{GRID}x{GRID}_grid",
        "boundary": "boundary_length",
        "seconds": "seconds",
    }
    table = Table("", *columns, title=looked_at.name)
    for title, result in results.items():
        found = (result.get(key, "") for key in columns.values())
        table.add_row(title, *(f"{x:,.3g}" if isinstance(x, float) else f"{x:,}" if x != "" else "" for x in found))
    console = Console()
    console.print(table)
    console.print(f"{title}: {result.get('certificate', 'counted in tiles, not certified')}", soft_wrap=True)
    console.print(f"pictures and numbers in {out}", soft_wrap=True)
