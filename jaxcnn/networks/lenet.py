"""LeNet-5 (LeCun, Bottou, Bengio and Haffner 1998), with full connections, plain average pools and a linear output.

The paper's own network subsamples with two learnt numbers per map, leaves out some connections of its second
convolution and ends in radial basis functions: 60,000 parameters that learn, against 61,706 here.
"""

from __future__ import annotations

from jaxcnn.networks.combinators import serial
from jaxcnn.networks.initialisers import Initialiser, xavier
from jaxcnn.networks.layers import avg_pool, conv, dense, flatten, tanh
from jaxcnn.networks.network import Network


def lenet5(classes: int = 10, *, kernel_init: Initialiser = xavier) -> Network:
    """Two 5x5 convolutions with average pools, three dense layers, tanh; 61,706 parameters for images [32, 32, 1].

    >>> lenet5().output_shape((32, 32, 1))
    (10,)
    """
    return serial(
        conv1=conv(6, 5, kernel_init=kernel_init),  # [n, 28, 28, 6]
        tanh1=tanh(),
        pool1=avg_pool(2),  # [n, 14, 14, 6]
        conv2=conv(16, 5, kernel_init=kernel_init),  # [n, 10, 10, 16]
        tanh2=tanh(),
        pool2=avg_pool(2),  # [n, 5, 5, 16]
        flatten=flatten(),
        dense1=dense(120, kernel_init=kernel_init),
        tanh3=tanh(),
        dense2=dense(84, kernel_init=kernel_init),
        tanh4=tanh(),
        dense3=dense(classes, kernel_init=kernel_init),
    )
