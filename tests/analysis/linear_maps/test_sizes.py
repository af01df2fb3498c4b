"""The size rule against the layers; receptive fields against Jacobians."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.linear_maps import output_size, receptive_fields, same_padding, support
from jaxcnn import networks
from jaxcnn.networks import (
    avg_pool,
    conv,
    conv_transpose,
    global_avg_pool,
    identity,
    max_pool,
    relu,
    residual,
    serial,
)


@pytest.mark.parametrize("n", [3, 6, 11])
@pytest.mark.parametrize("f", [1, 3, 4])
@pytest.mark.parametrize("s", [1, 2, 3])
@pytest.mark.parametrize("p", [0, 1, 2])
def test_size_rule(n: int, f: int, s: int, p: int) -> None:
    if n + 2 * p >= f:
        assert conv(1, f, stride=s, padding=p).output_shape((n, 1)) == (output_size(n, f, s, p), 1)


def test_same_padding() -> None:
    assert [output_size(9, f, 1, same_padding(f)) for f in (1, 3, 5)] == [9, 9, 9]
    with pytest.raises(ValueError, match="filter of 4 positions"):
        same_padding(4)


NETWORKS = {
    "stride, pool, dilation": serial(a=conv(1, 3, stride=2), b=avg_pool(2), c=conv(1, 2, dilation=2)),
    "padding": serial(a=conv(1, 3, padding="SAME"), b=relu(), c=conv(1, 5, padding="SAME")),
    "residual": serial(
        a=residual(serial(b=conv(1, 3, stride=2, padding=1), c=conv(1, 3, padding=1)), conv(1, 1, stride=2)), d=relu()
    ),
    "overlapping pool": serial(a=conv(1, 2), b=avg_pool(3, stride=2, padding=1)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_receptive_field_is_the_support_of_the_jacobian(name: str) -> None:
    """Positive weights and inputs: nothing cancels and every ReLU is open."""
    network, n = NETWORKS[name], 31
    params = jax.tree.map(lambda p: jnp.abs(p) + 0.1, network.init(jax.random.key(0), (n, 1), jnp.float64))
    seen = support(lambda x: network.apply(params, x[None, :, None])[0, :, 0], jnp.ones(n, jnp.float64))
    field = receptive_fields(network, (n, 1))[-1]
    assert seen.any()
    for output, row in enumerate(seen):
        start = field.start + field.stride * output
        expected = [k for k in range(start, start + field.size) if 0 <= k < n]
        touched = np.flatnonzero(row)
        assert (touched[0], touched[-1]) == (expected[0], expected[-1])


def test_seed_2_sees_the_whole_image_from_its_last_pool() -> None:
    last = receptive_fields(networks.seed2(), (28, 28, 1))[-1]
    assert (last.size, last.stride) == (16, 4)
    assert last.size + 3 * last.stride == 28


def test_a_transposed_convolution_is_not_followed() -> None:
    with pytest.raises(ValueError, match=r"up \(conv_transpose\) changes the size"):
        receptive_fields(serial(up=conv_transpose(1, 3)), (8, 1))


def test_a_global_pool_sees_everything() -> None:
    assert receptive_fields(serial(a=conv(1, 3, stride=2), all=global_avg_pool()), (11, 1))[-1][2:] == (11, 10, 0)


def test_a_residual_block_is_listed_where_its_branches_meet() -> None:
    network = serial(block=residual(conv(1, 3, padding="SAME"), identity()), pool=max_pool(2))
    found = [field[:1] + field[2:] for field in receptive_fields(network, (8, 1))]
    assert found == [("block/body", 3, 1, -1), ("block", 3, 1, -1), ("pool", 4, 2, -1)]


def test_a_single_layer() -> None:
    assert receptive_fields(max_pool(3, stride=2), (9, 1))[0][2:] == (3, 2, 0)
