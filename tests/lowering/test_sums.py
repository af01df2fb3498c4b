"""Sums over positions by way of long rows: exact on integers, whatever divides what."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.lowering import sums
from tests.ops.checks import DTYPES

SHAPES = [(64, 8, 8, 64), (7, 3, 5, 2), (6, 3), (1, 1), (2, 3, 1500), (13, 64), (5, 4, 4, 4, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("is_spread", [False, True], ids=["here", "on-a-mesh"])
@pytest.mark.parametrize("is_computed", [False, True], ids=["in-memory", "computed"])
def test_integers_are_summed_exactly(monkeypatch, shape, is_spread, is_computed):
    monkeypatch.setattr(sums, "is_spread", lambda: is_spread)
    a = np.random.default_rng(0).integers(-9, 10, shape)
    found = sums.channel_sum(jnp.asarray(a, jnp.float32), is_computed=is_computed)
    assert found.tolist() == a.sum(tuple(range(len(shape) - 1))).tolist()


def test_rows_are_long_and_positions_fill_them():
    """Ten positions of 256 channels: two to a row, of which there are five."""
    text = str(jax.make_jaxpr(sums.channel_sum)(jnp.ones((10, 256), jnp.float32)))
    assert "f32[5,512]" in text
    assert "f32[2,256]" in text


def test_what_is_computed_for_its_sum_is_not_written():
    """16 neighbours are added where they are computed, on every jaxlib: a sixteenth of a is all that is written."""
    a = jnp.ones((64, 16, 16, 32), jnp.float32)
    run = jax.jit(lambda a, b: sums.channel_sum(jnp.where(b > 0, a, 0), is_computed=True)).lower(a, a).compile()
    assert run.memory_analysis().temp_size_in_bytes < a.nbytes / 8


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("is_computed", [False, True], ids=["in-memory", "computed"])
def test_sums_are_carried_in_float32_at_least(dtype, is_computed):
    found = sums.channel_sum(jnp.ones((5000, 1), dtype), is_computed=is_computed)
    assert found.dtype == jnp.promote_types(dtype, jnp.float32)
    assert found.tolist() == [5000]
