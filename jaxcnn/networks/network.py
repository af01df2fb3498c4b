"""A network as a value: what it is (kind, settings, children), and the pure functions that run it.

    params = network.init(key, input_shape)         input_shape is one example's, e.g. (28, 28, 1)
    y      = network.apply(params, x)               x[n, *input_shape]

A layer is a leaf of the tree and knows how to call one function of `jaxcnn.ops`; a combinator (`serial`, `residual`) is
a branch and knows only how its children are wired. `run` walks the tree and hands every layer, in running order, to a
`visit`. Initialisation, shapes and `apply` are three such visits, and whoever wants to see what flows between the
layers writes a fourth.

Parameters are nested dicts of named leaves, {"conv1": {"kernel": ..., "bias": ...}}; layers that learn nothing are
absent. A leaf's path, "conv1/kernel", is its name everywhere: in messages, in files, and in the key it is drawn from.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

import jaxcnn.ops
from jaxcnn.networks.commuting import pools_first
from jaxcnn.networks.initialisers import Initialiser
from jaxcnn.networks.recomputing import recomputing
from jaxcnn.ops.geometry import is_integer

Shape = tuple[int, ...]
Params = dict[str, Any]
Leaves = dict[str, tuple[Initialiser, Shape]]
Visit = Callable[[str, "Network", Array], Array]


def nothing(input_shape: Shape) -> Leaves:
    """The leaves of a layer that has none."""
    return {}


@dataclass(frozen=True)
class Call:
    """What one layer is given beside its input: its arrays, and what `apply` was told."""

    path: str
    leaves: dict[str, Array]
    statistics: dict[str, Array]
    training: bool = False
    key: Array | None = None
    ops: ModuleType = jaxcnn.ops


@dataclass(frozen=True)
class Site:
    """A layer in its place: its path, and the shapes of one example before and after it."""

    path: str
    layer: Network
    input_shape: Shape
    output_shape: Shape


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """A layer or a combination of networks.

    Fields:
        kind: the function of `jaxcnn.ops` that a layer calls, or the combinator's name.
        settings: what the constructor was given.
        children: (name, network) pairs, empty for a layer.
        forward: a layer's `(x, call) -> (y, new running statistics)`, or a combinator's `(x, **children) -> y`.
        leaves: one example's input shape to what the layer learns: name to (initialiser, shape).
        statistics: the same for what it keeps between calls (batch norm's running mean and variance).

    >>> from jaxcnn.networks import conv, flatten, relu, serial
    >>> network = serial(conv1=conv(4, 5), relu1=relu(), flat=flatten())
    >>> params = network.init(jax.random.key(0), (28, 28, 1))
    >>> jax.tree.map(jnp.shape, params)
    {'conv1': {'bias': (4,), 'kernel': (5, 5, 1, 4)}}
    >>> network.apply(params, jnp.zeros((32, 28, 28, 1))).shape
    (32, 2304)
    """

    kind: str
    settings: dict[str, Any]
    children: tuple[tuple[str, Network], ...] = ()
    forward: Callable[..., Any] = field(kw_only=True)
    leaves: Callable[[Shape], Leaves] = field(default=nothing, kw_only=True)
    statistics: Callable[[Shape], Leaves] = field(default=nothing, kw_only=True)

    def __repr__(self) -> str:
        """As the constructor was called: relu1=relu().

        >>> from jaxcnn.networks import max_pool, relu, serial
        >>> serial(act=relu(), pool=max_pool(2))
        serial(act=relu(), pool=max_pool(window=2, stride=None, padding='VALID', dilation=1))
        """
        parts = {**self.settings, **dict(self.children)}
        words = (f"{name}={getattr(part, '__name__', None) or repr(part)}" for name, part in parts.items())
        return f"{self.kind}({', '.join(words)})"

    def init(self, key: Array, input_shape: Shape, dtype: Any = jnp.float32) -> Params:
        """Draw all parameters for examples of `input_shape` (no batch axis).

        Each leaf has its own key, folded from its path: another layer added or removed leaves its draw as it is.

        Raises:
            TypeError: `input_shape` is not a tuple of integers.
            ValueError: a layer cannot take what reaches it; a note names the layer.
        """
        return nested(
            {
                path: initialiser(fold(key, path), shape, dtype)
                for site in self.sites(input_shape)
                for path, (initialiser, shape) in named(site.path, site.layer.leaves(site.input_shape))
            }
        )

    def init_state(self, input_shape: Shape, dtype: Any = jnp.float32) -> Params:
        """Running statistics before the first step, {"bn1": {"mean": zeros, "variance": ones}}; {} without batch norm.

        >>> from jaxcnn.networks import batch_norm, serial
        >>> state = serial(bn1=batch_norm()).init_state((2,))
        >>> state["bn1"]["variance"].tolist()
        [1.0, 1.0]
        """
        return nested(
            {
                path: initialiser(None, shape, dtype)
                for site in self.sites(input_shape)
                for path, (initialiser, shape) in named(site.path, site.layer.statistics(site.input_shape))
            }
        )

    def apply(
        self,
        params: Params,
        x: Float[Array, " n *example"],
        state: Params | None = None,
        *,
        training: bool = False,
        key: Array | None = None,
        ops: ModuleType = jaxcnn.ops,
        remat: bool = False,
    ) -> Any:
        """The network's output y for a batch, or (y, new state) exactly when `state` is given.

        Args:
            params: as `init` returns them.
            x: a batch of examples.
            state: as `init_state` returns it; a network with batch norm needs it.
            training: batch norm uses the batch's statistics and updates the running ones; dropout drops. No other
                layer looks at it.
            key: what dropout draws from in training, one fold per layer.
            ops: `jaxcnn.ops`, or `jaxcnn.reference` for the very same network on plain layers. On `jaxcnn.ops` a ReLU
                right before a max pool is run behind it, which changes no bit (see commuting.py), and in training what
                a batch norm and a ReLU give the next convolution is not kept (see recomputing.py).
            remat: keep for the gradient only what flows between the network's outermost parts, and compute what lies
                within them again (`jax.checkpoint`; Chen et al. 2016). XLA for CPU in jaxlib 0.10.1 undoes it.

        Raises:
            ValueError: a parameter or statistic is missing, superfluous or of the wrong shape (named by its path), or
                dropout has no key in training.
        """
        given, kept = flat(params), flat(state)
        taken: set[str] = set()
        updated: dict[str, Array] = {}

        def part(network: Network, path: str, given: Params, kept: Params, x: Array, key: Array | None) -> Any:
            """One part of the network, as a function of its arrays."""
            updated: dict[str, Array] = {}

            def visit(path: str, layer: Network, x: Array) -> Array:
                leaves = take(given, taken, path, layer.leaves(x.shape[1:]), "params", "init")
                statistics = take(kept, taken, path, layer.statistics(x.shape[1:]), "state", "init_state")
                layer_key = None if key is None else fold(key, path)
                y, new = layer.forward(x, Call(path, leaves, statistics, training, layer_key, ops))
                updated.update(named(path, new))
                return y

            return network.run(x, visit, path), updated

        y, whole = jnp.asarray(x), recomputing(pools_first(self)) if ops is jaxcnn.ops else self
        for name, network in whole.children if remat and self.kind == "serial" else (("", whole),):
            run = partial(part, network, name)
            y, new = (jax.checkpoint(run) if remat else run)(given, kept, y, key)
            updated |= new
        refuse(given, taken, "params", "init")
        refuse(kept, taken, "state", "init_state")
        return y if state is None else (y, nested(updated))

    def run(self, x: Array, visit: Visit, path: str = "") -> Array:
        """Send x through the tree; `visit(path, layer, x)` says what each layer makes of its input.

        >>> from jaxcnn.networks import flatten, relu, serial
        >>> def show(path, layer, x):
        ...     print(path, x.shape)
        ...     return layer.forward(x, Call(path, {}, {}))[0]
        >>> y = serial(flat=flatten(), act=relu()).run(jnp.zeros((1, 2, 3)), show)
        flat (1, 2, 3)
        act (1, 6)
        """
        calls = {name: partial(child.run, visit=visit, path=join(path, name)) for name, child in self.children}
        try:
            return self.forward(x, **calls) if calls else visit(path, self, x)
        except (TypeError, ValueError) as error:
            if not hasattr(error, "__notes__"):  # the innermost layer says where
                error.add_note(f"in {path or self.kind}, given one example of shape {x.shape[1:]}")
            raise

    def sites(self, input_shape: Shape) -> list[Site]:
        """All layers in running order with the shapes they see; nothing is computed."""
        found = []

        def visit(path: str, layer: Network, x: Array) -> Array:
            leaves = {name: jnp.zeros(shape, jnp.float32) for name, (_, shape) in layer.leaves(x.shape[1:]).items()}
            statistics = {
                name: jnp.zeros(shape, jnp.float32) for name, (_, shape) in layer.statistics(x.shape[1:]).items()
            }
            y, _ = layer.forward(x, Call(path, leaves, statistics))
            found.append(Site(path, layer, x.shape[1:], y.shape[1:]))
            return y

        jax.eval_shape(partial(self.run, visit=visit), jax.ShapeDtypeStruct((1, *example(input_shape)), jnp.float32))
        return found

    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of one example's output.

        >>> from jaxcnn.networks import max_pool
        >>> max_pool(2).output_shape((28, 28, 1))
        (14, 14, 1)
        """
        return self.sites(input_shape)[-1].output_shape


def example(input_shape: Shape) -> Shape:
    if not isinstance(input_shape, tuple) or not all(map(is_integer, input_shape)):
        raise TypeError(f"input_shape must be one example's shape, such as (28, 28, 1), got {input_shape!r}")
    return input_shape


def join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def named(path: str, entries: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((join(path, name), entry) for name, entry in entries.items())


def fold(key: Array, path: str) -> Array:
    return jax.random.fold_in(key, zlib.crc32(path.encode()))


def flat(tree: Any) -> dict[str, Any]:
    """A nested dict by path.

    >>> flat({"conv1": {"kernel": 1, "bias": 2}})
    {'conv1/bias': 2, 'conv1/kernel': 1}
    """
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in jax.tree.leaves_with_path(tree)
    }


def nested(entries: dict[str, Any]) -> Params:
    """The nested dict of entries by path: `flat` undone.

    >>> nested({"conv1/kernel": 1, "conv1/bias": 2})
    {'conv1': {'kernel': 1, 'bias': 2}}
    """
    tree: Params = {}
    for path, entry in entries.items():
        *branches, leaf = path.split("/")
        node = tree
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = entry
    return tree


def take(
    given: dict[str, Any], taken: set[str], path: str, wanted: Leaves, argument: str, source: str
) -> dict[str, Any]:
    """A layer's arrays, checked against the shapes that the layer wants here; their names are added to `taken`."""
    found = {}
    for name, (_, shape) in wanted.items():
        leaf = join(path, name)
        if leaf not in given:
            raise ValueError(
                f"apply: {argument} has no {leaf}, an array of shape {shape}; take {argument} from {source}"
            )
        found[name] = given[leaf]
        taken.add(join(argument, leaf))
        if jnp.shape(found[name]) != shape:
            raise ValueError(
                f"apply: {leaf} of {argument} has shape {jnp.shape(found[name])} but this input needs {shape}; "
                f"take {argument} from {source} with the input shape of one example"
            )
    return found


def refuse(given: dict[str, Any], taken: set[str], argument: str, source: str) -> None:
    """Whatever no layer took."""
    if left := [leaf for leaf in given if join(argument, leaf) not in taken]:
        raise ValueError(
            f"apply: no layer takes {', '.join(left)} of {argument}; take {argument} from this network's {source}"
        )
