"""Seed 4, questions 3 and 4: residual blocks counted, batch normalisation. S4.24 to S4.33."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis.worked_examples.entry import entry
from analysis.worked_examples.judge import Claim, Finding, Opinion
from analysis.worked_examples.truth import map_twice, normal, pullbacks, twice, values
from jaxcnn import networks
from jaxcnn.networks import Network, batch_norm, conv, residual, serial

SIDE = (8, 8)  # counts per position do not depend on it
BATCH = np.array([[1, 2, 0], [3, -1, 4], [0, 5, 2], [2, 2, -2]], float)
GAMMA, BETA, EPSILON = np.array([1, 2, 0.5]), np.array([0, -1, 0.25]), 1e-5
UPSTREAM = np.array([[1, 0, -1], [2, 1, 0], [-1, 3, 1], [0, -2, 2]], float)


def standard(channels: int) -> Network:
    """Two 3x3 convolutions, each with batch norm."""
    return serial(
        conv1=conv(channels, 3, padding="SAME"),
        bn1=batch_norm(),
        conv2=conv(channels, 3, padding="SAME"),
        bn2=batch_norm(),
    )


def bottleneck(channels: int, middle: int) -> Network:
    """1x1 down, 3x3, 1x1 up, each with batch norm."""
    return serial(
        conv1=conv(middle, 1), bn1=batch_norm(), conv2=conv(middle, 3, padding="SAME"), bn2=batch_norm(),
        conv3=conv(channels, 1), bn3=batch_norm(),
    )  # fmt: skip


def counts(network: Network, channels: int) -> list[int]:
    """Parameters, layer by layer."""
    return [row.parameters for row in networks.summary(network, (*SIDE, channels))]


def work(network: Network, channels: int) -> int:
    """Multiply-adds per position."""
    return sum(row.multiply_adds for row in networks.summary(network, (*SIDE, channels))) // (SIDE[0] * SIDE[1])


def conv_count(f: int, inputs: int, outputs: int) -> int:
    """f f c k weights and k biases."""
    return f * f * inputs * outputs + outputs


@entry(
    "S4.24", "3)", "Parameters of the standard residual block.",
    formula=r"((3\times3\times32\times32)+32)+(2\times32)+((3\times3\times32\times32)+32)+(2\times32)=18{,}624",
)  # fmt: skip
def standard_block() -> list[Finding]:
    found = counts(standard(32), 32)
    return [
        Claim("all", 18624, sum(found)),
        Claim("layer by layer", [conv_count(3, 32, 32), 2 * 32, conv_count(3, 32, 32), 2 * 32], found),
    ]


@entry(
    "S4.25", "3)", "Parameters of the bottleneck block.",
    formula=r"((1\times1\times128\times32)+32)+\dots+((1\times1\times32\times128)+128)+(128\times2)=17{,}984",
)  # fmt: skip
def bottleneck_block() -> list[Finding]:
    found = counts(bottleneck(128, 32), 128)
    says = [conv_count(1, 128, 32), 2 * 32, conv_count(3, 32, 32), 2 * 32, conv_count(1, 32, 128), 2 * 128]
    return [Claim("all", 17984, sum(found)), Claim("layer by layer", says, found)]


@entry(
    "S4.26", "3), advantage 1", "For the same number of input maps the bottleneck has significantly fewer parameters."
)
def fewer_parameters() -> list[Finding]:
    """The two printed counts are for 32 and 128 channels; at 128 the standard block has 16.4 times as many."""
    small, large, narrow = (
        sum(counts(block, c)) for block, c in ((standard(32), 32), (standard(128), 128), (bottleneck(128, 32), 128))
    )
    return [
        Claim("at 128 channels, less than a tenth", True, large > 10 * narrow),
        Claim("parameters of the standard block at 128 channels", 295680, large),
        Claim("between the printed counts, less than 4 %", True, 0 < small / narrow - 1 < 0.04),
    ]


@entry("S4.27", "3), advantage 2", "Fewer parameters: less overfitting and more computational efficiency.")
def cheaper() -> list[Finding]:
    """The cost is counted, in multiply-adds per position; overfitting is not computable without a task."""
    found = [work(bottleneck(128, 32), 128), work(standard(32), 32), work(standard(128), 128)]
    return [
        Claim("cheaper than both standard blocks", [True, True], [found[0] < found[1], found[0] < found[2]]),
        Claim("multiply-adds per position: bottleneck, standard at 32 and at 128", [17408, 18432, 294912], found),
    ]


@entry("S4.28", "3), advantage 3", "More layers could fit more complex data.")
def more_layers() -> list[Finding]:
    """What fits complex data is not computable without data; the numbers of layers are 3 and 2."""
    convolutions = [sum(site.layer.kind == "conv" for site in block.sites((*SIDE, c)))
                    for block, c in ((bottleneck(128, 32), 128), (standard(32), 32))]  # fmt: skip
    return [
        Opinion("which of two networks fits more complex data is no statement without data"),
        Claim("convolutions in bottleneck and standard block", [3, 2], convolutions),
    ]


def reach(block: Network, channels: int) -> list[int]:
    """Rows and columns of the input that one output depends on, from its gradient."""
    side = (7, 7, channels)
    params, state = block.init(jax.random.key(0), side), block.init_state(side)
    x = jax.random.normal(jax.random.key(1), (1, *side), jnp.float32)

    @jax.jit
    @jax.grad
    def slope(x: jax.Array) -> jax.Array:
        y, _ = block.apply(params, x, state)
        return y[0, 3, 3, 0]

    seen = np.any(np.asarray(slope(x)[0]) != 0, -1)  # [7, 7]
    return [int(seen.any(axis).sum()) for axis in (1, 0)]


@entry("S4.29", "3), disadvantage 1", "With 1x1 beside 3x3 the receptive field might be low.")
def receptive_field() -> Claim:
    """From the support of one output's gradient."""
    return Claim("bottleneck and standard block", [[3, 3], [5, 5]], [reach(bottleneck(8, 4), 8), reach(standard(4), 4)])


