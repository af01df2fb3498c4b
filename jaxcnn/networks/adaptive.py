"""Average pooling to a given size, which lets a network that ends in dense layers see images of several sizes."""

from __future__ import annotations

from jaxtyping import Array

from jaxcnn.networks.network import Call, Network


def adaptive_avg_pool(size: int) -> Network:
    """The mean over equal windows, `size` of them along every axis; the identity where the input has that size.

    PyTorch's layer of this name also takes sizes that `size` does not divide, with windows that overlap. Those are
    refused here.

    Raises:
        ValueError: a spatial size that is no multiple of `size`.

    >>> adaptive_avg_pool(6).output_shape((12, 6, 256))
    (6, 6, 256)
    """

    def forward(x: Array, call: Call) -> tuple[Array, dict[str, Array]]:
        spatial = x.shape[1:-1]
        if any(extent % size for extent in spatial):
            raise ValueError(
                f"adaptive_avg_pool: {size} equal windows do not fit into {' x '.join(map(str, spatial))} positions; "
                f"give the network images of its own size, such as 224 x 224 for AlexNet and VGG"
            )
        return call.ops.avg_pool(x, tuple(extent // size for extent in spatial)), {}

    return Network("adaptive_avg_pool", {"size": size}, forward=forward)
