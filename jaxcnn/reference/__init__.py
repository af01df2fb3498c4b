"""The layers of `jaxcnn.ops` in plain `jax.numpy` and `jax.lax`: the same names and signatures, no handwritten rule.

This is what `jax.grad` differentiates when handwritten gradients are checked. It is written to be obviously right, not
fast, and checks no arguments.
"""

from jaxcnn.reference.activations import identity, leaky_relu, relu, sigmoid, tanh
from jaxcnn.reference.convolution import conv, conv_transpose
from jaxcnn.reference.dense import dense, flatten
from jaxcnn.reference.dropout import dropout
from jaxcnn.reference.losses import (
    half_squared_error,
    log_softmax,
    mean_squared_error,
    softmax,
    softmax_cross_entropy,
)
from jaxcnn.reference.normalization import batch_norm, batch_statistics
from jaxcnn.reference.pooling import avg_pool, global_avg_pool, max_pool

__all__ = [
    "avg_pool",
    "batch_norm",
    "batch_statistics",
    "conv",
    "conv_transpose",
    "dense",
    "dropout",
    "flatten",
    "global_avg_pool",
    "half_squared_error",
    "identity",
    "leaky_relu",
    "log_softmax",
    "max_pool",
    "mean_squared_error",
    "relu",
    "sigmoid",
    "softmax",
    "softmax_cross_entropy",
    "tanh",
]
