"""Pictures of the small studies: depth, activations, weights' scale, saturation, boundaries."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from analysis.worked_examples.studies import activations, perceptron, softmax

Columns = dict[str, np.ndarray]
LAYERS = ("conv1", "conv2", "dense1", "dense2")


def training_comparison(figure: Figure) -> Columns:
    """S0.39: the final losses of 20 pairs of runs, and the confidence interval of their difference, at two rates."""
    figure.set_size_inches(8, 3.4)
    found = {rate: activations.compare_training(rate) for rate in activations.RATES}
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    first = found[activations.RATES[0]]
    seeds = np.arange(first.relu.size)
    left.plot(seeds, first.relu, "o", label="ReLU")
    left.plot(seeds, first.leaky, "s", label="leaky ReLU", markersize=5)
    left.set(xlabel="seed", ylabel=f"loss after 300 steps at rate {activations.RATES[0]}", ylim=(0, None))
    left.legend()
    low, high = np.array([comparison.interval for comparison in found.values()]).T
    right.errorbar(range(len(found)), (low + high) / 2, yerr=(high - low) / 2, fmt="o", capsize=6, color="black")
    right.axhline(0, color="tab:red", linewidth=1)
    words = [f"rate {rate}:\n{'differs' if found[rate].differs else 'no difference'}" for rate in found]
    right.set(ylabel="leaky - ReLU, 95 % interval", xlim=(-0.5, len(found) - 0.5))
    right.set_xticks(range(len(found)), words)
    return {"seed": seeds, "relu": first.relu, "leaky": first.leaky}


def rescue(figure: Figure) -> Columns:
    """S0.33 and S0.36: the loss of a neuron that starts dead, and the share of inputs that activate it."""
    figure.set_size_inches(8.5, 3.2)
    found = {name: activations.dead_neuron(name, steps=5000) for name in ("relu", "leaky_relu")}
    left, right = figure.subplots(1, 2)
    for (name, run), style in zip(found.items(), ("-", "--"), strict=True):
        left.semilogy(run.losses, style, label=name.replace("_", " "))
        right.plot(run.active, style, label=name.replace("_", " "))
    left.set(xlabel="gradient step", ylabel="mean squared error")
    right.set(xlabel="gradient step", ylabel="share of inputs that activate it", ylim=(-0.05, 1.05))
    left.legend()
    steps = np.arange(5001)
    return {"step": steps, **{f"{name} loss": run.losses for name, run in found.items()}}


def gradient_against_depth(figure: Figure) -> Columns:
    """S0.40 and S0.42: the first layer's gradient norm over the last's, against depth."""
    figure.set_size_inches(6, 3.6)
    depths = np.array(activations.DEPTHS)
    ax = figure.subplots()
    found = {}
    for name, variance, style in (("sigmoid", 1 / 16, "o-"), ("relu", 2 / 16, "s-"), ("leaky_relu", 2 / 16, "^:")):
        found[name] = np.array(list(activations.gradient_ratios(name, variance).values()))
        ax.semilogy(depths, found[name], style, label=name.replace("_", " "))
    ax.set(xlabel="layers", ylabel="gradient norm, first / last layer", xticks=depths)
    ax.legend()
    ax.grid(alpha=0.3)
    return {"depth": depths, **found}


def initial_scale(figure: Figure) -> Columns:
    """S2.34: gradient norms of seed 2's network at its first step, against the scale of its weights."""
    figure.set_size_inches(6, 3.6)
    scales = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
    norms = np.array([softmax.first_gradients("he", scale).norms for scale in scales.tolist()])
    ax = figure.subplots()
    for column, name, style in zip(norms.T, LAYERS, ("o-", "s-", "^-", "d:"), strict=True):
        ax.loglog(scales, column, style, label=name)
    ax.set_xticks(scales, [f"{scale:g}" for scale in scales])
    ax.set_xticks([], minor=True)
    ax.axhline(np.sqrt(2), color="black", linestyle="--", label=r"bound of the softmax, $\sqrt{2}$")
    ax.set(xlabel="weights, as a multiple of He's", ylabel="gradient norm of the kernel")
    ax.legend(fontsize=8)
    return {"scale": scales, **dict(zip(LAYERS, norms.T, strict=True))}


def saturation(figure: Figure) -> Columns:
    """S4.03: the tanh perceptron's gradient norm against the scale of its weights."""
    figure.set_size_inches(6, 3.4)
    scales = np.logspace(-1, 3, 33)
    norms = perceptron.gradient_norms(np.random.default_rng(70).normal(size=3), scales)
    ax = figure.subplots()
    ax.loglog(scales[norms > 0], norms[norms > 0], "o-")
    if np.any(norms == 0):
        ax.axvspan(scales[norms == 0][0], scales[-1], color="tab:red", alpha=0.2, label="exactly zero")
        ax.legend()
    ax.set(xlabel="scale of w", ylabel=r"norm of $\nabla E_{in}$")
    ax.grid(alpha=0.3)
    return {"scale": scales, "norm": norms}


def piecewise_function(figure: Figure) -> Columns:
    """S2.42 and S2.43: eq. 23, its three sign changes, and eq. 24 as printed."""
    from analysis.worked_examples.seed2_boundary import KNOTS, f, pieces

    figure.set_size_inches(7, 3.6)
    x = np.linspace(-2, 9, 1101)
    ax = figure.subplots()
    ax.plot(x, f(x), label="eq. 23", linewidth=2)
    wrong = pieces(x, constants=False)
    wrong[np.min(np.abs(x[:, None] - KNOTS), 1) < 0.005] = np.nan
    ax.plot(x, wrong, "--", color="tab:red", label="eq. 24 as printed", linewidth=1)
    ax.plot([3, 14 / 3, 22 / 3], [0, 0, 0], "ko", label="sign changes: 3, 14/3, 22/3")
    ax.axhline(0, color="0.5", linewidth=0.8)
    ax.set(xlabel="$x$", ylabel="$f(x)$", ylim=(-28, 20), xticks=range(-2, 10))
    ax.legend(fontsize=8)
    return {"x": x, "f": f(x)}


def decision_boundary(figure: Figure) -> Columns:
    """S2.38: the boundary x2 = f(x1) with the seven points above and below it."""
    from analysis.worked_examples.seed2_boundary import f

    figure.set_size_inches(6.5, 3.8)
    x = np.linspace(-1, 9, 501)
    points = np.array([0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0])
    ax = figure.subplots()
    ax.fill_between(x, f(x), 7, alpha=0.15, color="tab:blue")
    ax.fill_between(x, f(x), -7, alpha=0.15, color="tab:orange")
    ax.plot(x, f(x), color="black", label="$x_2 = f(x_1)$, eq. 23")
    ax.plot(points, f(points) + 1, "o", color="tab:blue", label="class +1")
    ax.plot(points, f(points) - 1, "s", color="tab:orange", label="class -1")
    ax.set(xlabel="$x_1$", ylabel="$x_2$", ylim=(-7, 7))
    ax.legend(fontsize=8)
    return {"x1": x, "x2": f(x)}
