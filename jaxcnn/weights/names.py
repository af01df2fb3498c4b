"""PyTorch's names and layouts for the leaves of a network, found by walking it.

    leaf          here                              PyTorch
    kernel        [*window, inputs, outputs]        weight [outputs, inputs, *window]
    kernel        [inputs, outputs], dense          weight [outputs, inputs]
    bias          [outputs]                         bias
    bias          [*positions, outputs]             bias [outputs, *positions], no layer of PyTorch's own
    scale         [c], batch norm                   weight
    offset        [c]                               bias
    mean          [c], kept, not learnt             running_mean
    variance      [c]                               running_var

Here `flatten` takes positions, then channels; PyTorch takes channels, then positions. So the inputs of the first dense
layer after a `flatten` of [h, w, c] are reordered too.

A module is named by its path: `layer1/block1/sum/body/conv2` is layer1.0.conv2 as in torchvision, and a layer of
`features` or `classifier` is named by its place there, which is the same in torchvision's AlexNet and VGG.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod

import numpy as np

from jaxcnn.networks.network import Network, Shape, Site, join

LEAVES = {
    "kernel": "weight",
    "bias": "bias",
    "scale": "weight",
    "offset": "bias",
    "mean": "running_mean",
    "variance": "running_var",
}
NUMBERED = ("features", "classifier")
MODULES = [  # (part of a path, what PyTorch calls it), applied in this order
    (r"/(body|sum)(?=/)", ""),
    (r"/shortcut/conv$", "/downsample/0"),
    (r"/shortcut/bn$", "/downsample/1"),
    (r"\bdense(\d*)$", r"fc\1"),
]


@dataclass(frozen=True)
class Tensor:
    """A leaf and the tensor of a PyTorch state dict that holds the same numbers.

    Fields:
        path, shape: the leaf's, "conv1/kernel" and (5, 5, 1, 4).
        name, torch_shape: the tensor's, "conv1.weight" and (4, 1, 5, 5).
        split: the tensor's shape with the axes of what was flattened told apart.
        axes: the order of `split`'s axes here.
        is_learnt: a parameter, not a running statistic.
    """

    path: str
    shape: Shape
    name: str
    torch_shape: Shape
    split: Shape
    axes: tuple[int, ...]
    is_learnt: bool

    def from_torch(self, array: np.ndarray) -> np.ndarray:
        """The leaf's array from the tensor's."""
        return np.ascontiguousarray(array.reshape(self.split).transpose(self.axes).reshape(self.shape))

    def to_torch(self, array: np.ndarray) -> np.ndarray:
        """`from_torch` undone: the same numbers, bit for bit."""
        reordered = array.reshape([self.split[axis] for axis in self.axes])
        return np.ascontiguousarray(reordered.transpose(np.argsort(self.axes)).reshape(self.torch_shape))


def tensors(network: Network, input_shape: Shape) -> list[Tensor]:
    """Every leaf of `network` for examples of `input_shape`, in running order: parameters and running statistics.

    >>> from jaxcnn.networks import conv, dense, flatten, serial
    >>> network = serial(conv1=conv(4, 5, bias=None), flatten=flatten(), dense1=dense(10, bias=None))
    >>> for tensor in tensors(network, (28, 28, 1)):
    ...     print(tensor.path, tensor.shape, tensor.name, tensor.torch_shape, tensor.split)
    conv1/kernel (5, 5, 1, 4) conv1.weight (4, 1, 5, 5) (4, 1, 5, 5)
    dense1/kernel (2304, 10) fc1.weight (10, 2304) (10, 4, 24, 24)
    """
    found: list[Tensor] = []
    flattened: Shape = ()
    for site in network.sites(input_shape):
        if site.layer.kind == "flatten":
            flattened = site.input_shape
        is_dense = site.layer.kind == "dense"
        for leaf, shape, is_learnt in leaves_of(site):
            split, axes = layout(leaf, shape, flattened if is_dense else ())
            torch_shape = (split[0], prod(split[1:])) if is_dense and leaf == "kernel" else split
            name = f"{module(site.path, network)}.{LEAVES[leaf]}"
            found.append(Tensor(join(site.path, leaf), shape, name, torch_shape, split, axes, is_learnt))
        if is_dense:
            flattened = ()
    return found


def leaves_of(site: Site) -> list[tuple[str, Shape, bool]]:
    """Name, shape and whether it is learnt, of all that a layer has."""
    learnt, kept = site.layer.leaves(site.input_shape), site.layer.statistics(site.input_shape)
    return [(leaf, shape, leaf in learnt) for leaf, (_, shape) in {**learnt, **kept}.items()]


def layout(leaf: str, shape: Shape, flattened: Shape) -> tuple[Shape, tuple[int, ...]]:
    """`split` and `axes` of a leaf: what is last here comes first in PyTorch, and of a kernel the inputs next.

    >>> layout("kernel", (3, 3, 16, 32), ())
    ((32, 16, 3, 3), (2, 3, 1, 0))
    >>> layout("kernel", (400, 120), (5, 5, 16))
    ((120, 16, 5, 5), (2, 3, 1, 0))
    """
    if leaf == "kernel":
        *window, inputs, outputs = (*flattened, shape[-1]) if flattened else shape
        return (outputs, inputs, *window), (*range(2, 2 + len(window)), 1, 0)
    *positions, outputs = shape  # one number per channel, or per position and channel
    return (outputs, *positions), (*range(1, len(shape)), 0)


def module(path: str, network: Network) -> str:
    """What PyTorch calls the layer at `path`.

    >>> module("layer1/block2/sum/body/conv1", network=None), module("dense", network=None)
    ('layer1.1.conv1', 'fc')
    """
    head, _, rest = path.partition("/")
    if head in NUMBERED:
        names = [name for name, _ in dict(network.children)[head].children]
        return f"{head}.{names.index(rest)}"
    for pattern, name in MODULES:
        path = re.sub(pattern, name, path)
    return re.sub(r"/block(\d+)", lambda block: f"/{int(block[1]) - 1}", path).replace("/", ".")
