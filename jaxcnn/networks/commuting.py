"""ReLU and a max pool commute, so a network may be run with the pool first: ReLU has less to do and to keep.

    max over t of max(0, x[t])  =  max(0, max over t of x[t])

Gradients are equal too, bit for bit, ties and NaN included: where the largest x of a window is positive both orders
find the same first winner, and where it is not both give the gradient 0. In the order written, ReLU keeps its whole
output; in this one the pair keeps the winners, a byte each, and the pooled output that the next layer keeps anyway.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxcnn.networks.network import Network


def pools_first(network: Network) -> Network:
    """The same function with every ReLU that stands right before a max pool moved behind it; paths stay.

    >>> from jaxcnn.networks import max_pool, relu, serial
    >>> pools_first(serial(act=relu(), pool=max_pool(2)))
    serial(pool=max_pool(window=2, stride=None, padding='VALID', dilation=1), act=relu())
    """
    children = [(name, pools_first(child)) for name, child in network.children]
    for i in range(len(children) - 1):
        kinds = [child.kind for _, child in children[i : i + 2]]
        if network.kind == "serial" and kinds == ["relu", "max_pool"]:
            children[i : i + 2] = children[i + 1], children[i]
    return replace(network, children=tuple(children)) if children else network
