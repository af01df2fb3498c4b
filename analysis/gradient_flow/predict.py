r"""What should flow through a network: the columns of `measure`, from its architecture and initialisation alone.

The second moments K of the signal between all pairs of points (`cov`) are followed forward through the layers, those
of its gradient (`dcov`) backward (`points`, `channel`), given the batch that `measure` is given; the fluctuations of
a network of these finite widths come along (`fluctuations`). Nothing is drawn from the network's own parameters.

Where it stops: a nonlinearity must see a Gaussian field, so it cannot follow a residual sum of something that is not
(x + conv(x) after a ReLU), nor the input itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import prod
from typing import NamedTuple

import numpy as np
from jaxtyping import ArrayLike, Float

from analysis.gradient_flow.channel import Pointwise, Sampled, gaussian_kappa
from analysis.gradient_flow.fluctuations import Noise, Pair, Sources, Spread, total
from analysis.gradient_flow.initial import Init
from analysis.gradient_flow.layers import WEIGHTS, Layers, as_network, nonlinearity, takes_params
from analysis.gradient_flow.points import Linear, linear, pair_cosine, positions_apart, positions_mean
from jaxcnn.networks import Network
from jaxcnn.networks.network import join

Matrix = Float[np.ndarray, "points points"]
Shape = tuple[int, ...]
MOST_POINTS = 3000
COLUMNS = ("forward", "backward", "kernel_gradient", "active", "saturated", "forward_cosine", "backward_cosine")
NAN = float("nan")


class Backward(NamedTuple):
    """The gradient with respect to a layer's output."""

    dcov: Matrix
    noise: Noise  # of its mean square before the last kernel
    local: Noise = {}  # noqa: RUF012  what the draw of the last kernel adds; a nonlinearity behind it counts it again
    orthogonality: float = 0.0  # 1 where the last kernel kept the norm

    @property
    def all_noise(self) -> Noise:
        return total((1, self.noise), (1, self.local))


Back = Callable[[Backward], Backward]


@dataclass(frozen=True)
class Prediction:
    """A table with a row per layer in running order, as `measure.Flow`."""

    layers: tuple[str, ...]
    columns: dict[str, Float[np.ndarray, " layers"]]
    spreads: dict[str, list[Spread]]
    kernels: dict[str, float]  # by layer: the kernel's mean square as it is meant to be
    biases: dict[str, float]

    def __getitem__(self, column: str) -> Float[np.ndarray, " layers"]:
        return self.columns[column]

    def row(self, layer: str) -> dict[str, float]:
        """One layer's numbers by column."""
        return {name: float(values[self.layers.index(layer)]) for name, values in self.columns.items()}

    def spread(self, layer: str, column: str) -> Spread:
        """How far one network's number may be from the prediction."""
        return self.spreads[column][self.layers.index(layer)]


@dataclass(frozen=True)
class Signal:
    """The field between two layers: its second moments, and the layers that still have to be applied to it."""

    cov: Matrix
    shape: Shape  # of one example
    noise: Noise = field(default_factory=dict)
    channels: int = 0
    is_gaussian: bool = False
    orthogonality: float = 0.0  # 1 where the kernel before kept the norm exactly, 0 where only its mean
    pending: tuple[tuple[str, Network], ...] = ()


