"""The layers: each a function of arrays with a handwritten gradient.

    image layers     conv, conv_transpose, max_pool, avg_pool, global_avg_pool, batch_norm      x[n, *spatial, c]
    vector layers    dense, flatten                                                             x[n, i]
    elementwise      relu, leaky_relu, sigmoid, tanh, identity, dropout, softmax, log_softmax
    losses           softmax_cross_entropy, half_squared_error, mean_squared_error              [n]

Arrays come first, settings are keyword-only and static, channels are last. Sums are carried in float32 at least,
results have the arguments' dtype, and every gradient has the dtype of what it is the gradient of.
"""

from jaxcnn.ops.activations import identity, leaky_relu, relu, sigmoid, tanh
from jaxcnn.ops.convolution import conv, conv_transpose
from jaxcnn.ops.dense import dense, flatten
from jaxcnn.ops.dropout import dropout
from jaxcnn.ops.losses import half_squared_error, log_softmax, mean_squared_error, softmax, softmax_cross_entropy
from jaxcnn.ops.normalization import batch_norm, batch_statistics
from jaxcnn.ops.pooling import avg_pool, global_avg_pool, max_pool

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
