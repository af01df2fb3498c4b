"""Chunks of a batch: how many images, and that nothing depends on it."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.lowering import chunks


@pytest.mark.parametrize(
    ("n", "most", "images"),
    [(64, 8, 8), (64, 0, 1), (7, 7, 7), (60, 1000, 60), (61, 16, 1), (12, 5, 4)],
    ids=["divisor", "huge-images", "whole-batch", "more-than-there-are", "prime-batch", "next-divisor-below"],
)
def test_a_chunk_is_the_largest_divisor_of_the_batch_within_bounds(n, most, images):
    assert chunks.images_within(n, most) == images


@pytest.mark.parametrize("images", [1, 2, 3, 6])
def test_chunks_are_mapped_in_order_and_summed_over_all(images):
    x, y = jnp.arange(12.0).reshape(6, 2), jnp.arange(18.0).reshape(6, 3)
    np.testing.assert_array_equal(chunks.mapped(lambda x: 2 * x, images, x), 2 * x)
    np.testing.assert_array_equal(chunks.summed(lambda x, y: x.T @ y, images, x, y, (2, 3)), x.T @ y)
    np.testing.assert_array_equal(chunks.summed_late(lambda x, y: x.T @ y, images, x, y, (2, 3)), x.T @ y)


@pytest.mark.parametrize(
    ("images", "is_spread", "is_late"),
    [(6, False, True), (3, False, False), (6, True, False)],
    ids=["one-chunk", "a-loop-starts-late", "not-on-a-mesh"],
)
def test_what_is_built_in_one_chunk_waits_for_y(monkeypatch, images, is_spread, is_late):
    monkeypatch.setattr(chunks, "is_spread", lambda: is_spread)
    x, y, seen = jnp.arange(12.0).reshape(6, 2), jnp.arange(18.0).reshape(6, 3), []
    chunks.summed_late(lambda a, b: (seen.append(a), a.T @ b)[1], images, x, y, (2, 3))
    assert (seen[0] is not x and seen[0].shape == x.shape) == is_late
