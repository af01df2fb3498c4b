"""Tapes of traced programs against jax.grad: every step alone, 50 random programs, seed 2's network."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxcnn.ops
from analysis.autodiff import Tape, differentiate, trace
from jaxcnn import networks
from tests.analysis.autodiff.programs import random_program


def primitives(program: Callable[[jax.Array], jax.Array]) -> set[str]:
    """The operations in a program's graph; nothing is computed."""
    found: set[str] = set()

    def look(x: jax.Array) -> jax.Array:
        graph = trace(program, x)
        found.update(node.operation for node in graph.nodes.values() if not node.is_leaf)
        return x

    jax.eval_shape(look, jnp.ones((4, 6), jnp.float64))
    return found


@pytest.mark.parametrize("seed", range(50))
def test_random_programs(seed: int) -> None:
    program, x, names = random_program(seed)
    found, expected = jax.jit(lambda x: (differentiate(trace(program, x))["0"], jax.grad(program)(x)))(x)
    np.testing.assert_allclose(
        found, expected, rtol=1e-11, atol=1e-11 * float(jnp.abs(expected).max()), err_msg=str(names)
    )


def test_the_random_programs_cover_at_least_thirty_primitives() -> None:
    covered = set[str]().union(*(primitives(random_program(seed)[0]) for seed in range(50)))
    assert len(covered) >= 30, sorted(covered)


def loss(network: networks.Network, params: object, x: jax.Array, ops: object = jaxcnn.ops) -> jax.Array:
    return jaxcnn.ops.softmax_cross_entropy(network.apply(params, x, ops=ops), jnp.array([3], jnp.int32))[0]


def tape_of(network: networks.Network, params: object, x: jax.Array) -> Tape:
    return differentiate(trace(lambda params: loss(network, params, x), params))


def test_the_tape_of_seed_2s_network_equals_its_handwritten_gradient() -> None:
    """Backprop is a special case: the tape goes through what the layers compute, never through their rules."""
    network = networks.seed2()
    params = network.init(jax.random.key(0), (28, 28, 1), jnp.float64)
    x = jax.random.normal(jax.random.key(1), (1, 28, 28, 1), jnp.float64)
    tape = jax.jit(lambda params: {step.node: step.t for step in tape_of(network, params, x).steps})(params)
    by_hand = networks.flat(jax.jit(jax.grad(lambda params: loss(network, params, x)))(params))
    for path, expected in by_hand.items():
        np.testing.assert_allclose(tape[f"0/{path}"], expected, rtol=1e-11, atol=1e-13, err_msg=path)


def test_the_tape_goes_through_reductions() -> None:
    """Batch norm's sums are a `lax.reduce` of a function of its own; and a product may start from a variable."""

    def squares(x: jax.Array) -> jax.Array:
        return jnp.sum(jaxcnn.ops.batch_norm(x, x[0, 0], x[0, 1]) ** 3)

    def product(x: jax.Array) -> jax.Array:
        return jax.lax.reduce(x, x[1, 0, 0], lambda a, b: -(a * -b), (0, 1, 2))

    x = jax.random.normal(jax.random.key(0), (6, 8, 2), jnp.float64)
    for function, expected in (
        (squares, jax.grad(squares)(x)),
        (product, jax.grad(lambda x: x[1, 0, 0] * jnp.prod(x))(x)),
    ):
        found = jax.jit(lambda x: differentiate(trace(function, x))["0"])(x)  # noqa: B023
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_every_layers_cotangent_is_a_node_of_the_tape() -> None:
    """t of each layer's output against the cotangent that the handwritten layer after it passes back."""
    network = networks.seed2_shallow()
    params = network.init(jax.random.key(0), (28, 28, 1), jnp.float64)
    x = jax.random.normal(jax.random.key(1), (1, 28, 28, 1), jnp.float64)
    shifts = {site.path: jnp.zeros((1, *site.output_shape), jnp.float64) for site in network.sites((28, 28, 1))}
    given = networks.flat(params)

    def shifted(shifts: dict[str, jax.Array]) -> jax.Array:
        def visit(path: str, layer: networks.Network, x: jax.Array) -> jax.Array:
            leaves = {name: given[f"{path}/{name}"] for name in layer.leaves(x.shape[1:])}
            return layer.forward(x, networks.Call(path, leaves, {}))[0] + shifts[path]

        return jaxcnn.ops.softmax_cross_entropy(network.run(x, visit), jnp.array([3], jnp.int32))[0]

    tape = jax.jit(lambda shifts: {step.node: step.t for step in differentiate(trace(shifted, shifts)).steps})(shifts)
    by_hand = jax.jit(jax.grad(shifted))(shifts)
    for path, expected in by_hand.items():
        np.testing.assert_allclose(tape[f"0/{path}"], expected, rtol=1e-11, atol=1e-13, err_msg=path)


def test_an_unknown_primitive_is_named() -> None:
    with pytest.raises(NotImplementedError, match="no rule for the primitive 'sort'"):
        trace(lambda x: jnp.sum(jnp.sort(x)), jnp.ones(3))


def test_control_flow_is_named() -> None:
    with pytest.raises(NotImplementedError, match="'cond'"):
        trace(lambda x: jax.lax.cond(x > 0, jnp.sin, jnp.cos, x), 2.0)
    with pytest.raises(NotImplementedError, match=r"'scan'.*must be unrolled"):
        trace(lambda x: jax.lax.scan(lambda c, _: (c * x, None), x, length=3)[0], 2.0)


def test_one_result_only() -> None:
    with pytest.raises(ValueError, match="returns 2 arrays"):
        trace(lambda x: (x, x), 1.0)


def test_leaves_are_named_by_their_place() -> None:
    graph = trace(lambda params, x: jnp.sum(params["w"] * x), {"w": jnp.ones(2)}, jnp.ones(2))
    assert [name for name in graph.nodes if graph[name].is_leaf] == ["0/w", "1"]


def test_an_argument_handed_through() -> None:
    assert float(differentiate(trace(lambda x: x, 2.0))["0"]) == 1.0
