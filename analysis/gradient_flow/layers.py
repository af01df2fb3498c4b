"""What to measure and predict: a network of this project, or any user functions given as a list of layers.

A list of layers holds (name, layer) pairs. A layer is a `Network`, a function f(x) applied elementwise (an
activation), or a function f(params[name], x) that has its own entry in `params`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Parameter, signature
from typing import Any

from jaxtyping import Array

from analysis.gradient_flow.moments import ACTIVATIONS, Activation, Kinked, activation
from jaxcnn import networks
from jaxcnn.networks import Network
from jaxcnn.networks.network import Call

Layers = Network | Sequence[tuple[str, Network | Callable[..., Array]]]
WEIGHTS = ("dense", "conv", "conv_transpose")
NAMES = {"identity": "linear"}


def as_network(layers: Layers) -> Network:
    """One network of whatever was given.

    `measure` compiles a list anew at every call: make it a network once where many draws are measured.

    Raises:
        TypeError: not a network and not a sequence of (name, layer) pairs.
        ValueError: two layers of one name.

    >>> import jax
    >>> as_network([("swish", jax.nn.swish)]).children[0][1].kind
    'function'
    """
    if isinstance(layers, Network):
        return layers
    if isinstance(layers, str) or not isinstance(layers, Sequence) or not all(map(is_named_layer, layers)):
        raise TypeError(
            "layers must be a Network or a sequence of (name, layer) pairs, a layer being a Network or a function; "
            f"got {layers!r}"
        )
    names = [name for name, _ in layers]
    if len(set(names)) < len(names):
        raise ValueError(f"layers: two layers have the same name; names must differ, got {', '.join(names)}")
    return networks.serial(**{name: part if isinstance(part, Network) else wrapped(part) for name, part in layers})


def is_named_layer(entry: Any) -> bool:
    if not isinstance(entry, tuple) or len(entry) != 2:
        return False
    name, layer = entry
    return isinstance(name, str) and (isinstance(layer, Network) or callable(layer))


def wrapped(function: Callable[..., Array]) -> Network:
    """A user's function as a layer: with its own parameters where `params` has an entry of its name."""

    def forward(x: Array, call: Call) -> tuple[Array, dict[str, Array]]:
        return (function(call.leaves, x) if has_own(call.leaves) else function(x)), {}

    return Network("function", {"function": function}, forward=forward)


def takes_params(layer: Network) -> bool:
    """Whether a layer is a user's function that must be called with parameters of its own, f(params, x).

    >>> takes_params(wrapped(lambda params, x: x)), takes_params(wrapped(abs)), takes_params(networks.dense(3))
    (True, False, False)
    """
    if layer.kind != "function":
        return False
    try:
        parameters = signature(layer.settings["function"]).parameters.values()
    except (TypeError, ValueError):  # Python does not know it of every builtin
        return False
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return sum(given.kind in positional and given.default is given.empty for given in parameters) == 2


def has_own(leaves: Any) -> bool:
    """Whether a layer has parameters: any pytree but the empty dict that `entry` gives to those without."""
    return not (isinstance(leaves, dict) and not leaves)


def entry(params: Any, path: str) -> Any:
    """What `params` holds for the layer at this path; {} for a layer that learns nothing.

    >>> entry({"block": {"dense": {"kernel": 1}}}, "block/dense"), entry({}, "relu")
    ({'kernel': 1}, {})
    """
    for name in path.split("/") if path else ():
        if not isinstance(params, dict) or name not in params:
            return {}
        params = params[name]
    return params


def nonlinearity(layer: Network, has_params: bool = False) -> Activation | None:
    """The activation that a layer applies, or None for any other kind of layer.

    >>> nonlinearity(networks.relu()).name, nonlinearity(networks.dense(3))
    ('relu', None)
    """
    if layer.kind == "function":
        return None if has_params else activation(layer.settings["function"])
    if layer.kind == "leaky_relu":
        return Kinked("leaky_relu", layer.settings["negative_slope"])
    return ACTIVATIONS.get(NAMES.get(layer.kind, layer.kind))


def activation_layer(phi: Activation) -> Network:
    """A layer that applies an activation: this project's own where it has one."""
    own = {"relu": networks.relu, "linear": networks.identity, "tanh": networks.tanh, "sigmoid": networks.sigmoid}
    if phi.name in own:
        return own[phi.name]()
    if isinstance(phi, Kinked):
        return networks.leaky_relu(negative_slope=phi.slope)
    return wrapped(phi.function)
