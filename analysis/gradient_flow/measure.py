r"""What flows through a network: one forward and one handwritten backward pass, a row per layer.

Every layer's output is given a probe that is zero, h_l = layer_l(h_{l-1}) + probe_l: the gradient with respect to the
probe is delta_l = d loss / d h_l. One `jax.vjp` of the network with its probes gives all deltas and all parameter
gradients.

    forward     E[h^2]          mean square of the output, over examples, positions and channels
    backward    E[delta^2]      the same of the gradient that reaches the output
    kernel_gradient  E[dW^2]    over the kernel's entries (all entries, of a user's function), summed over the batch
    active      share of an activation's outputs above zero
    saturated   share of its units whose slope is below a twentieth of the steepest
    dead        share of its units that are saturated at every example (and, of a channel, at every position)
    cosine      of the outputs of examples 0 and 1, 2 and 3, ...; and of their deltas
    kernel, bias     mean squares of the parameters themselves
    check       <delta, layer(h; dW)> / |dW|^2: 1 for a right kernel gradient, as the layer is linear in its kernel
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import jaxcnn.ops
from analysis.gradient_flow.layers import WEIGHTS, Layers, as_network, entry, has_own, nonlinearity, takes_params
from analysis.gradient_flow.moments import FLAT
from jaxcnn.networks import Network
from jaxcnn.networks.network import Call, fold

Rows = Float[np.ndarray, " layers"]
COLUMNS = (
    "forward",
    "backward",
    "kernel_gradient",
    "active",
    "saturated",
    "dead",
    "forward_cosine",
    "backward_cosine",
    "kernel",
    "bias",
    "check",
)


@dataclass(frozen=True)
class Flow:
    """A table with a row per layer in running order; NaN where a column means nothing for a layer."""

    layers: tuple[str, ...]
    kinds: tuple[str, ...]
    sizes: tuple[int, ...]  # entries of the kernel, or of all parameters of a user's function; 0 without any
    columns: dict[str, Rows]

    def __getitem__(self, column: str) -> Rows:
        return self.columns[column]

    def row(self, layer: str) -> dict[str, float]:
        """One layer's numbers by column."""
        return {name: float(values[self.layers.index(layer)]) for name, values in self.columns.items()}


def measure(
    network: Layers,
    params: Any,
    x: Float[Array, " n *example"],
    dy: Array | Callable[[Array], Array] | None = None,
    *,
    state: Any = None,
    training: bool = False,
    key: Array | None = None,
    ops: ModuleType = jaxcnn.ops,
) -> Flow:
    """The signal and its gradient at every layer of a network.

    Args:
        network: a `Network`, or (name, layer) pairs (see `layers`).
        params: as `init` returns them, by layer name.
        x: a batch; an even number of examples where the cosines are wanted.
        dy: the gradient of the loss with respect to the output, or a function of the output that gives it. None: one
            random direction u of mean square 1, drawn with `key`, the same for every example: loss = sum_n u . y_n.
        state: running statistics of batch norm; None is right in training, where the batch's own are used.
        training, key: as `Network.apply` has them.

    Raises:
        ValueError: dy has not the output's shape, or params have no entry for a layer that needs one.

    >>> from jaxcnn.networks import dense, relu, serial
    >>> network = serial(dense1=dense(64), relu1=relu(), dense2=dense(1))
    >>> params = network.init(jax.random.key(0), (16,))
    >>> flow = measure(network, params, jnp.ones((2, 16)))
    >>> flow.layers, flow["forward_cosine"].round(3).tolist()
    (('dense1', 'relu1', 'dense2'), [1.0, 1.0, 1.0])
    """
    network = as_network(network)
    given, dy_of = (None, dy) if callable(dy) else (dy, None)
    key = jax.random.key(0) if key is None else key
    layers, kinds, sizes = zip(*trace(network, params, x), strict=True)
    columns = signals(
        network, params, jnp.asarray(x), given, state, key, dy_of=dy_of, training=training, ops=ops, checked=True
    )
    return Flow(layers, kinds, sizes, {name: np.asarray(columns[name], np.float64) for name in COLUMNS})


def trace(network: Network, params: Any, x: Array) -> list[tuple[str, str, int]]:
    """(path, kind, entries of the kernel) of every layer in running order; nothing is computed.

    Raises:
        ValueError: a layer with parameters for which `params` has no entry.
    """
    found = []

    def visit(path: str, layer: Network, x: Array) -> Array:
        leaves = entry(params, path)
        if (layer.kind in WEIGHTS or takes_params(layer)) and not has_own(leaves):
            raise ValueError(f"measure: params have no entry for layer {path or layer.kind}; give it as `init` does")
        found.append((path or layer.kind, label(layer), size(layer, leaves)))
        return layer.forward(x, Call(path, leaves, {}, training=layer.kind == "batch_norm"))[0]

    jax.eval_shape(partial(network.run, visit=visit), x)
    return found


def size(layer: Network, leaves: Any) -> int:
    """The kernel's entries, or those of all parameters of a user's function."""
    if layer.kind == "function":
        return sum(leaf.size for leaf in jax.tree.leaves(leaves))
    return leaves["kernel"].size if layer.kind in WEIGHTS else 0


class Passage(NamedTuple):
    """One layer in one forward pass."""

    path: str
    layer: Network
    input: Array
    output: Array
    slope: Array | None  # of an activation


