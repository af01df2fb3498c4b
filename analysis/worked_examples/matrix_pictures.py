"""Layers as matrices, padding as counts: the pictures of `analysis.linear_maps`."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.linear_maps import MODES, contributions, gradient_weight, same_conv_matrix, support
from analysis.linear_maps.pictures import draw_counts, draw_matrix
from jaxcnn import ops

Columns = dict[str, np.ndarray]


def toeplitz_matrices(figure: Figure) -> None:
    """S1.06: the printed matrix beside the right one, with its two wrong rows framed."""
    figure.set_size_inches(8, 3.6)
    taps, right = np.array([1.0, 10.0, 100.0]), same_conv_matrix(np.array([1.0, 10.0, 100.0]), 5)
    as_printed = right.copy()
    as_printed[0], as_printed[4] = [0, *taps[1:], 0, 0], [0, 0, *taps[:2], 0]
    axes = figure.subplots(1, 2)
    for ax, values, title in zip(axes, (as_printed, right), ("as printed", "right"), strict=True):
        draw_matrix(values, ax, title=f"W {title}, w = (1, 10, 100)", names=("input $x$", r"output $\hat x$"))
    for row in (0, 4):
        axes[0].add_patch(Rectangle((-0.47, row - 0.47), 4.94, 0.94, fill=False, edgecolor="tab:red", linewidth=2))


def conv_matrices(figure: Figure) -> None:
    """S4.37 and S4.40: A as printed, A as it is, and B, its transpose."""
    from analysis.worked_examples.seed4_matrix import PRINTED_A, PRINTED_B, A

    figure.set_size_inches(10, 4)
    axes = figure.subplots(1, 3, width_ratios=(2, 2, 1))
    titles = ("A as printed", "A, right", "B = $A^T$")
    for ax, values, title in zip(axes, (PRINTED_A, A, PRINTED_B), titles, strict=True):
        draw_matrix(values, ax, title=title)
    axes[0].add_patch(Rectangle((-0.47, 0.53), 7.94, 0.94, fill=False, edgecolor="tab:red", linewidth=2))


def padding_counts(figure: Figure) -> Columns:
    """S1.18: kernel entries met by each of 11 positions, for four ways to pad."""
    figure.set_size_inches(9, 3)
    found = {mode: contributions(11, 3, mode) for mode in MODES}
    for ax, mode in zip(figure.subplots(1, 4, sharey=True), MODES, strict=True):
        draw_counts(found[mode], ax, title=mode)
        ax.set_ylim(0, 1.05 * max(counts.max() for counts in found.values()))
        ax.label_outer()
    return {"position": np.arange(1, 12), **found}


def padding_heat_maps(figure: Figure) -> None:
    """S1.22: the same in two dimensions, with a 5x5 kernel on 11x11."""
    figure.set_size_inches(11, 2.7)
    for ax, mode in zip(figure.subplots(1, 4), MODES, strict=True):
        draw_counts(contributions(11, 5, mode, axes=2), ax, title=mode)


def gradient_weights(figure: Figure) -> Columns:
    """S1.23: how much a position counts in the kernel's gradient, beside the middle, for a kernel of 5 on 15."""
    figure.set_size_inches(6.5, 3.2)
    ax, position = figure.subplots(), np.arange(1, 16)
    found = {mode: gradient_weight(15, 5, mode) for mode in MODES}
    for (mode, weight), marker in zip(found.items(), "os^d", strict=True):
        ax.plot(position, weight, marker=marker, label=mode)
    ax.set(xlabel="input position", ylabel="weight in the gradient, middle = 1", ylim=(0, None))
    ax.legend()
    ax.grid(alpha=0.3)
    return {"position": position, **found}


def jacobian_supports(figure: Figure) -> None:
    """S3.46: which of 6 outputs depend on which of 8 inputs and on which weights, by convolution and by dense layer."""
    figure.set_size_inches(9.5, 4.6)
    x, taps, w = jnp.arange(1.0, 9.0), jnp.ones(3), jnp.ones((8, 6))
    convolve = lambda x, taps: ops.conv(x[None, :, None], taps[:, None, None])[0, :, 0]  # noqa: E731
    dense = lambda x, w: ops.dense(x[None], w)[0]  # noqa: E731
    found = {
        ("convolution", "8 inputs"): support(lambda x: convolve(x, taps), x),
        ("convolution", "3 weights"): support(lambda taps: convolve(x, taps), taps),
        ("dense", "8 inputs"): support(lambda x: dense(x, w), x),
        ("dense", "48 weights"): support(lambda w: dense(x, w), w).reshape(6, -1),
    }
    axes = figure.subplots(2, 2, width_ratios=(1, 2)).ravel()
    for ax, ((layer, by), filled) in zip(axes, found.items(), strict=True):
        ax.imshow(filled, cmap="Blues", vmin=0, vmax=1.3)
        ax.set(title=f"{layer}, by {by}: {filled.mean():.3g} filled", xlabel=by.split()[1], ylabel="6 outputs")
        ax.set(xticks=np.arange(-0.5, filled.shape[1]), yticks=np.arange(-0.5, 6), xticklabels=[], yticklabels=[])
        ax.tick_params(length=0)
        ax.grid(color="0.8", linewidth=0.6)
