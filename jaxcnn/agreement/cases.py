"""Every layer and every named network of this project, as cases of the report.

A case is a handwritten function, the same function of `jaxcnn.reference`, arguments, and the classes of elements that a
wrong rule would treat differently: interior, border, stride remainder, taps that meet padding, ties, kinks. All arrays
are small: what is compared is a rule, and a rule is wrong at every size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn import networks, ops, reference
from jaxcnn.agreement.arguments import key_for
from jaxcnn.ops.geometry import transposed_window, window

PIXELS, LAYERS = 32, 12  # what a named network may have at most to be a case: LeNet-5 has just these

Masks = dict[str, dict[str, np.ndarray]]
Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Case:
    """One line of the report.

    Fields:
        name: what the report calls it; family: the layer whose mutants apply to it ("network" for networks).
        hand, auto: the two functions; shapes: one array per argument, standard normal by argument.
        classes: see `jaxcnn.agreement.check`.
        positive: arguments that must be positive (variances).
    """

    name: str
    family: str
    hand: Callable[..., Any]
    auto: Callable[..., Any]
    shapes: Shapes
    classes: Callable[..., Masks] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    positive: tuple[int, ...] = ()

    @property
    def args(self) -> tuple[Any, ...]:
        drawn = [key_for(f"{self.name}, argument {i}", 0).standard_normal(s) for i, s in enumerate(self.shapes)]
        return tuple(np.float32(np.abs(d) + 0.5 if i in self.positive else d) for i, d in enumerate(drawn))


def layer(
    name: str, shapes: Shapes, note: str = "", *, family: str = "", positive: tuple[int, ...] = (), **settings: Any
) -> Case:
    """A case of one function of `jaxcnn.ops` against its namesake in `jaxcnn.reference`."""
    hand, auto = (partial(getattr(module, name), **settings) for module in (ops, reference))
    masks = CLASSES.get(name)
    classes = None if masks is None else partial(masks, **settings)
    return Case(f"{name} {note}".strip(), family or name, hand, auto, shapes, classes, settings, positive)


# Classes of elements, from the geometry of windows.


def conv_classes(x: Any, kernel: Any, bias: Any = None, **settings: Any) -> Masks:
    settings = {k: v for k, v in settings.items() if k != "groups"}
    where = window("conv", x.shape[1:-1], kernel.shape[:-2], **settings)
    return {"0": by_coverage(where), "1": by_tap(where)}


def conv_transpose_classes(x: Any, kernel: Any, bias: Any = None, **settings: Any) -> Masks:
    defaults: dict[str, Any] = {"stride": 1, "padding": "VALID", "dilation": 1, "groups": 1}
    where = transposed_window("conv_transpose", x.shape[1:-1], kernel.shape[:-2], **defaults | settings)
    return {"1": by_tap(where)}


def pool_classes(x: Any, **settings: Any) -> Masks:
    where = pool_window(x, **settings)
    return {"0": by_coverage(where)}


def max_pool_classes(x: Any, **settings: Any) -> Masks:
    where = pool_window(x, **settings)
    return {"0": by_coverage(where) | {"tie": tied(np.asarray(x, np.float64), where)}}


def kink_classes(x: Any, **settings: Any) -> Masks:
    return {"0": {"kink": np.asarray(x) == 0, "smooth": np.asarray(x) != 0}}


def pool_window(x: Any, window: Any, stride: Any = None, count_include_pad: bool = True, **settings: Any) -> Any:
    from jaxcnn.ops.geometry import window as geometry

    return geometry("pool", x.shape[1:-1], window, stride=window if stride is None else stride, **settings)


def by_coverage(where: Any) -> dict[str, np.ndarray]:
    """Input positions by how many windows see them: most (interior), fewer (border), none (remainder)."""
    counts = [np.zeros(n, int) for n in where.input]
    for axis, count in enumerate(counts):
        np.add.at(count, where.positions(axis)[where.inside(axis)], 1)
    seen = reduce(np.multiply.outer, counts)[..., None]  # [*input, 1]
    return {"interior": seen == seen.max(), "border": (seen > 0) & (seen < seen.max()), "remainder": seen == 0}


def by_tap(where: Any) -> dict[str, np.ndarray]:
    """Kernel taps by whether they ever meet padding."""
    meets = [~where.inside(axis).all(0) for axis in range(len(where.size))]
    padded = reduce(np.logical_or.outer, meets)[..., None, None]  # [*window, 1, 1]
    return {"padding": padded, "inside": ~padded}


def tied(x: np.ndarray, where: Any) -> np.ndarray:
    """Inputs that share the maximum of a window with another input."""
    axes = range(len(where.input))
    mask = np.zeros(x.shape, bool)
    for output in np.ndindex(*where.output):
        taps = [where.positions(a)[o][where.inside(a)[o]] for a, o in zip(axes, output, strict=True)]
        place = (slice(None), *np.ix_(*taps))
        seen, inner = x[place], tuple(range(1, x.ndim - 1))
        best = seen == seen.max(inner, keepdims=True)
        mask[place] |= best & (best.sum(inner, keepdims=True) > 1)
    return mask


CLASSES: dict[str, Callable[..., Masks]] = {
    "conv": conv_classes,
    "conv_transpose": conv_transpose_classes,
    "max_pool": max_pool_classes,
    "avg_pool": pool_classes,
    "relu": kink_classes,
    "leaky_relu": kink_classes,
}


def closed(case: Case, **arrays: Any) -> Case:
    """The case with some arguments fixed: labels, keys."""
    return Case(
        case.name, case.family, partial(case.hand, **arrays), partial(case.auto, **arrays), case.shapes, None,
        case.settings | arrays,
    )  # fmt: skip


def layers() -> list[Case]:
    """Every layer, in the settings where rules go wrong: strides that leave a remainder, odd padding, groups, ties."""
    image, kernel, column = (2, 7, 8, 2), (3, 3, 2, 4), (2, 6)
    return [
        layer("conv", (image, (3, 2, 2, 4), (4, 4, 4)), "SAME, stride 2, bias per position", stride=2, padding="SAME"),
        layer("conv", (image, kernel, (4,)), "stride 2", stride=2),
        layer("conv", (image, kernel), "dilated, uneven padding", dilation=2, padding=((2, 1), (0, 3))),
        layer("conv", (image, (3, 3, 1, 4)), "depthwise", groups=2, padding=1),
        layer("conv", ((2, 9, 2), (3, 2, 3), (3,)), "1 axis, cropped", padding=((-1, 2),)),
        layer("conv", ((2, 4, 3, 4, 2), (2, 2, 3, 2, 2)), "3 axes", padding="SAME"),
        layer("conv_transpose", ((2, 4, 3, 4), kernel, (2,)), "stride 2", stride=2),
        layer("conv_transpose", ((2, 4, 3, 4), (3, 3, 1, 4)), "groups, SAME", groups=2, padding="SAME", stride=2),
        layer("max_pool", (image,), "2", window=2),
        layer("max_pool", (image,), "overlapping, padded", window=3, stride=2, padding=1),
        layer("avg_pool", (image,), "2", window=2),
        layer(
            "avg_pool", (image,), "overlapping, padding not counted",
            window=3, stride=2, padding=1, count_include_pad=False,
        ),
        layer("global_avg_pool", (image,)),
        layer("dense", ((4, 6), (6, 5), (5,))),
        layer("relu", (column,)),
        layer("leaky_relu", (column,)),
        layer("sigmoid", (column,)),
        layer("tanh", (column,)),
        layer("identity", (column,)),
        layer("softmax", ((4, 5),)),
        layer("log_softmax", ((4, 5),)),
        closed(layer("softmax_cross_entropy", ((4, 5),), "classes"), labels=jnp.array([0, 3, 1, 1])),
        layer("softmax_cross_entropy", ((4, 5), (4, 5)), "probabilities"),
        layer("half_squared_error", ((4, 5), (4, 5))),
        layer("mean_squared_error", ((4, 5), (4, 5))),
        layer("batch_norm", ((4, 3, 3, 2), (2,), (2,)), "training"),
        layer(
            "batch_norm", ((6, 3), (3,), (3,), (3,), (3,)), "inference",
            family="batch_norm inference", positive=(4,),
        ),
        layer("batch_statistics", ((4, 3, 3, 2),)),
        closed(layer("dropout", ((4, 6),), rate=0.25), key=jax.random.key(0)),
        layer("flatten", (image,)),
    ]  # fmt: skip


def network_cases() -> list[Case]:
    """Every named network of up to LAYERS layers for small images, differentiated by every parameter and its input.

    What is larger repeats the same layers and blocks.
    """
    small = {name: named for name, named in networks.NAMED.items() if is_small(named)}
    return [network_case(name, named.build(), named.input_shape) for name, named in small.items()]


def is_small(named: networks.Named) -> bool:
    return max(named.input_shape) <= PIXELS and len(networks.summary(named.build(), named.input_shape)) <= LAYERS


def network_case(name: str, network: Any, input_shape: tuple[int, ...]) -> Case:
    state = network.init_state(input_shape)
    hand, auto = (partial(apply_network, network, module, state) for module in (ops, reference))
    return NetworkCase(f"network {name}", "network", hand, auto, ((2, *input_shape),), network=network)


def apply_network(network: Any, module: Any, state: Any, params: Any, x: Any) -> Any:
    """Logits, with the statistics of the batch where the network normalises."""
    return network.apply(params, x, state, training=bool(state), ops=module)[0]


@dataclass(frozen=True)
class NetworkCase(Case):
    """A network's case: its parameters come first."""

    network: Any = None

    @property
    def args(self) -> tuple[Any, ...]:
        (shape,) = self.shapes
        return self.network.init(jax.random.key(0), shape[1:]), *super().args
