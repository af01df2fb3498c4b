"""Noise units: the rounding a program must expect, against what is known by hand and against what really happens."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn import ops
from jaxcnn.agreement.arguments import arguments_of
from jaxcnn.agreement.cases import layers
from jaxcnn.agreement.evaluate import Pair, quick
from jaxcnn.agreement.program import INLINED, run, trace
from jaxcnn.agreement.rounding import RULES, Rounding, is_short
from jaxcnn.agreement.units import unit


def noise(function, *args, generous=False):
    program = trace(function, *args)

    def evaluate(*args):
        arithmetic = Rounding(generous)
        return run(program, arithmetic, [arithmetic.lift(a) for a in args])[0]

    return quick(evaluate)(*args)


def test_a_contraction_expects_u_sqrt_k_times_the_product_of_absolute_values():
    x, w = (np.float32(np.random.default_rng(i).standard_normal(s)) for i, s in enumerate([(3, 50), (50, 2)]))
    absolute = np.abs(x).astype(np.float64) @ np.abs(w).astype(np.float64)
    error = noise(jnp.matmul, jnp.asarray(x), jnp.asarray(w)).error
    u = unit("float32")
    rounded = u * np.abs(x.astype(np.float64) @ w.astype(np.float64))
    np.testing.assert_allclose(error, u * np.sqrt(50) * absolute + rounded, rtol=1e-6)


def test_whole_numbers_leave_no_room_for_rounding():
    x = jnp.asarray(np.random.default_rng(0).integers(-3, 4, (4, 5)), jnp.bfloat16)
    assert not np.any(noise(lambda x: (x @ x.T) + 2 * x[:, :4], x).error)
    assert np.all(np.asarray(noise(lambda x: (x @ x.T) + 2 * x[:, :4] + 3, x, generous=True).error) > 0)


def test_a_whole_number_too_large_for_the_dtype_is_rounded():
    assert float(noise(lambda x: x + 255, jnp.bfloat16(2)).error) > 0
    assert noise(lambda x: x + 254, jnp.bfloat16(2)).error == 0


def test_a_branch_within_rounding_adds_the_whole_jump():
    def step(x, y):
        return jnp.where(x * y > jnp.float32(1), jnp.float32(8), jnp.float32(2))

    third = jnp.float32(1 / 3)
    assert float(noise(step, third, jnp.float32(3)).error) == 6  # 3 * (1/3) may round to 1 or above
    assert not float(noise(step, third, jnp.float32(4)).error or 0)


def test_equal_numbers_of_different_error_may_differ():
    step = lambda x, y: jnp.where(x * 2 == y, 8, 2)  # noqa: E731
    assert float(noise(step, jnp.float32(2), jnp.float32(4), generous=True).error) == 6


def test_an_exact_tie_is_certain():
    x = jnp.asarray([[1.0, 1.0, 0.0]], jnp.float32)
    assert noise(lambda x: jnp.argmax(x, -1), x).error is None


@pytest.mark.parametrize(
    "pool",
    [
        lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (2,), (2,), "VALID"),
        lambda x: ops.max_pool(x[None, :, None], 2).ravel(),  # which asks what equals the maximum
    ],
    ids=["plain", "handwritten"],
)
def test_a_max_pools_gradient_is_uncertain_only_where_two_taps_are_within_rounding(pool):
    gradient = lambda x: jax.vjp(pool, x * jnp.float32(1.1))[1](jnp.ones(2, jnp.float32))[0]  # noqa: E731
    near = jnp.asarray([1.0, 1.0 + 2.0**-23, 1.0, 2.0], jnp.float32)
    error = np.asarray(noise(gradient, near).error)
    assert (error[:2] >= 1).all()
    assert (error[2:] < 1e-6).all()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_noise_covers_what_really_happens(dtype):
    x, w = (jnp.asarray(np.random.default_rng(i).standard_normal((16, 16)), dtype) for i in range(2))

    def layer(x, w):
        return jnp.tanh(x @ w) * 0.1 - jnp.mean(x, 0)

    number = noise(layer, x, w)
    z = np.abs(np.asarray(layer(x, w), np.float64) - number.value) / number.error
    assert 0.01 < z.max() <= 1


LOOPS = {
    "scan": lambda x: jax.lax.scan(lambda c, y: (c * y, None), jnp.float32(1), x)[0],
    "reduce": lambda x: jax.lax.reduce(x, np.float32(1), lambda a, b: -(a * -b), (0,)),
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS.keys())
def test_loops_carry_errors(loop):
    product = noise(loop, jnp.asarray(np.linspace(0.1, 1, 5), jnp.float32))
    assert 3 < float(product.error) / float(unit("float32") * product.value) < 6  # five multiplications


@pytest.mark.parametrize(("value", "short"), [(0.5, True), (3.0, True), (0.1, False), (1 / 3, False), (np.inf, True)])
def test_a_literal_was_rounded_unless_it_is_short(value, short):
    assert is_short(np.float32(value)) is short


@pytest.mark.parametrize("case", layers(), ids=lambda case: case.name)
def test_every_primitive_of_every_layer_has_a_rule_of_its_own(case):
    arguments = arguments_of(case.args)
    pair = Pair(case.hand, case.auto, arguments)
    dy = [np.ones(t.shape, np.float32) for t in pair.output_types]
    flat, tree = jax.tree.flatten((arguments.floats, arguments.others, dy))
    for subject in (pair.hand, pair.auto):
        program = trace(lambda *leaves: subject.gradient(*jax.tree.unflatten(tree, leaves)), *flat)  # noqa: B023
        assert not names(program.jaxpr) - set(RULES) - set(INLINED) - CONTROL


CONTROL = {"scan", "while", "cond", "reduce"}


def names(jaxpr):
    """Every primitive that takes a float, nested programs included."""
    found = set()
    for equation in jaxpr.eqns:
        inner = [p for value in equation.params.values() for p in (value if isinstance(value, tuple) else (value,))]
        programs = [getattr(p, "jaxpr", p) for p in inner if hasattr(getattr(p, "jaxpr", p), "eqns")]
        found = found.union(*map(names, programs))
        if any(jnp.issubdtype(atom.aval.dtype, jnp.floating) for atom in equation.invars):
            found |= {equation.primitive.name}
    return found
