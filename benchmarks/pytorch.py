"""PyTorch, eager, at the same work: the same networks, walked layer by layer, on the same numbers.

Optional: where PyTorch is missing, this module cannot be imported and the benchmark says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.contenders import LEARNING_RATE, Problem
from benchmarks.rows import Row
from jaxcnn.networks import Network, flat
from jaxcnn.ops import geometry

Leaves = dict[str, Tensor]
Settings = dict[str, Any]
CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}  # by the number of axes
NUMBERS = ("stride", "padding", "dilation", "groups")


def per_rank(name: str, x: Tensor) -> Callable[..., Tensor]:
    """The function for x's number of spatial axes: conv1d, conv2d or conv3d."""
    return getattr(functional, f"{name}{x.ndim - 2}d")


def conv(x: Tensor, leaves: Leaves, settings: Settings) -> Tensor:
    kernel, chosen = leaves["kernel"], {name: settings[name] for name in NUMBERS}
    where = geometry.window("conv", tuple(x.shape[2:]), tuple(kernel.shape[2:]), **chosen)
    padding = [low for low, _ in where.padding]
    if any(low != high for low, high in where.padding):  # PyTorch pads both ends alike
        x = functional.pad(x, [side for pair in reversed(where.padding) for side in pair])
        padding = [0] * len(padding)
    y = per_rank("conv", x)(x, kernel, channel_bias(leaves), where.stride, padding, where.dilation, where.groups)
    return y + leaves["bias"] if has_position_bias(leaves) else y


def conv_transpose(x: Tensor, leaves: Leaves, settings: Settings) -> Tensor:
    kernel, chosen = leaves["kernel"], {name: settings[name] for name in NUMBERS}
    where = geometry.transposed_window("conv_transpose", tuple(x.shape[2:]), tuple(kernel.shape[2:]), **chosen)
    low = [low for low, _ in where.padding]
    extra = [low - high for low, high in where.padding]  # PyTorch's output_padding
    bias = channel_bias(leaves)
    return per_rank("conv_transpose", x)(x, kernel, bias, where.stride, low, extra, where.groups, where.dilation)


def has_position_bias(leaves: Leaves) -> bool:
    return "bias" in leaves and leaves["bias"].ndim > 1


def channel_bias(leaves: Leaves) -> Tensor | None:
    return None if has_position_bias(leaves) else leaves.get("bias")


def batch_norm(x: Tensor, leaves: Leaves, settings: Settings) -> Tensor:
    mean, variance = torch.zeros_like(leaves["scale"]), torch.ones_like(leaves["scale"])
    return functional.batch_norm(x, mean, variance, leaves["scale"], leaves["offset"], training=True)


KINDS: dict[str, Callable[[Tensor, Leaves, Settings], Tensor]] = {
    "conv": conv,
    "conv_transpose": conv_transpose,
    "batch_norm": batch_norm,
    "max_pool": lambda x, leaves, settings: per_rank("max_pool", x)(x, settings["window"], settings["stride"]),
    "avg_pool": lambda x, leaves, settings: per_rank("avg_pool", x)(x, settings["window"], settings["stride"]),
    "global_avg_pool": lambda x, leaves, settings: x.mean(tuple(range(2, x.ndim))),
    "dense": lambda x, leaves, settings: functional.linear(x, leaves["kernel"], leaves["bias"]),
    "flatten": lambda x, leaves, settings: x.flatten(1),
    "relu": lambda x, leaves, settings: functional.relu(x),
    "identity": lambda x, leaves, settings: x,
}


def forward(network: Network, params: dict[str, Tensor], x: Tensor) -> Tensor:
    """The network's output; `params` by path, "conv1/kernel"."""

    def visit(path: str, layer: Network, x: Any) -> Any:
        prefix = f"{path}/" if path else ""
        leaves = {name.removeprefix(prefix): leaf for name, leaf in params.items() if name.startswith(prefix)}
        return KINDS[layer.kind](x, leaves, layer.settings)

    return network.run(x, visit)


def leaf(name: str, array: Any) -> Tensor:
    """A parameter in PyTorch's axes: a kernel is [k, c, *window] or [o, i], a bias per position [c, *output]."""
    tensor = torch.tensor(np.asarray(array))
    if name.endswith("kernel"):
        return tensor.movedim((-1, -2), (0, 1))
    return tensor.movedim(-1, 0)


def arranged(tensor: Tensor, channels_last: bool) -> Tensor:
    """Contiguous in the layout asked for, a leaf of its own."""
    chosen = channels_last and tensor.ndim in CHANNELS_LAST
    format_ = CHANNELS_LAST[tensor.ndim] if chosen else torch.contiguous_format
    return tensor.contiguous(memory_format=format_).clone().requires_grad_()


def work(row: Row, given: Problem, channels_last: bool) -> Callable[[], object]:
    """One turn of the row's work, ready to be called again and again."""
    params = {name: arranged(leaf(name, array), channels_last) for name, array in flat(given.params).items()}
    x = arranged(torch.tensor(given.x).movedim(-1, 1), channels_last)
    if row.work == "layer":
        return layer(row, params, x, arranged(torch.tensor(given.target).movedim(-1, 1), channels_last).detach())
    return {"step": step, "per example": per_example}[row.work](row, params, x.detach(), torch.tensor(given.target))


def layer(row: Row, params: dict[str, Tensor], x: Tensor, dy: Tensor) -> Callable[[], object]:
    inputs = [x, *params.values()]
    return lambda: torch.autograd.grad(forward(row.network, params, x), inputs, dy)


def step(row: Row, params: dict[str, Tensor], x: Tensor, labels: Tensor) -> Callable[[], object]:
    optimiser = torch.optim.SGD(params.values(), lr=LEARNING_RATE)

    def run() -> None:
        optimiser.zero_grad()
        functional.cross_entropy(forward(row.network, params, x), labels).backward()
        optimiser.step()

    return run


def per_example(row: Row, params: dict[str, Tensor], x: Tensor, labels: Tensor) -> Callable[[], object]:
    def loss(params: dict[str, Tensor], x: Tensor, label: Tensor) -> Tensor:
        return functional.cross_entropy(forward(row.network, params, x[None]), label[None])

    gradients = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))
    detached = jax.tree.map(Tensor.detach, params)
    return lambda: gradients(detached, x, labels)


def layouts(row: Row) -> dict[str, bool]:
    """PyTorch's layouts for these images, by name: whether channels come last in memory."""
    return {"NCHW": False, "NHWC": True} if len(row.image) + 1 in CHANNELS_LAST else {"NCW": False}