@entry("S4.30", "3), disadvantage 2", "More output channels: more parameters in the following layers.")
def following_layers() -> Claim:
    """A 3x3 convolution to 32 maps after each of the blocks."""
    found = [counts(serial(next=conv(32, 3, padding="SAME")), channels)[0] for channels in (32, 128)]
    return Claim("after 32 and after 128 channels", [conv_count(3, 32, 32), conv_count(3, 128, 32)], found)


@entry("S4.31", "3), disadvantage 3", "The bottleneck needs the identity shortcut, or its efficiency does not hold.")
def identity_shortcut() -> list[Finding]:
    """A 1x1 projection with batch norm on the shortcut nearly doubles the bottleneck, and adds 6 % to the standard."""
    total = {}
    for name, block, channels in (("bottleneck", bottleneck(128, 32), 128), ("standard", standard(32), 32)):
        projection = serial(conv=conv(channels, 1), bn=batch_norm())
        total[name] = [sum(counts(residual(block, cut), channels)) for cut in (None, projection)]
    growth = {name: projected / plain for name, (plain, projected) in total.items()}
    return [
        Claim("the bottleneck grows by more than 90 %", True, growth["bottleneck"] > 1.9),
        Claim("the standard block by less than 7 %", True, growth["standard"] < 1.07),
        Claim("with projection", 34752, total["bottleneck"][1]),
    ]


def normalised(ops: Any, x: Any) -> jax.Array:
    return ops.batch_norm(jnp.asarray(x), jnp.asarray(GAMMA), jnp.asarray(BETA), epsilon=EPSILON)


