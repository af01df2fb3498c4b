"""Combinators: networks made of networks. Each says only how its children are wired."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Array

from jaxcnn.networks.layers import identity
from jaxcnn.networks.network import Network

Run = Callable[[Array], Array]


def serial(**layers: Network) -> Network:
    """One network after the other, in the order given; the names are those of their parameters.

    >>> from jaxcnn.networks import dense, relu
    >>> serial(dense1=dense(8), relu1=relu(), dense2=dense(1)).output_shape((3,))
    (1,)
    """
    if not layers:
        raise ValueError("serial: no layer given; use identity() for a network that does nothing")

    def forward(x: Array, **runs: Run) -> Array:
        for run in runs.values():
            x = run(x)
        return x

    return Network("serial", {}, tuple(layers.items()), forward=forward)


def residual(body: Network, shortcut: Network | None = None) -> Network:
    """y = body(x) + shortcut(x); the shortcut is the identity unless a projection is given (He et al. 2016).

    Raises:
        ValueError: from `init` or `apply`, where the two have different shapes.

    >>> from jaxcnn.networks import dense
    >>> residual(dense(3)).output_shape((3,))
    (3,)
    """

    def forward(x: Array, body: Run, shortcut: Run) -> Array:
        y, past = body(x), shortcut(x)
        if y.shape != past.shape:
            raise ValueError(
                f"residual: body gives one example of shape {y.shape[1:]} but shortcut {past.shape[1:]}; make them "
                f"equal, for example with a projection, shortcut=conv(features, 1, stride=...)"
            )
        return y + past

    return Network("residual", {}, (("body", body), ("shortcut", shortcut or identity())), forward=forward)