@partial(jax.jit, static_argnames=("network", "dy_of", "training", "ops", "checked"))
def signals(
    network: Network,
    params: Any,
    x: Array,
    dy: Array | None,
    state: Any,
    key: Array,
    *,
    dy_of: Callable[[Array], Array] | None = None,
    training: bool = False,
    ops: ModuleType = jaxcnn.ops,
    checked: bool = False,
) -> dict[str, Float[Array, " layers"]]:
    """The columns of `measure` as arrays, to be compiled into a larger computation; `checked` adds the last one."""

    def forward(params: Any, probes: dict[str, Array]) -> tuple[Array, list[tuple[Array, Array, Array | None]]]:
        seen.clear()

        def visit(path: str, layer: Network, x: Array) -> Array:
            call = Call(path, entry(params, path), entry(state, path), training, fold(key, path), ops)
            y = layer.forward(x, call)[0]
            y = y + probes.get(path, jnp.zeros((), y.dtype))
            seen.append(Passage(path, layer, x, y, slope_of(layer, call, x)))
            return y

        y = network.run(x, visit)
        return y, [(passage.input, passage.output, passage.slope) for passage in seen]

    seen: list[Passage] = []
    y, arrays = jax.eval_shape(forward, params, {})
    probes = {passage.path: jnp.zeros(out.shape, out.dtype) for passage, (_, out, _) in zip(seen, arrays, strict=True)}
    y, pull, arrays = jax.vjp(forward, params, probes, has_aux=True)
    gradients, deltas = pull(output_gradient(y, dy, dy_of, key))
    rows = []
    for passage, kept in zip(seen, arrays, strict=True):
        passage = Passage(passage.path, passage.layer, *kept)
        leaves, dleaves = entry(params, passage.path), entry(gradients, passage.path)
        rows.append(row(passage, deltas[passage.path], leaves, dleaves, ops if checked else None))
    return {name: jnp.stack([row[name] for row in rows]) for name in COLUMNS}


def output_gradient(y: Array, dy: Array | None, dy_of: Callable[[Array], Array] | None, key: Array) -> Array:
    """The gradient of the loss with respect to the network's output."""
    if dy_of is not None:
        dy = dy_of(y)
    if dy is None:
        u = jax.random.normal(fold(key, "dy"), y.shape[1:], y.dtype)
        dy = jnp.broadcast_to(u / jnp.sqrt(mean_square(u)), y.shape)
    if dy.shape != y.shape:
        raise ValueError(f"measure: dy has shape {dy.shape} but the output has {y.shape}; give one number per output")
    return dy.astype(y.dtype)


def slope_of(layer: Network, call: Call, x: Array) -> Array | None:
    """phi'(x), where the layer is an activation."""
    if nonlinearity(layer, has_own(call.leaves)) is None:
        return None
    y, pull = jax.vjp(lambda x: layer.forward(x, call)[0], x)
    return pull(jnp.ones_like(y))[0]


def row(passage: Passage, delta: Array, leaves: Any, dleaves: Any, ops: ModuleType | None) -> dict[str, Array]:
    """One layer's numbers; a column that means nothing for it is NaN."""
    found = dict.fromkeys(COLUMNS, jnp.full((), jnp.nan, passage.output.dtype))
    found |= {
        "forward": mean_square(passage.output),
        "backward": mean_square(delta),
        "forward_cosine": pair_cosine(passage.output),
        "backward_cosine": pair_cosine(delta),
    }
    if passage.slope is not None and (phi := nonlinearity(passage.layer)):
        is_flat = jnp.abs(passage.slope) < FLAT * phi.slope_scale()
        found["active"] = jnp.mean(passage.output > 0, dtype=delta.dtype)
        found["saturated"] = jnp.mean(is_flat, dtype=delta.dtype)
        found["dead"] = jnp.mean(is_flat.all(axis=range(is_flat.ndim - 1)), dtype=delta.dtype)
    if passage.layer.kind == "function" and has_own(leaves):
        found |= {"kernel_gradient": mean_square_of(dleaves), "kernel": mean_square_of(leaves)}
    if passage.layer.kind in WEIGHTS:
        found |= {"kernel_gradient": mean_square(dleaves["kernel"]), "kernel": mean_square(leaves["kernel"])}
        if "bias" in leaves:
            found["bias"] = mean_square(leaves["bias"])
        if ops is not None:
            found["check"] = kernel_check(passage, delta, leaves, dleaves["kernel"], ops)
    return found


def kernel_check(passage: Passage, delta: Array, leaves: Any, dkernel: Array, ops: ModuleType) -> Array:
    """<delta, layer(x; dW)> / |dW|^2 without bias."""
    directed = {name: jnp.zeros_like(leaf) for name, leaf in leaves.items()} | {"kernel": dkernel}
    response = passage.layer.forward(passage.input, Call(passage.path, directed, {}, ops=ops))[0]
    return jnp.vdot(delta, response) / jnp.vdot(dkernel, dkernel)


def mean_square(x: Array) -> Array:
    return jnp.mean(jnp.square(x))


def mean_square_of(leaves: Any) -> Array:
    """The mean square over all entries of a user's parameters."""
    return mean_square(jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(leaves)]))


def pair_cosine(x: Float[Array, " n *example"]) -> Array:
    """The mean cosine of examples 0 and 1, 2 and 3, ...; NaN for a single one.

    >>> round(float(pair_cosine(jnp.array([[1.0, 0.0], [1.0, 1.0]]))), 4)
    0.7071
    """
    pairs = x[: len(x) // 2 * 2].reshape(-1, 2, max(x[0].size, 1))
    first, second = pairs[:, 0], pairs[:, 1]
    cosines = jnp.sum(first * second, -1) / jnp.sqrt(jnp.sum(first**2, -1) * jnp.sum(second**2, -1))
    return jnp.mean(cosines)


def label(layer: Network) -> str:
    """A layer's kind, or the name of the user's function."""
    return getattr(layer.settings["function"], "__name__", "function") if layer.kind == "function" else layer.kind
