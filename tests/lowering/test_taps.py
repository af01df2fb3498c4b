"""Several arrays as the channels of one: their order, and the runs of numbers in which they are copied and padded."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.lowering import gemm
from jaxcnn.lowering.taps import in_runs, side_by_side
from jaxcnn.ops.geometry import window
from tests.ops.checks import integers


@pytest.mark.parametrize("c", [1, 5, 8, 24])
@pytest.mark.parametrize("given", [list, np.stack], ids=["parts", "one-array"])
def test_channels_stand_in_the_order_of_the_parts(given, c):
    parts = [integers(2, 3, c) for _ in range(3)]
    joined = jax.jit(side_by_side)(jax.tree.map(jnp.asarray, given(parts)))
    np.testing.assert_array_equal(joined, np.concatenate(parts, -1))


def test_runs_of_channels_stand_in_the_order_of_the_parts():
    parts = [integers(2, 3, 16) for _ in range(3)]
    joined = jax.jit(lambda *parts: side_by_side([in_runs(part) for part in parts], -2))(*map(jnp.asarray, parts))
    assert joined.shape == (2, 3, 6, 8)
    np.testing.assert_array_equal(joined.reshape(2, 3, -1), np.concatenate(parts, -1))


@pytest.mark.parametrize(("c", "runs"), [(64, (8, 8)), (8, (1, 8)), (12, (1, 12)), (3, (1, 3))])
def test_runs_are_of_eight_channels_or_of_all(c, runs):
    assert in_runs(jnp.ones((4, c))).shape == (4, *runs)


def test_what_crossed_kernel_gradients_are_built_from_is_padded_in_runs():
    where, x = window("conv", (6, 6), (3, 3), padding="SAME"), jnp.ones((2, 6, 6, 32))
    program = jax.make_jaxpr(lambda x, y: gemm.correlate_kernel_crossed(x, y, where))(x, x)
    padded = [eqn.outvars[0].aval.shape for eqn in program.eqns if eqn.primitive.name == "pad"]
    assert {shape[-2:] for shape in padded if len(shape) > 1} == {(4, 8)}