def predict(
    network: Layers,
    init: Init | None,
    x: Float[ArrayLike, " n *example"],
    dy: Float[ArrayLike, " n *output"] | None = None,
    *,
    training: bool = False,
) -> Prediction:
    """The expected signal and gradient at every layer of a random network, and how far one draw may be from them.

    Args:
        network: a `Network`, or (name, layer) pairs whose weight layers are networks.
        init: what all weight layers are drawn with; None: their own initialisers.
        x: the batch.
        dy: the gradient of the loss with respect to the output; None: `measure`'s random direction u, for which the
            moments are known: E[u u^T] = 1 for every two examples.
        training: as for `measure`.

    Raises:
        ValueError: a layer that the theory does not cover, or too many points (examples times positions).

    >>> from jaxcnn.networks import dense, relu, serial
    >>> network = serial(dense1=dense(64), relu1=relu(), dense2=dense(1))
    >>> predict(network, None, np.ones((2, 16))).columns["forward"].round(6).tolist()
    [2.0, 1.0, 2.0]
    """
    network, inputs = as_network(network), np.asarray(x, np.float64)
    examples = len(inputs)
    follower = Follower(examples, init, training)
    signal, back = follower.follow(network, Signal(covariance(inputs), inputs.shape[1:]), "")
    signal, last = follower.flush(signal)
    if dy is None:
        dcov = positions_apart(np.ones((examples, examples)), len(signal.cov) // examples)
    else:
        dcov = covariance(np.asarray(dy, np.float64))
    back(last(Backward(dcov, {})))
    return follower.prediction()


def covariance(x: Float[np.ndarray, "n *spatial c"]) -> Matrix:
    """E[x_p x_p'] over the channels, p running over examples and positions.

    >>> covariance(np.array([[1.0, 1.0], [2.0, 0.0]])).tolist()
    [[1.0, 1.0], [1.0, 2.0]]
    """
    points = x.reshape(-1, x.shape[-1])
    if len(points) > MOST_POINTS:
        raise ValueError(
            f"predict: {len(points)} points (examples times positions) are more than {MOST_POINTS}; give fewer examples"
        )
    return points @ points.T / points.shape[1]


class Follower:
    """Walks through a network once, keeps a row per layer, and returns the way back."""

    def __init__(self, examples: int, init: Init | None, training: bool):
        self.examples, self.init, self.training = examples, init, training
        self.sources = Sources()
        self.rows: dict[str, dict[str, float]] = {}
        self.noises: dict[str, dict[str, Noise]] = {}
        self.kernels: dict[str, float] = {}
        self.biases: dict[str, float] = {}

    def follow(self, network: Network, signal: Signal, path: str) -> tuple[Signal, Back]:
        """The signal after a network, and the function from the gradient there to the gradient here."""
        if network.kind == "serial":
            return self.serial(network, signal, path)
        if network.kind == "residual":
            return self.residual(network, signal, path)
        if network.children:
            raise ValueError(f"predict: {path or network.kind} is a {network.kind}; only serial and residual are known")
        if takes_params(network):
            raise ValueError(
                f"predict: {path} is a function with parameters of its own, of which no theory is known; "
                "give a dense or conv layer in its place, or measure it"
            )
        if network.kind in WEIGHTS:
            return self.weights(network, signal, path)
        if network.kind == "flatten":
            return self.flatten(network, signal, path)
        self.rows[path or network.kind] = {}  # in running order; filled when the nonlinearity is complete
        return replace(signal, pending=(*signal.pending, (path or network.kind, network))), lambda back: back

    def serial(self, network: Network, signal: Signal, path: str) -> tuple[Signal, Back]:
        backs: list[Back] = []
        for name, child in network.children:
            signal, back = self.follow(child, signal, join(path, name))
            backs.append(back)
        return signal, lambda gradient: chain(backs[::-1], gradient)

    def residual(self, network: Network, signal: Signal, path: str) -> tuple[Signal, Back]:
        """Body and shortcut are uncorrelated where the body ends in weights of its own."""
        signal, before = self.flush(signal)
        sums, backs = [], []
        for name, child in network.children:
            branch, through = self.follow(child, signal, join(path, name))
            branch, last = self.flush(branch)
            sums.append(branch)
            backs.append([last, through])
        body, shortcut = sums
        if not body.is_gaussian:
            raise ValueError(
                f"predict: the body of {path or 'residual'} does not end in a weight layer, so it is correlated with "
                "its shortcut and no theory is known; measure it, or move its last layer behind the sum"
            )
        weights = np.array([np.trace(branch.cov) for branch in sums]) / np.trace(body.cov + shortcut.cov)
        noise = total(*zip(weights, (branch.noise for branch in sums), strict=True))
        after = replace(
            body, cov=body.cov + shortcut.cov, noise=noise, is_gaussian=shortcut.is_gaussian, orthogonality=0.0
        )

        def back(gradient: Backward) -> Backward:
            parts = [chain(steps, gradient) for steps in backs]
            return before(sum_of(parts))

        return after, back

    def weights(self, layer: Network, signal: Signal, path: str) -> tuple[Signal, Back]:
        """A layer with a kernel, whose outputs are Gaussian whatever its inputs are."""
        name = path or layer.kind
        signal, before = self.flush(signal)
        map_ = linear(layer, signal.shape, self.examples, self.init)
        cov = map_.forward(signal.cov)
        kept, returned = map_.orthogonality
        kept *= (np.trace(map_.forward(signal.cov, is_biased=False)) / np.trace(cov)) ** 2
        local, _ = self.sources.add(Pair((1 - kept) * gaussian_kappa(cov) / map_.features))
        correction = 0.0 if self.examples == 1 else map_.before**-2  # of products between examples, to next order
        pairs, _ = self.sources.add(Pair(correction, is_shared=True))
        self.keep(name, "forward", cov, total((1.0, signal.noise), (1.0, local)))
        self.meant(name, map_)

        def back(gradient: Backward) -> Backward:
            self.keep(name, "backward", gradient.dcov, gradient.all_noise)
            self.rows[name]["kernel_gradient"] = map_.kernel_gradient(signal.cov, gradient.dcov)
            own = self.sources.add(self.kernel_pair(map_, signal, gradient.dcov))
            noise = total((1, signal.noise), (1, gradient.all_noise), (1, pairs), (1, own[0]), (1, own[1]))
            self.noises[name]["kernel_gradient"] = noise
            dcov = map_.backward(gradient.dcov)
            local, _ = self.sources.add(Pair((1 - returned) * gaussian_kappa(dcov) / map_.before))
            return before(Backward(dcov, gradient.all_noise, local, returned))

        after = Signal(cov, layer.output_shape(signal.shape), signal.noise, map_.features, True, kept)
        return after, back

    def kernel_pair(self, map_: Linear, signal: Signal, dcov: Matrix) -> Pair:
        """What a kernel's gradient fluctuates beyond the two mean squares: few directions of the points count in it."""
        of_input, of_gradient = map_.kernel_weights(signal.cov, dcov)
        forward = gaussian_kappa(signal.cov, of_input) - gaussian_kappa(signal.cov) if signal.channels else 0.0
        backward = gaussian_kappa(dcov, of_gradient) - gaussian_kappa(dcov)
        return Pair(max(forward, 0.0) / map_.before, max(backward, 0.0) / map_.features)

    def flatten(self, layer: Network, signal: Signal, path: str) -> tuple[Signal, Back]:
        """Positions become channels."""
        name = path or layer.kind
        signal, before = self.flush(signal)
        positions = prod(signal.shape[:-1])
        cov = positions_mean(signal.cov, self.examples)
        self.keep(name, "forward", cov, signal.noise)

        def back(gradient: Backward) -> Backward:
            self.keep(name, "backward", gradient.dcov, gradient.all_noise)
            return before(gradient._replace(dcov=positions_apart(gradient.dcov, positions)))

        return replace(signal, cov=cov, shape=(prod(signal.shape),), is_gaussian=False), back

    def flush(self, signal: Signal) -> tuple[Signal, Back]:
        """Apply the pending layers, which together are one nonlinearity of a Gaussian field."""
        names, layers = [name for name, _ in signal.pending], [layer for _, layer in signal.pending]
        is_linear = all(layer.kind == "identity" for layer in layers)
        if is_linear and not (layers and signal.is_gaussian):
            return self.unchanged(names, signal)
        if not signal.is_gaussian:
            raise ValueError(
                f"predict: {names[0]} sees a field that is not Gaussian (the input, or a sum with something that is "
                "not); no theory is known, so measure it, or put a weight layer before it"
            )
        block = nonlinearity_of(layers, signal, self.examples, self.training)
        steps = block.forward()
        cut = signal.orthogonality * gaussian_kappa(signal.cov)  # what a map that keeps the length takes away
        pairs = [Pair((step.kappa - cut * step.response**2) / signal.channels) for step in steps]
        noises = [self.sources.add(pair) for pair in pairs]
        sampling = Pair(steps[-1].kappa / block.samples, is_shared=True)
        errors = self.sources.add(sampling)
        for name, step, (noise, _), shares in zip(names, steps, noises, block.shares(), strict=True):
            self.rows[name] |= shares
            self.keep(
                name, "forward", step.covariance, total((step.response, signal.noise), (1, noise), (1, errors[0]))
            )

        def back(gradient: Backward) -> Backward:
            through, spread = block.backward(gradient.dcov), gaussian_kappa(gradient.dcov)
            lost = cut * through.response**2 + gradient.orthogonality * spread
            pairs[-1].backward = (through.kappa - lost) / signal.channels
            pairs[-1].both = (through.both - cut * through.response * steps[-1].response) / signal.channels
            sampling.backward = through.kappa / block.samples
            noise = total((1, gradient.noise), (through.response, signal.noise), (1, noises[-1][1]), (1, errors[1]))
            self.keep(names[-1], "backward", gradient.dcov, gradient.all_noise)
            for name, dcov in zip(names[:-1], through.covariances[1:], strict=True):
                self.keep(name, "backward", dcov, noise)
            return Backward(through.covariances[0], noise)

        noise = total((steps[-1].response, signal.noise), (1, noises[-1][0]), (1, errors[0]))
        shape = signal.shape
        for layer in layers:
            shape = layer.output_shape(shape)
        return Signal(steps[-1].covariance, shape, noise, signal.channels, is_linear), back

    def unchanged(self, names: list[str], signal: Signal) -> tuple[Signal, Back]:
        """Identities, or nothing, of a field that need not be Gaussian."""
        for name in names:
            self.keep(name, "forward", signal.cov, signal.noise)

        def back(gradient: Backward) -> Backward:
            for name in names:
                self.keep(name, "backward", gradient.dcov, gradient.all_noise)
            return gradient

        return replace(signal, pending=()), back

    def keep(self, name: str, column: str, cov: Matrix, noise: Noise) -> None:
        """A mean square and its cosine."""
        row = self.rows.setdefault(name, {})
        row[column] = float(np.trace(cov)) / len(cov)
        row[f"{column}_cosine"] = pair_cosine(cov, self.examples)
        self.noises.setdefault(name, {})[column] = noise

    def meant(self, name: str, map_: Linear) -> None:
        self.kernels[name] = float(map_.variances.mean())
        self.biases[name] = float(np.mean(np.diag(map_.bias)) if isinstance(map_.bias, np.ndarray) else map_.bias)

    def prediction(self) -> Prediction:
        """The table, once the way back has been gone."""
        columns = {
            column: np.array([row.get(column, NAN) for row in self.rows.values()], np.float64) for column in COLUMNS
        }
        spreads = {
            column: [self.spread(name, column) for name in self.rows]
            for column in ("forward", "backward", "kernel_gradient")
        }
        return Prediction(tuple(self.rows), columns, spreads, self.kernels, self.biases)

    def spread(self, name: str, column: str) -> Spread:
        noise = self.noises.get(name, {}).get(column)
        return Spread(NAN, NAN, NAN) if noise is None else self.sources.spread(noise)


def nonlinearity_of(layers: list[Network], signal: Signal, examples: int, training: bool) -> Pointwise | Sampled:
    """In closed form for one activation, by sampling for anything else."""
    phi = nonlinearity(layers[0]) if len(layers) == 1 else None
    return Sampled(layers, signal.cov, signal.shape, examples, training) if phi is None else Pointwise(phi, signal.cov)


def chain(backs: list[Back], gradient: Backward) -> Backward:
    for back in backs:
        gradient = back(gradient)
    return gradient


def sum_of(parts: list[Backward]) -> Backward:
    """The gradient that arrives through several branches, uncorrelated."""
    dcov = np.sum([part.dcov for part in parts], axis=0)
    shares = [np.trace(part.dcov) / np.trace(dcov) for part in parts]
    return Backward(dcov, total(*zip(shares, (part.all_noise for part in parts), strict=True)))
