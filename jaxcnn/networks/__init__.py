"""Networks as pure init/apply pairs: layers, combinators, initialisers, and the networks of the seed documents."""

from jaxcnn.networks import initialisers
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
from jaxcnn.networks.network import Call, Network, Site, flat, nested
from jaxcnn.networks.seeds import NAMED, Named, seed0, seed2, seed2_shallow, seed3, seed3_1d, seed3_dense, seed4
from jaxcnn.networks.summary import Row, summary, table

__all__ = [
    "NAMED",
    "Call",
    "Named",
    "Network",
    "Row",
    "Site",
    "avg_pool",
    "batch_norm",
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
    "max_pool",
    "nested",
    "relu",
    "residual",
    "seed0",
    "seed2",
    "seed2_shallow",
    "seed3",
    "seed3_1d",
    "seed3_dense",
    "seed4",
    "serial",
    "sigmoid",
    "summary",
    "table",
    "tanh",
]
