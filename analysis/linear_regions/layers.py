"""From a network to its graph: a list of dense layers, or one of `jaxcnn.networks` with its parameters.

A network is not taken apart by kind of combinator. It is run, once, on a symbol in place of an array: every layer adds
its operation to the graph, and where branches meet, they add symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analysis.linear_regions import affine
from analysis.linear_regions.graph import Graph, Node, fused
from analysis.linear_regions.operations import (
    ABSOLUTE,
    HARD_TANH,
    RELU,
    Affine,
    Array,
    Kink,
    Maximum,
    Operation,
    Sum,
    leaky,
)
from jaxcnn.networks.network import Network, flat, join
from jaxcnn.ops import geometry

Shape = tuple[int, ...]
SMOOTH = {
    "sigmoid": "hard_tanh",
    "tanh": "hard_tanh",
    "softmax": "no softmax (its argmax is that of the logits)",
    "gelu": "relu",
    "silu": "leaky_relu",
    "elu": "leaky_relu",
    "softplus": "relu",
}


def from_layers(layers: Sequence[tuple[Any, Any]], activation: Kink = RELU) -> Graph:
    """A chain of dense layers (kernel[in, out], bias[out]) with an activation between them and none after the last.

    Raises:
        ValueError: no layer, shapes that do not chain, or weights that are not finite.
    """
    if not len(layers):
        raise ValueError("layers: the list is empty; give at least one (kernel[in, out], bias[out]) pair")
    nodes: list[Node] = []
    widths = [np.shape(layers[0][0])[0] if np.ndim(layers[0][0]) == 2 else 0]
    for k, (kernel, bias) in enumerate(layers):
        kernel, bias = finite(f"layers[{k}] kernel", kernel), finite(f"layers[{k}] bias", bias)
        if kernel.ndim != 2 or bias.shape != kernel.shape[1:] or kernel.shape[0] != widths[-1]:
            raise ValueError(
                f"layers[{k}]: kernel {kernel.shape} and bias {bias.shape} do not go with {widths[-1]} inputs; "
                f"give kernel[in, out] and bias[out] with in = {widths[-1]}"
            )
        widths.append(len(bias))
        nodes.append(Node(f"dense{k + 1}", affine.dense(kernel, bias), (len(nodes) - 1,)))
        if k < len(layers) - 1:
            nodes.append(Node(f"layer{k + 1}", activation, (len(nodes) - 1,)))
    return Graph(tuple(nodes), widths[0], max(widths))


def finite(name: str, array: Any) -> Array:
    """An array as float64, refused where it is not a number."""
    result = np.asarray(array, np.float64)
    if not np.isfinite(result).all():
        raise ValueError(
            f"{name}: {np.count_nonzero(~np.isfinite(result))} of {result.size} values are not finite; "
            f"a network that diverged has no regions, take parameters from before that"
        )
    return result


def from_network(network: Network, params: Any, input_shape: Shape, state: Any = None) -> Graph:
    """A network of `jaxcnn.networks` in inference mode: dropout off, batch norm by its running statistics.

    Raises:
        ValueError: a layer that is smooth, or parameters that are missing or not finite (named by their path).
    """
    trace = Trace(flat(params), flat(state))
    start: Any = trace.symbol(-1, tuple(input_shape))
    network.run(start, trace.visit)
    return fused(Graph(tuple(trace.nodes), int(np.prod(input_shape)), trace.width))


@dataclass(eq=False)
class Trace:
    """The graph while a network runs."""

    params: dict[str, Any]
    state: dict[str, Any]
    nodes: list[Node] = field(default_factory=list)
    width: int = 1

    def symbol(self, node: int, example: Shape) -> Symbol:
        self.width = max(self.width, int(np.prod(example)))
        return Symbol(self, node, (1, *example))

    def add(self, name: str, operation: Operation, inputs: tuple[Symbol, ...], example: Shape) -> Symbol:
        self.nodes.append(Node(name, operation, tuple(symbol.node for symbol in inputs)))
        if isinstance(operation, Affine):
            self.width = max(self.width, operation.scratch)
        return self.symbol(len(self.nodes) - 1, example)

    def visit(self, path: str, layer: Network, x: Any) -> Any:
        """What a layer adds."""
        if layer.kind in SMOOTH or layer.kind not in LAYERS:
            instead = SMOOTH.get(layer.kind, f"one of {', '.join(LAYERS)}")
            why = "smooth, so the network has no linear regions" if layer.kind in SMOOTH else "not known here"
            raise ValueError(
                f"regions: layer {path or layer.kind} is {layer.kind}, which is {why}; use {instead} instead"
            )
        leaves = {
            name: finite(join(path, name), take(source, join(path, name)))
            for source, wanted in ((self.params, layer.leaves), (self.state, layer.statistics))
            for name in wanted(x.shape[1:])
        }
        operation, example = LAYERS[layer.kind](x.shape[1:], layer.settings, leaves)
        return x.reshaped(example) if operation is None else self.add(path or layer.kind, operation, (x,), example)


def take(source: dict[str, Any], leaf: str) -> Any:
    if leaf not in source:
        raise ValueError(f"regions: no {leaf} was given; pass the params (and the state) that belong to this network")
    return source[leaf]


@dataclass(frozen=True, eq=False)
class Symbol:
    """Stands for a batch of one example in the network's own code."""

    trace: Trace
    node: int
    shape: Shape

    def __add__(self, other: Symbol) -> Symbol:
        return self.trace.add("sum", Sum(), (self, other), self.shape[1:])

    def reshaped(self, example: Shape) -> Symbol:
        return Symbol(self.trace, self.node, (1, *example))


