"""Layers as networks: one constructor for each function of `jaxcnn.ops`, with the same name and settings.

`features` counts output channels; what a layer receives is known at `init`. Leaves and running statistics have the
names of the op's own arguments (kernel, bias, scale, offset, mean, variance), so that calling a layer is
`op(x, **leaves, **settings)`. A bias is "channel" (one number per channel), "position" (one per output position and
channel, as in seed 2, table 1) or None.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
from jax.nn.initializers import ones, zeros
from jaxtyping import Array

from jaxcnn.networks.initialisers import Initialiser, grouped, he, transposed
from jaxcnn.networks.network import Call, Leaves, Network, Shape
from jaxcnn.ops import geometry
from jaxcnn.ops.geometry import Ints, Padding


def layer(
    kind: str, settings: dict[str, Any] | None = None, built: dict[str, Any] | None = None, **fields: Any
) -> Network:
    """A layer that calls the op of its name with `settings`; what it was `built` with decides its leaves."""
    settings = settings or {}

    def forward(x: Array, call: Call) -> tuple[Array, dict[str, Array]]:
        return getattr(call.ops, kind)(x, **call.leaves, **settings), {}

    return Network(kind, {**(built or {}), **settings}, forward=forward, **fields)


def conv(
    features: int,
    window: Ints,
    *,
    stride: Ints = 1,
    padding: Padding = "VALID",
    dilation: Ints = 1,
    groups: int = 1,
    bias: str | None = "channel",
    kernel_init: Initialiser = he,
    bias_init: Initialiser = zeros,
) -> Network:
    """Convolution; leaves kernel [*window, c // groups, features] and bias [features] or [*output, features].

    >>> params = conv(4, 5, bias="position").init(jax.random.key(0), (28, 28, 1))
    >>> jax.tree.map(jax.numpy.shape, params)
    {'bias': (24, 24, 4), 'kernel': (5, 5, 1, 4)}
    """
    settings: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}

    def leaves(input_shape: Shape) -> Leaves:
        spatial, inputs, size = image("conv", input_shape, window)
        where = geometry.window("conv", spatial, size, **settings)
        kernel = (*size, per_group("conv", inputs, groups), features)
        return {
            "kernel": (grouped(kernel_init, groups), kernel),
            **biases("conv", bias, bias_init, (*where.output, features)),
        }

    return layer("conv", settings, built("conv", features, bias, kernel_init, bias_init, window=window), leaves=leaves)


def conv_transpose(
    features: int,
    window: Ints,
    *,
    stride: Ints = 1,
    padding: Padding = "VALID",
    dilation: Ints = 1,
    groups: int = 1,
    bias: str | None = "channel",
    kernel_init: Initialiser = he,
    bias_init: Initialiser = zeros,
) -> Network:
    """Transposed convolution; leaves kernel [*window, features // groups, c] (that of the convolution) and bias.

    >>> conv_transpose(3, 2, stride=2).output_shape((12, 12, 4))
    (24, 24, 3)
    """
    settings: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}

    def leaves(input_shape: Shape) -> Leaves:
        spatial, inputs, size = image("conv_transpose", input_shape, window)
        where = geometry.transposed_window("conv_transpose", spatial, size, **settings)
        kernel = (*size, per_group("conv_transpose", features, groups), inputs)
        return {
            "kernel": (grouped(transposed(kernel_init), groups), kernel),
            **biases("conv_transpose", bias, bias_init, (*where.input, features)),
        }

    made = built("conv_transpose", features, bias, kernel_init, bias_init, window=window)
    return layer("conv_transpose", settings, made, leaves=leaves)


def dense(
    features: int,
    *,
    bias: str | None = "channel",
    kernel_init: Initialiser = he,
    bias_init: Initialiser = zeros,
) -> Network:
    """Dense layer on x[n, i]; leaves kernel [i, features] and bias [features].

    >>> jax.tree.map(jax.numpy.shape, dense(10, bias=None).init(jax.random.key(0), (128,)))
    {'kernel': (128, 10)}
    """

    def leaves(input_shape: Shape) -> Leaves:
        if len(input_shape) != 1:
            raise ValueError(
                f"dense: one example must be a vector (i,), got shape {input_shape}; put flatten() before it "
                f"(init takes one example's shape, apply a batch x[n, i])"
            )
        return {
            "kernel": (kernel_init, (*input_shape, features)),
            **biases("dense", bias, bias_init, (features,)),
        }

    return layer("dense", built=built("dense", features, bias, kernel_init, bias_init), leaves=leaves)


def max_pool(window: Ints, *, stride: Ints | None = None, padding: Padding = "VALID", dilation: Ints = 1) -> Network:
    """The largest value under each window; stride None is the window's own size."""
    return layer("max_pool", {"window": window, "stride": stride, "padding": padding, "dilation": dilation})


def avg_pool(
    window: Ints,
    *,
    stride: Ints | None = None,
    padding: Padding = "VALID",
    dilation: Ints = 1,
    count_include_pad: bool = True,
) -> Network:
    """The mean under each window; `count_include_pad` says whether padding counts in it."""
    settings = {"window": window, "stride": stride, "padding": padding, "dilation": dilation}
    return layer("avg_pool", {**settings, "count_include_pad": count_include_pad})


def global_avg_pool() -> Network:
    """The mean of each channel over all positions."""
    return layer("global_avg_pool")


def relu() -> Network:
    """max(0, x)."""
    return layer("relu")


def leaky_relu(*, negative_slope: float = 0.1) -> Network:
    """max(negative_slope x, x), with seed 0's slope."""
    return layer("leaky_relu", {"negative_slope": negative_slope})


def sigmoid() -> Network:
    """1 / (1 + exp(-x))."""
    return layer("sigmoid")


def tanh() -> Network:
    """Hyperbolic tangent."""
    return layer("tanh")


def identity() -> Network:
    """x itself: a linear output, or a residual block's shortcut."""
    return layer("identity")


def flatten() -> Network:
    """[n, ...] to [n, features]."""
    return layer("flatten")


def dropout(*, rate: float = 0.5) -> Network:
    """In training keeps each value with probability 1 - rate and scales it by 1 / (1 - rate); else the identity."""

    def forward(x: Array, call: Call) -> tuple[Array, dict[str, Array]]:
        if not call.training:
            return x, {}
        if call.key is None:
            raise ValueError(f"apply: {call.path or 'dropout'} draws at random in training; give apply a key")
        return call.ops.dropout(x, call.key, rate=rate), {}

    return Network("dropout", {"rate": rate}, forward=forward)


def batch_norm(*, momentum: float = 0.1, epsilon: float = 1e-5) -> Network:
    """Batch normalisation per channel; leaves scale and offset, running statistics mean and variance.

    Training normalises by the batch and moves the running statistics towards it, inference normalises by them:

        running <- (1 - momentum) running + momentum batch      the batch's variance unbiased, as in PyTorch

    >>> network = batch_norm(momentum=0.5)
    >>> x = jax.numpy.float32([[1], [3]])
    >>> params, state = network.init(jax.random.key(0), (1,)), network.init_state((1,))
    >>> y, state = network.apply(params, x, state, training=True)
    >>> state["mean"].tolist(), state["variance"].tolist()
    ([1.0], [1.5])
    """

    def forward(x: Array, call: Call) -> tuple[Array, dict[str, Array]]:
        if not call.training:
            return call.ops.batch_norm(x, **call.leaves, **call.statistics, epsilon=epsilon), call.statistics
        if not call.statistics:  # computed again for the gradient (recomputing.py): they have been moved
            return call.ops.batch_norm(x, **call.leaves, epsilon=epsilon), {}
        mean, variance = call.ops.batch_statistics(jax.lax.stop_gradient(x))
        count = x.size // x.shape[-1]
        batch = {"mean": mean, "variance": variance * (count / max(count - 1, 1))}
        moved = {name: old + momentum * (batch[name] - old).astype(old.dtype) for name, old in call.statistics.items()}
        return call.ops.batch_norm(x, **call.leaves, epsilon=epsilon), moved

    def leaves(input_shape: Shape) -> Leaves:
        return {"scale": (ones, input_shape[-1:]), "offset": (zeros, input_shape[-1:])}

    def statistics(input_shape: Shape) -> Leaves:
        return {"mean": (zeros, input_shape[-1:]), "variance": (ones, input_shape[-1:])}

    settings = {"momentum": momentum, "epsilon": epsilon}
    return Network("batch_norm", settings, forward=forward, leaves=leaves, statistics=statistics)


def built(
    kind: str, features: int, bias: str | None, kernel_init: Initialiser, bias_init: Initialiser, **window: Ints
) -> dict[str, Any]:
    """The settings that decide a layer's leaves, checked."""
    if not geometry.is_integer(features) or features < 1:
        raise ValueError(f"{kind}: features must be a positive integer, got {features!r}")
    if bias not in ("channel", "position", None):
        raise ValueError(f'{kind}: unknown bias {bias!r}; use "channel", "position" or None')
    return {"features": features, **window, "bias": bias, "kernel_init": kernel_init, "bias_init": bias_init}


def biases(kind: str, bias: str | None, bias_init: Initialiser, output: Shape) -> Leaves:
    """The bias leaf for one example's output shape."""
    return {} if bias is None else {"bias": (bias_init, output if bias == "position" else output[-1:])}


def image(kind: str, input_shape: Shape, window: Ints) -> tuple[Shape, int, Shape]:
    """One example's spatial sizes and channels, and the window's size on each of its axes."""
    spatial = input_shape[:-1]
    if len(spatial) not in ((len(window),) if isinstance(window, Sequence) else (1, 2, 3)):
        raise ValueError(
            f"{kind}: one example must be (*spatial, channels) with the axes of window={window!r}, got shape "
            f"{input_shape}; init takes one example's shape, apply a batch x[n, *spatial, channels]"
        )
    return spatial, input_shape[-1], geometry.per_axis(kind, "window", window, len(spatial))


def per_group(kind: str, channels: int, groups: int) -> int:
    if not geometry.is_integer(groups) or groups < 1 or channels % groups:
        raise ValueError(
            f"{kind}: groups={groups} does not divide {channels} channels; make one a multiple of the other"
        )
    return channels // groups