def backward(x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dx, dgamma, dbeta by the textbook, statistics over all axes but the last."""
    axes = tuple(range(x.ndim - 1))
    r = 1 / np.sqrt(x.var(axes) + EPSILON)
    z = (x - x.mean(axes)) * r
    dx = GAMMA * r * (dy - dy.mean(axes) - z * (dy * z).mean(axes))
    return dx, (dy * z).sum(axes), dy.sum(axes)


@entry("S4.32", "4a", "After a dense layer, N x C: mean and variance over N, of shape 1 x C.")
def after_dense() -> list[Finding]:
    """The document gives shapes only; forward and backward are supplied, with the biased variance."""
    statistics = values(lambda ops: jnp.stack(ops.batch_statistics(jnp.asarray(BATCH))))
    inference = twice(
        lambda ops: ops.batch_norm(
            jnp.asarray(BATCH),
            jnp.asarray(GAMMA),
            jnp.asarray(BETA),
            jnp.asarray(BATCH.mean(0)),
            jnp.asarray(BATCH.var(0)),
            epsilon=EPSILON,
        )
    )
    whole = lambda ops, x, g, b: ops.batch_norm(jnp.asarray(x), jnp.asarray(g), jnp.asarray(b), epsilon=EPSILON)  # noqa: E731
    says = backward(BATCH, UPSTREAM)
    y = (BATCH - BATCH.mean(0)) / np.sqrt(BATCH.var(0) + EPSILON) * GAMMA + BETA
    return [
        Claim("entries of the statistics, 1 x C each", (2, 3), np.shape(statistics.hand)),
        Claim("mean and variance", [BATCH.mean(0), BATCH.var(0)], statistics),
        Claim("y", y, values(normalised, BATCH)),
        Claim("y in inference with these statistics", y, inference),
        *(Claim(f"d{name}", value, pullbacks(whole, UPSTREAM, BATCH, GAMMA, BETA, by=k))
          for k, (name, value) in enumerate(zip(("x", "gamma", "beta"), says, strict=True))),
    ]  # fmt: skip


def inference() -> list[Finding]:
    """Batch norm at given statistics, which are then arguments like any other."""

    def fixed(ops: Any, *arrays: Any) -> jax.Array:
        return ops.batch_norm(*map(jnp.asarray, arrays), epsilon=EPSILON)

    mean, variance = np.array([0.5, -1, 2]), np.array([2, 0.5, 1])
    r = 1 / np.sqrt(variance + EPSILON)
    z, dscale, doffset = (BATCH - mean) * r, np.sum(UPSTREAM * (BATCH - mean) * r, 0), UPSTREAM.sum(0)
    says = {"x": GAMMA * r * UPSTREAM, "scale": dscale, "offset": doffset, "mean": -GAMMA * r * doffset,
            "variance": -GAMMA * r**2 * dscale / 2}  # fmt: skip
    arrays = (BATCH, GAMMA, BETA, mean, variance)
    return [
        Claim("y in inference", GAMMA * z + BETA, values(fixed, *arrays)),
        *(Claim(f"d{name} in inference", value, pullbacks(fixed, UPSTREAM, *arrays, by=k))
          for k, (name, value) in enumerate(says.items())),
    ]  # fmt: skip


@entry("S4.33", "4b", "After a convolution, N x H x W x C: over N, H and W, of shape 1 x 1 x 1 x C.")
def after_convolution() -> list[Finding]:
    """A bias just before batch norm has gradient 0: the convolutions' 64 and 192 biases in S4.24 and S4.25 are idle."""
    x, dy, kernel = normal(80, 4, 5, 5, 3), normal(81, 4, 3, 3, 3), normal(82, 3, 3, 3, 3)
    statistics = values(lambda ops: jnp.stack(ops.batch_statistics(jnp.asarray(x))))
    wrap = lambda ops, b: normalised(ops, ops.conv(jnp.asarray(x), jnp.asarray(kernel), jnp.asarray(b)))  # noqa: E731
    idle = map_twice(lambda d: jnp.round(d, 12), pullbacks(wrap, dy, np.zeros(3)))
    pulled = pullbacks(lambda ops, x: jnp.stack(ops.batch_statistics(jnp.asarray(x))), np.ones((2, 3)), BATCH)
    return [
        Claim("entries of the statistics", (2, 3), np.shape(statistics.hand)),
        Claim("mean and variance", [x.mean((0, 1, 2)), x.var((0, 1, 2))], statistics),
        Claim("dx", backward(x[:, :3, :3], dy)[0], pullbacks(normalised, dy, x[:, :3, :3])),
        Claim("a bias before it", np.zeros(3), idle),
        *inference(),
        Claim("the statistics' own gradient", (1 + 2 * (BATCH - BATCH.mean(0))) / 4, pulled),
    ]  # fmt: skip
