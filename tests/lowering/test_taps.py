"""Several arrays as the channels of one: their order, and the runs of numbers in which they are copied."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.lowering.taps import side_by_side
from tests.ops.checks import integers


@pytest.mark.parametrize("c", [1, 5, 8, 24])
@pytest.mark.parametrize("given", [list, np.stack], ids=["parts", "one-array"])
def test_channels_stand_in_the_order_of_the_parts(given, c):
    parts = [integers(2, 3, c) for _ in range(3)]
    joined = jax.jit(side_by_side)(jax.tree.map(jnp.asarray, given(parts)))
    np.testing.assert_array_equal(joined, np.concatenate(parts, -1))


@pytest.mark.parametrize(("c", "run"), [(64, 8), (8, 8), (12, 12), (3, 3)])
def test_channels_are_copied_in_runs_of_eight_or_as_they_are(c, run):
    program = jax.make_jaxpr(lambda x: side_by_side([x, x]))(jnp.ones((4, c)))
    assert program.eqns[-1].invars[0].aval.shape == (4, 2, c // run, run)
