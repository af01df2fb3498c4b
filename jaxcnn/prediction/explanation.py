r"""Which parts of a picture speak for a class.

With A_k the k-th feature map before the network's average or flatten, and s_c the logit of class c:

    class activation map    M_c(i, j) = sum_k w_kc A_k(i, j),      w_kc = sum over (i, j) of ds_c / dA_k(i, j)
    input gradient          G(i, j) = max over colours of |ds_c / dx(i, j)|

Where an average over positions and one dense layer follow, w_kc is that layer's weight, the mean of M_c over positions
is s_c less its bias, and this is the map of Zhou et al. 2016. Elsewhere it is that of Selvaraju et al. 2017, with its
sign kept. The input gradient is that of Simonyan et al. 2014. All of these gradients are the handwritten ones.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcnn.networks.network import Call, Network, Params, Shape, flat, join
from jaxcnn.prediction.models import Model
from jaxcnn.prediction.preprocessing import Pixels

ENDS = ("adaptive_avg_pool", "global_avg_pool", "flatten")  # what ends the convolutional part of a network


class Explanation(NamedTuple):
    """Why a class: logits per unit of feature, and per unit of input. `activation` is None without convolutions."""

    activation: Float[np.ndarray, "rows columns"] | None
    gradient: Float[np.ndarray, "height width"]


def explain(model: Model, pixels: Pixels, label: int) -> Explanation:
    """The class activation map and the input gradient of a class's logit."""
    x = jnp.asarray(model.preprocessing.normalised(pixels))[None]  # [1, h, w, c]
    path, shape = feature_site(model.network, x.shape[1:])
    shift = jnp.zeros((1, *shape), x.dtype)
    (dx, dfeatures), features = score_gradients(x, shift, model.params, model.state, label, model.network, path)
    gradient = np.abs(np.asarray(dx[0])).max(axis=-1)  # [h, w]
    if path is None:
        return Explanation(None, gradient)
    weights = dfeatures.sum(axis=(1, 2), keepdims=True)  # [1, 1, 1, k]
    return Explanation(np.asarray((weights * features).sum(axis=-1)[0]), gradient)


def feature_site(network: Network, input_shape: Shape) -> tuple[str | None, Shape]:
    """The layer whose output are the last feature maps, and their shape; None where no layer comes before the end."""
    before: tuple[str | None, Shape] = (None, ())
    for site in network.sites(input_shape):
        if site.layer.kind in ENDS:
            break
        before = site.path, site.output_shape
    return before


@partial(jax.jit, static_argnames=("network", "path"))
def score_gradients(
    x: Array, shift: Array, params: Params, state: Params, label: int, network: Network, path: str | None
) -> tuple[tuple[Array, Array], Array]:
    """The gradients of a logit by the input and by the output of the layer at `path`, and that output."""
    given = {**flat(params), **flat(state)}

    def score(x: Array, shift: Array) -> tuple[Array, Array]:
        features = x

        def visit(at: str, layer: Network, x: Array) -> Array:
            nonlocal features
            shape = x.shape[1:]
            leaves, kept = (
                {name: given[join(at, name)] for name in of(shape)} for of in (layer.leaves, layer.statistics)
            )
            y, _ = layer.forward(x, Call(at, leaves, kept))
            if at != path:
                return y
            features = y
            return y + shift  # zero: a handle to take the gradient by

        return network.run(x, visit)[0, label], features

    return jax.grad(score, (0, 1), has_aux=True)(x, shift)
