"""The checks that every layer's tests use, and that `test_mistakes.py` shows to have teeth.

    agrees       value and gradients against `jax.grad` of the reference, in float64
    run          value and gradients of one function, compiled
    exact        value and gradients against integers, bit for bit, in every dtype
    adjoint      <J u, v> = <u, J^T v>, exact on integers
    contracted   a scalar made of all gradients, so that `agrees` can differentiate once more
    refuses      an error of the right type whose one sentence holds the right words

Each check compiles what it compares in one piece and without LLVM's optimisations: compiling is most of a test's time,
and XLA's own passes run all the same. `test_transformations.py` compiles as users do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

Function = Callable[..., Any]
quick_jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
DTYPES = (jnp.float64, jnp.float32, jnp.bfloat16, jnp.float16)


def normal(*shape: int, seed: int = 0, dtype: Any = jnp.float64) -> jax.Array:
    """Reproducible random numbers, different for every shape and seed."""
    return jnp.asarray(np.asarray(np.random.default_rng([seed, *shape]).standard_normal(shape), dtype))


def integers(*shape: int, seed: int = 0) -> np.ndarray:
    """Reproducible integers in {-3..3}: small enough that sums of their products are exact in every dtype."""
    return np.random.default_rng([seed, *shape]).integers(-3, 4, shape)


def agrees(
    hand: Function, auto: Function, *arrays: jax.Array, multilinear: bool = False, bound: float = 1e-12, seed: int = 9
) -> None:
    """Value and every gradient of `hand` against those of `auto`, with a random cotangent.

    The error of a leaf is bounded in norm, and each of its elements against the element's own scale: the same sums over
    absolute values for a multilinear map, the leaf's largest element otherwise.
    """
    y = jax.eval_shape(auto, *arrays)
    dy = normal(*y.shape, seed=seed, dtype=y.dtype)

    @quick_jit
    def both(arrays: Sequence[jax.Array], dy: jax.Array) -> Any:
        want = value_and_gradients(auto, arrays, dy)
        absolute = [abs(a) for a in arrays]
        scales = value_and_gradients(auto, absolute, abs(dy)) if multilinear else [largest(leaf) for leaf in want]
        return value_and_gradients(hand, arrays, dy), want, scales

    for leaf, got, want, scale in zip(leaves(arrays), *both(arrays, dy), strict=True):
        close(leaf, got, want, bound, scale)


def value_and_gradients(function: Function, arrays: Sequence[jax.Array], dy: jax.Array) -> list[jax.Array]:
    y, backward = jax.vjp(function, *arrays)
    return [y, *backward(dy)]


run = quick_jit(value_and_gradients, static_argnums=0)


def leaves(arrays: Sequence[Any]) -> list[str]:
    return ["the value", *(f"the gradient of argument {i}" for i in range(len(arrays)))]


def largest(leaf: jax.Array) -> jax.Array:
    return jnp.max(jnp.abs(leaf), initial=0)


def close(leaf: str, got: Any, want: Any, bound: float, scale: Any) -> None:
    """One leaf: its dtype, its shape, its error in norm and its largest error."""
    assert (got.shape, got.dtype) == (want.shape, want.dtype), f"{leaf} is {got.dtype}{got.shape}"
    got, want, scale = (np.asarray(a, np.float64) for a in (got, want, scale))
    assert np.isfinite(got).all(), f"{leaf} is not finite"
    error = np.abs(got - want)
    assert np.linalg.norm(error) <= bound * np.linalg.norm(want), f"{leaf}: error in norm {np.linalg.norm(error):.1e}"
    assert (error <= bound * scale).all(), f"{leaf}: largest error {error.max():.1e}"


def exact(
    hand: Function,
    arrays: Sequence[np.ndarray],
    dy: np.ndarray,
    want: Sequence[np.ndarray],
    dtypes: Sequence[Any] = DTYPES,
) -> None:
    """Value and gradients are these numbers, rounded once to the dtype of the primals; for each of the dtypes."""

    @quick_jit
    def all_dtypes(arrays: Sequence[jax.Array], dy: jax.Array) -> Any:
        return [value_and_gradients(hand, [a.astype(t) for a in arrays], dy.astype(t)) for t in dtypes]

    for dtype, results in zip(dtypes, all_dtypes([jnp.asarray(a) for a in arrays], jnp.asarray(dy)), strict=True):
        for leaf, got, whole in zip(leaves(arrays), results, want, strict=True):
            assert got.dtype == dtype, f"{leaf} is {got.dtype} in a test of {dtype.__name__}"
            rounded = np.asarray(np.asarray(whole, np.float64).astype(dtype), np.float64)
            message = f"{leaf} in {dtype.__name__}"
            np.testing.assert_array_equal(np.asarray(got, np.float64), rounded, err_msg=message, strict=True)


def adjoint(linear: Function, *shape: int) -> None:
    """<J u, v> = <u, J^T v> for a linear map of u[*shape], on integers, where both sides are exact."""
    u = np.float64(integers(*shape))
    v = np.float64(integers(*jax.eval_shape(linear, u).shape, seed=1))
    y, returned = (np.asarray(leaf) for leaf in run(linear, [u], v))
    assert np.any(y)
    assert np.vdot(y, v) == np.vdot(u, returned)


def contracted(function: Function, seed: int = 20) -> Function:
    """(*arrays, dy) -> the sum over all gradients of random weights times gradient."""

    def contraction(*arrays_and_dy: jax.Array) -> jax.Array:
        *arrays, dy = arrays_and_dy
        _, *gradients = value_and_gradients(function, arrays, dy)
        return sum(jnp.vdot(normal(*g.shape, seed=seed + i), g) for i, g in enumerate(gradients))

    return contraction


def agrees_to_second_order(hand: Function, auto: Function, *arrays: jax.Array, bound: float = 1e-12) -> None:
    """The gradient, by every argument and by the cotangent, of a random contraction of all gradients."""
    dy = normal(*jax.eval_shape(auto, *arrays).shape, seed=10)
    agrees(contracted(hand), contracted(auto), *arrays, dy, bound=bound)


@contextmanager
def refuses(error: type[Exception], *words: str) -> Iterator[None]:
    """The block raises this error, and its sentence holds all these words: argument, value, rule, remedy."""
    with pytest.raises(error) as raised:
        yield
    missing = [word for word in words if word not in str(raised.value)]
    assert not missing, f"{missing} not in: {raised.value}"
