"""Networks as pure init/apply pairs: layers, combinators, initialisers, and the seeds' and the literature's by name."""

from jaxcnn.networks import initialisers
from jaxcnn.networks.adaptive import adaptive_avg_pool
from jaxcnn.networks.alexnet import alexnet
from jaxcnn.networks.blocks import bottleneck_block, projection, residual_block, subsampling
from jaxcnn.networks.catalogue import NAMED
from jaxcnn.networks.combinators import residual, serial
from jaxcnn.networks.layers import (
    avg_pool,
    batch_norm,
    conv,
    conv_transpose,
    dense,
    dropout,
    flatten,
    global_avg_pool,
    identity,
    leaky_relu,
    max_pool,
    relu,
    sigmoid,
    tanh,
)
from jaxcnn.networks.lenet import lenet5
from jaxcnn.networks.network import Call, Network, Site, flat, nested
from jaxcnn.networks.resnet import resnet18, resnet34, resnet50, resnet_small
from jaxcnn.networks.seeds import Named, seed0, seed2, seed2_shallow, seed3, seed3_1d, seed3_dense, seed4
from jaxcnn.networks.summary import Row, summary, table
from jaxcnn.networks.vgg import vgg11, vgg16

__all__ = [
    "NAMED",
    "Call",
    "Named",
    "Network",
    "Row",
    "Site",
    "adaptive_avg_pool",
    "alexnet",
    "avg_pool",
    "batch_norm",
    "bottleneck_block",
    "conv",
    "conv_transpose",
    "dense",
    "dropout",
    "flat",
    "flatten",
    "global_avg_pool",
    "identity",
    "initialisers",
    "leaky_relu",
    "lenet5",
    "max_pool",
    "nested",
    "projection",
    "relu",
    "residual",
    "residual_block",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet_small",
    "seed0",
    "seed2",
    "seed2_shallow",
    "seed3",
    "seed3_1d",
    "seed3_dense",
    "seed4",
    "serial",
    "sigmoid",
    "subsampling",
    "summary",
    "table",
    "tanh",
    "vgg11",
    "vgg16",
]