Built = tuple[Operation | None, Shape]  # None: the layer passes its input on
Builder = Callable[[Shape, dict[str, Any], dict[str, Array]], Built]


def conv(shape: Shape, settings: dict[str, Any], leaves: dict[str, Array]) -> Built:
    kernel = leaves["kernel"]
    names = ("stride", "padding", "dilation", "groups")
    window = geometry.window("conv", shape[:-1], kernel.shape[:-2], **{name: settings[name] for name in names})
    return affine.conv(window, shape[-1], kernel, leaves.get("bias")), (*window.output, kernel.shape[-1])


def conv_transpose(shape: Shape, settings: dict[str, Any], leaves: dict[str, Array]) -> Built:
    kernel = leaves["kernel"]
    names = ("stride", "padding", "dilation", "groups")
    window = geometry.transposed_window(
        "conv_transpose", shape[:-1], kernel.shape[:-2], **{name: settings[name] for name in names}
    )
    channels = kernel.shape[-2] * settings["groups"]
    return affine.conv_transpose(window, channels, kernel, leaves.get("bias")), (*window.input, channels)


def pool(kind: str) -> Builder:
    def build(shape: Shape, settings: dict[str, Any], leaves: dict[str, Array]) -> Built:
        stride = settings["window"] if settings["stride"] is None else settings["stride"]
        options = {"stride": stride, "padding": settings["padding"], "dilation": settings["dilation"]}
        window = geometry.window(kind, shape[:-1], settings["window"], **options)
        example = (*window.output, shape[-1])
        if kind == "avg_pool":
            return affine.avg_pool(window, shape[-1], settings["count_include_pad"]), example
        place = affine.places(window)[:, None, :]  # [outputs, 1, taps]
        inside = place < np.prod(window.input)
        index = np.where(inside, place * shape[-1] + np.arange(shape[-1])[:, None], -1)
        return Maximum(index.reshape(-1, index.shape[-1])), example

    return build


def dense(shape: Shape, settings: dict[str, Any], leaves: dict[str, Array]) -> Built:
    return affine.dense(leaves["kernel"], leaves.get("bias", 0.0)), leaves["kernel"].shape[1:]


def global_avg_pool(shape: Shape, settings: dict[str, Any], leaves: dict[str, Array]) -> Built:
    return affine.avg_pool(geometry.window("global_avg_pool", shape[:-1], shape[:-1]), shape[-1], True), shape[-1:]


def batch_norm(shape: Shape, settings: dict[str, Any], leaves: dict[str, Array]) -> Built:
    factor = leaves["scale"] / np.sqrt(leaves["variance"] + settings["epsilon"])
    return affine.scale(factor, leaves["offset"] - leaves["mean"] * factor, int(np.prod(shape[:-1]))), shape


def elementwise(kink: Kink) -> Builder:
    return lambda shape, settings, leaves: (kink, shape)


LAYERS: dict[str, Builder] = {
    "dense": dense,
    "conv": conv,
    "conv_transpose": conv_transpose,
    "relu": elementwise(RELU),
    "leaky_relu": lambda shape, settings, leaves: (leaky(settings["negative_slope"]), shape),
    "absolute": elementwise(ABSOLUTE),
    "hard_tanh": elementwise(HARD_TANH),
    "max_pool": pool("max_pool"),
    "avg_pool": pool("avg_pool"),
    "global_avg_pool": global_avg_pool,
    "batch_norm": batch_norm,
    "flatten": lambda shape, settings, leaves: (None, (int(np.prod(shape)),)),
    "identity": lambda shape, settings, leaves: (None, shape),
    "dropout": lambda shape, settings, leaves: (None, shape),
}
