"""The figures of networks, layers and activations: those that the documents lack, and those that make a row plain.

Each draws into a given figure. The columns it returns are the numbers behind it; the command line saves them with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from jaxcnn import networks, ops
from jaxcnn.ops.geometry import per_axis

Columns = dict[str, np.ndarray]


def block_diagram(figure: Figure) -> None:
    """S0.01: the network, layer by layer, with the sizes chosen in `networks.seed0`."""
    figure.set_size_inches(9, 2.9)
    ax = figure.subplots()
    shown = [site for site in networks.seed0().sites((28, 28, 1)) if site.layer.kind != "relu"]
    sizes = {"input": (28, 28, 1)} | {site.path: site.output_shape for site in shown}
    kinds = {"input": "image"} | {site.path: site.layer.kind.replace("_", " ") for site in shown}
    windows = {
        site.path: per_axis(site.path, "window", site.layer.settings["window"], 2)
        for site in shown
        if "window" in site.layer.settings
    }
    for position, (name, size) in enumerate(sizes.items()):
        height = 0.25 + 1.75 * size[0] / 28 if len(size) == 3 else 0.25 + 1.75 * np.log(size[0]) / np.log(400)
        width = 0.3 + 0.02 * size[2] if len(size) == 3 else 0.16
        colour = {"conv": "tab:blue", "max pool": "tab:orange", "dense": "tab:green"}.get(kinds[name], "0.75")
        ax.add_patch(Rectangle((position - width / 2, -height / 2), width, height, color=colour, alpha=0.75))
        window = f" {'x'.join(map(str, windows[name]))}" if windows.get(name) else ""
        ax.text(position, 1.1, kinds[name] + window, ha="center", fontsize=8)
        ax.text(position, -1.35, "x".join(map(str, size)), ha="center", fontsize=8)
        if position:
            ax.annotate("", (position - 0.32, 0), (position - 0.66, 0), arrowprops={"arrowstyle": "->", "color": "0.4"})
    ax.text(len(sizes) - 0.5, 0, "$y_p$", va="center", fontsize=11)
    ax.set(xlim=(-0.6, len(sizes)), ylim=(-1.6, 1.4))
    ax.set_axis_off()


def connections(ax: Axes, support: np.ndarray, title: str, from_title: str, source: np.ndarray) -> None:
    """A small grid (the source, one cell marked) beside the output map, the cells that it reaches filled."""
    gap = source.shape[1] + 2
    for grid, left, reached in ((source, 0, source), (support, gap, support)):
        for (row, column), _ in np.ndenumerate(grid):
            is_on = bool(reached[row, column])
            colour = "tab:red" if is_on and left == 0 else "tab:orange" if is_on else "white"
            ax.add_patch(Rectangle((left + column, -row - 1), 1, 1, facecolor=colour, edgecolor="0.4", alpha=0.9))
    (row, column) = np.argwhere(source)[0]
    for r, c in np.argwhere(support):
        ax.plot([column + 0.5, gap + c + 0.5], [-row - 0.5, -r - 0.5], color="tab:orange", linewidth=0.5)
    ax.text(source.shape[1] / 2, 0.3, from_title, ha="center")
    ax.text(gap + support.shape[1] / 2, 0.3, title, ha="center")
    ax.set(xlim=(-0.5, gap + support.shape[1] + 0.5), ylim=(-max(source.shape[0], support.shape[0]) - 0.5, 1.2))
    ax.set_aspect("equal")
    ax.set_axis_off()


def one_hot(shape: tuple[int, int], place: tuple[int, int]) -> np.ndarray:
    found = np.zeros(shape, bool)
    found[place] = True
    return found


def reached(by: np.ndarray, other: np.ndarray, is_kernel: bool) -> np.ndarray:
    """Outputs that one cell of the kernel, or of the input, reaches: the convolution with that cell alone."""
    x, kernel = (other, by) if is_kernel else (by, other)
    y = ops.conv(jnp.asarray(x, jnp.float32)[None, :, :, None], jnp.asarray(kernel, jnp.float32)[:, :, None, None])
    return np.asarray(y)[0, :, :, 0] != 0


def weight_support(figure: Figure) -> None:
    """S0.10: one kernel entry and the outputs that it contributes to: all of them."""
    figure.set_size_inches(6.5, 4)
    weight = one_hot((3, 3), (1, 1))
    connections(
        figure.subplots(), reached(weight, np.ones((7, 8)), True), "output map $x^l$: all of it", "kernel $w^l$", weight
    )


def pixel_support(figure: Figure) -> None:
    """S0.17: one input pixel and the output patch that it reaches."""
    figure.set_size_inches(8.5, 4)
    pixel = one_hot((7, 8), (2, 3))
    patch = reached(pixel, np.ones((3, 3)), False)
    connections(figure.subplots(), patch, "output map: rows 0-2, columns 1-3", "input map, pixel (2, 3)", pixel)


def curves(figure: Figure, name: str, formula: str) -> Columns:
    figure.set_size_inches(7.5, 3)
    x = np.linspace(-10, 10, 401)
    f = getattr(ops, name)
    y, pull = jax.vjp(f, jnp.asarray(x, jnp.float32))
    slope = np.asarray(pull(jnp.ones_like(y))[0])
    left, right = figure.subplots(1, 2)
    left.plot(x, y)
    left.set(title=formula, xlabel="$x$", ylabel="$f(x)$")
    for side in (x < 0, x > 0):
        right.plot(x[side], slope[side], color="tab:orange")
    right.set(title="its derivative", xlabel="$x$", ylabel="$f'(x)$", ylim=(-0.1, 1.1))
    for ax in (left, right):
        ax.grid(alpha=0.3)
    return {"x": x, "y": np.asarray(y), "slope": slope}


def relu_curve(figure: Figure) -> Columns:
    """S0.26."""
    return curves(figure, "relu", r"ReLU: $\max(0, x)$")


def leaky_curve(figure: Figure) -> Columns:
    """S0.34."""
    return curves(figure, "leaky_relu", r"leaky ReLU: $\max(0.1x, x)$")


def table(ax: Axes, values: np.ndarray, title: str, bold: Sequence[tuple[int, int]] = ()) -> None:
    """A small matrix of numbers, some of them bold, with the pooling windows drawn in."""
    rows, columns = values.shape
    for (row, column), value in np.ndenumerate(values):
        is_bold = (row, column) in bold
        ax.add_patch(Rectangle((column, -row - 1), 1, 1, facecolor="moccasin" if is_bold else "white", edgecolor="0.8"))
        weight = "bold" if is_bold else "normal"
        ax.text(column + 0.5, -row - 0.5, f"{value:g}", ha="center", va="center", fontweight=weight)
    for edge in range(0, max(rows, columns) + 1, 2):
        ax.plot([0, columns], [-min(edge, rows)] * 2, color="0.3")
        ax.plot([min(edge, columns)] * 2, [0, -rows], color="0.3")
    ax.set(title=title, xlim=(-0.1, columns + 0.1), ylim=(-rows - 0.1, 0.1))
    ax.set_aspect("equal")
    ax.set_axis_off()


def pooling_example(figure: Figure) -> None:
    """S2.14: input, output and cache of the printed 4x4 example."""
    from analysis.worked_examples.seed2_layers import CACHE, PICTURE

    figure.set_size_inches(8.5, 3)
    pooled = np.asarray(ops.max_pool(jnp.asarray(PICTURE, jnp.float32)[None, :, :, None], 2))[0, :, :, 0]
    winners = [(int(row), int(column)) for row, column in np.argwhere(CACHE)]
    block = [(row, column) for row in (0, 1) for column in (0, 1)]
    left, middle, right = figure.subplots(1, 3)
    table(left, PICTURE, "input, winners marked", winners)
    table(middle, pooled, "output of the max pool")
    table(right, CACHE, "cache; printed block marked", block)
