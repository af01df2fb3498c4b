"""What is compared: argument leaves by path, checked once, and directions that depend on nothing but a leaf's path."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.agreement.program import is_float


@dataclass(frozen=True)
class Arguments:
    """The positional arguments of a function as leaves: floating-point ones are differentiated, the others passed on.

    `paths` names the float leaves as in `0/conv1/kernel`: argument number, then keys.
    """

    tree: Any
    leaves: tuple[Any, ...]
    paths: tuple[str, ...]
    float_places: tuple[int, ...]

    @property
    def floats(self) -> list[Any]:
        return [self.leaves[i] for i in self.float_places]

    @property
    def others(self) -> list[Any]:
        return [leaf for i, leaf in enumerate(self.leaves) if i not in self.float_places]

    def rebuild(self, floats: Sequence[Any], others: Sequence[Any]) -> tuple[Any, ...]:
        """Positional arguments from the two lists of leaves."""
        rest, places = iter(others), dict(zip(self.float_places, floats, strict=True))
        return jax.tree.unflatten(
            self.tree, [places[i] if i in places else next(rest) for i in range(len(self.leaves))]
        )

    def replaced(self, floats: Sequence[Any]) -> Arguments:
        """The same arguments with other float leaves."""
        leaves = list(self.leaves)
        for place, leaf in zip(self.float_places, floats, strict=True):
            leaves[place] = leaf
        return Arguments(self.tree, tuple(leaves), self.paths, self.float_places)

    def cast(self, dtype: str | None) -> Arguments:
        """Every float leaf in one dtype; None leaves them as they are."""
        return self if dtype is None else self.replaced([jnp.asarray(leaf, dtype) for leaf in self.floats])


def arguments_of(args: tuple[Any, ...]) -> Arguments:
    """Check and flatten the arguments of a check; TypeError or ValueError says what is wrong with which leaf."""
    with_paths, tree = jax.tree_util.tree_flatten_with_path(args)
    leaves = tuple(as_array(leaf, name(path)) for path, leaf in with_paths)
    places = tuple(i for i, leaf in enumerate(leaves) if is_float(leaf))
    if not places:
        found = ", ".join(
            f"{name(path)} is {describe(leaf)}" for (path, _), leaf in zip(with_paths, leaves, strict=True)
        )
        raise ValueError(
            f"check: nothing to compare: no argument has a floating-point leaf ({found or 'there are no arguments'}); "
            f"pass at least one float array to differentiate"
        )
    for i in places:
        if leaves[i].size == 0:
            raise ValueError(
                f"check: nothing to compare in argument {name(with_paths[i][0])}: its shape {leaves[i].shape} has no "
                f"elements; give every axis at least one"
            )
    return Arguments(tree, leaves, tuple(name(with_paths[i][0]) for i in places), places)


def as_array(leaf: Any, path: str) -> Any:
    try:
        array = leaf if isinstance(leaf, jax.Array) else jnp.asarray(leaf)
    except TypeError:
        raise TypeError(
            f"check: argument {path} is a {type(leaf).__name__}, not an array or a number; settings belong into the "
            f"functions (functools.partial), arrays into the arguments"
        ) from None
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise TypeError(
            f"check: argument {path} is {describe(array)}; pass its real and imaginary parts as two arguments"
        )
    return array


def name(path: tuple[Any, ...]) -> str:
    """A leaf's path as text.

    >>> name((jax.tree_util.SequenceKey(0), jax.tree_util.DictKey("kernel")))
    '0/kernel'
    """
    return jax.tree_util.keystr(path, simple=True, separator="/")


def describe(leaf: Any) -> str:
    """dtype[shape], as JAX writes it."""
    return f"{leaf.dtype}[{','.join(map(str, leaf.shape))}]"


def key_for(path: str, seed: int) -> np.random.Generator:
    """Random numbers that depend on the seed and a leaf's path alone: another leaf changes nothing here."""
    return np.random.default_rng([seed, zlib.crc32(path.encode())])


def directions(arguments: Arguments, leaf: int, count: int, seed: int) -> list[list[Any]]:
    """Signed random directions that move one leaf by about its own size, and no other leaf."""
    generator, value = key_for(arguments.paths[leaf], seed), np.asarray(arguments.floats[leaf], np.float64)
    size = float(np.sqrt(np.mean(value**2))) or 1.0
    return [moving(arguments, leaf, size * generator.standard_normal(value.shape)) for _ in range(count)]


def moving(arguments: Arguments, leaf: int, move: np.ndarray) -> list[Any]:
    """A direction in all leaves that is zero but for one."""
    return [move if i == leaf else np.zeros(np.shape(value)) for i, value in enumerate(arguments.floats)]


def cotangents(types: Sequence[Any], paths: Sequence[str], seed: int) -> list[np.ndarray]:
    """Standard normal cotangents in float64, one per output leaf, of both signs wherever there are two elements."""
    return [
        signed(key_for(f"cotangent of {p}", seed).standard_normal(t.shape)) for p, t in zip(paths, types, strict=True)
    ]


def signed(drawn: np.ndarray) -> np.ndarray:
    """Numbers of one sign with every other one negated: a rule must not be right for positive cotangents alone."""
    alternate = np.where(np.arange(drawn.size) % 2, -1, 1).reshape(drawn.shape)
    return drawn * alternate if (drawn > 0).all() or (drawn < 0).all() else drawn


@dataclass(frozen=True)
class Outputs:
    """The outputs of a function as leaves; only floating-point ones have gradients."""

    tree: Any
    types: tuple[Any, ...]
    paths: tuple[str, ...]

    @property
    def float_places(self) -> list[int]:
        return [i for i, type_ in enumerate(self.types) if is_float(type_)]


def outputs_of(label: str, function: Callable[..., Any], arguments: Arguments) -> Outputs:
    """The structure of what a function returns; what it raises is said in one sentence."""
    args = jax.tree.unflatten(arguments.tree, list(arguments.leaves))
    try:
        result = jax.eval_shape(function, *args)
    except Exception as error:
        raise ValueError(f"check: {label} raised {summary(error)} when called with {listed(arguments)}") from error
    with_paths, tree = jax.tree_util.tree_flatten_with_path(result)
    return Outputs(tree, tuple(leaf for _, leaf in with_paths), tuple(name(path) or "y" for path, _ in with_paths))


def listed(arguments: Arguments) -> str:
    return ", ".join(describe(leaf) for leaf in arguments.leaves)


def summary(error: BaseException) -> str:
    """An exception's type and first line."""
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def matching_outputs(hand: Outputs, auto: Outputs) -> Outputs:
    """Both functions must return the same tree of the same shapes, with something to differentiate."""
    if hand.tree != auto.tree:
        raise ValueError(
            f"check: the functions return different structures: hand {hand.tree}, auto {auto.tree}; "
            f"make both return the same tree"
        )
    for path, one, two in zip(hand.paths, hand.types, auto.types, strict=True):
        if one.shape != two.shape:
            raise ValueError(
                f"check: output {path} has shape {one.shape} from hand but {two.shape} from auto; "
                f"both must be the same function"
            )
    if not [i for i in hand.float_places if hand.types[i].size]:
        found = ", ".join(map(describe, hand.types)) or "nothing"
        raise ValueError(f"check: nothing to compare: the functions return {found}; return at least one float array")
    return hand
