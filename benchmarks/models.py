"""The networks that only the benchmark runs, built from the package's layers."""

from __future__ import annotations

from jaxcnn.networks import (
    Network,
    batch_norm,
    conv,
    conv_transpose,
    dense,
    flatten,
    global_avg_pool,
    max_pool,
    relu,
    residual,
    serial,
)


def chain(*layers: Network) -> Network:
    """One after the other, named by kind and place."""
    return serial(**{f"{layer.kind}{place}": layer for place, layer in enumerate(layers)})


def vgg(classes: int = 10) -> Network:
    """Two stages of conv, conv, pool with 32 and 64 features (after Simonyan and Zisserman, 2015)."""
    stages = [
        layer for features in (32, 64) for layer in (*(conv(features, 3, padding="SAME"), relu()) * 2, max_pool(2))
    ]
    return chain(*stages, flatten(), dense(classes))


def residual_block(features: int, stride: int) -> Network:
    """Two 3x3 convolutions, each with batch norm, around a shortcut (He et al. 2016)."""
    body = chain(
        conv(features, 3, stride=stride, padding="SAME", bias=None),
        batch_norm(),
        relu(),
        conv(features, 3, padding="SAME", bias=None),
        batch_norm(),
    )
    return residual(body, conv(features, 1, stride=stride, padding="SAME", bias=None) if stride > 1 else None)


def resnet(blocks: int = 2, classes: int = 10) -> Network:
    """6 blocks + 2 layers in three stages of 16, 32 and 64 features: He et al. 2016, section 4.2."""
    first = (conv(16, 3, padding="SAME", bias=None), batch_norm(), relu())
    stages = [
        layer
        for features in (16, 32, 64)
        for block in range(blocks)
        for layer in (residual_block(features, 2 if features > 16 and block == 0 else 1), relu())
    ]
    return chain(*first, *stages, global_avg_pool(), dense(classes))


def alexnet(classes: int = 1000) -> Network:
    """Krizhevsky 2014, as torchvision has it, without dropout."""
    features = (
        *(conv(64, 11, stride=4, padding=2), relu(), max_pool(3, stride=2)),
        *(conv(192, 5, padding=2), relu(), max_pool(3, stride=2)),
        *(conv(384, 3, padding=1), relu(), conv(256, 3, padding=1), relu(), conv(256, 3, padding=1), relu()),
        max_pool(3, stride=2),
    )
    return chain(*features, flatten(), dense(4096), relu(), dense(4096), relu(), dense(classes))


def depthwise_stack(channels: int, layers: int) -> Network:
    """jax#13800: depthwise convolutions of length 5, one after the other."""
    return chain(*[conv(channels, 5, padding="SAME", groups=channels, bias=None) for _ in range(layers)])


def upsampling_3d() -> Network:
    """jax#31662: a transposed convolution that doubles each of three axes."""
    return conv_transpose(1, 3, stride=2, padding=((1, 0),) * 3)


def synthesis_1d() -> Network:
    """jax#23783: a transposed convolution with a long window and a long stride, as from a spectrogram to sound."""
    return conv_transpose(1, 256, stride=64, bias=None)


def wide_1d() -> Network:
    """jax#12868: 1000 channels to 1000, one tap."""
    return conv(1000, 1, bias=None)


def tower(features: int) -> Network:
    """A convolution, a ReLU and a pool, twice: what the growth of cost is measured on."""
    return chain(*(conv(features, 3, padding="SAME"), relu(), max_pool(2)) * 2)
