"""Initialisers: variance and mean within sampling error, orthogonality exactly, fans of groups and transposes right."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn import ops, reference
from jaxcnn.networks import conv, conv_transpose, dense, seed2
from jaxcnn.networks.initialisers import delta_orthogonal, he, lecun, unit_normal, xavier

KEY = jax.random.key(0)

# layer, one example's shape, fan_in and fan_out counted by hand
LAYERS = {
    "dense": (lambda init: dense(300, kernel_init=init), (100,), 100, 300),
    "conv": (lambda init: conv(64, 3, kernel_init=init), (5, 5, 32), 9 * 32, 9 * 64),
    "grouped conv": (lambda init: conv(64, 3, groups=4, kernel_init=init), (5, 5, 32), 9 * 8, 9 * 16),
    "conv_transpose": (lambda init: conv_transpose(64, 3, kernel_init=init), (5, 5, 32), 9 * 32, 9 * 64),
    "grouped conv_transpose": (lambda init: conv_transpose(64, 3, groups=4, kernel_init=init), (5, 5, 32), 72, 144),
    "1-D conv": (lambda init: conv(64, 5, kernel_init=init), (9, 32), 5 * 32, 5 * 64),
}
VARIANCES = {
    he: lambda fan_in, fan_out: 2 / fan_in,
    lecun: lambda fan_in, fan_out: 1 / fan_in,
    xavier: lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    unit_normal: lambda fan_in, fan_out: 1.0,
}


@pytest.mark.parametrize("init", VARIANCES, ids=lambda init: init.__name__)
@pytest.mark.parametrize("layer", LAYERS)
def test_variance_within_sampling_error(layer, init):
    make, input_shape, fan_in, fan_out = LAYERS[layer]
    kernel = np.asarray(make(init).init(KEY, input_shape, jnp.float64)["kernel"])
    variance = VARIANCES[init](fan_in, fan_out)
    assert abs(kernel.mean()) < 4 * (variance / kernel.size) ** 0.5
    assert abs(np.mean(kernel**2) / variance - 1) < 4 * (2 / kernel.size) ** 0.5


@pytest.mark.parametrize(
    ("ours", "jaxs"),
    [
        (he, jax.nn.initializers.variance_scaling(2.0, "fan_in", "normal")),
        (lecun, jax.nn.initializers.variance_scaling(1.0, "fan_in", "normal")),
        (xavier, jax.nn.initializers.variance_scaling(1.0, "fan_avg", "normal")),
        (unit_normal, jax.nn.initializers.normal(1.0)),
    ],
    ids=["he", "lecun", "xavier", "unit_normal"],
)
def test_draws_are_those_of_jax(ours, jaxs):
    shape = (3, 2, 4, 6)
    np.testing.assert_allclose(ours(KEY, shape), jaxs(KEY, shape, jnp.float32), rtol=1e-6)


def test_draws_are_gaussian_and_not_truncated():
    kernel = np.asarray(he(KEY, (200, 300), jnp.float64)) / np.sqrt(2 / 200)
    assert np.abs(kernel).max() > 3.5
    assert abs(np.mean(kernel**4) - 3) < 4 * (96 / kernel.size) ** 0.5


def test_delta_orthogonal_is_one_isometry_at_the_centre():
    kernel = np.array(delta_orthogonal(KEY, (3, 5, 4, 6), jnp.float64))
    centre = kernel[1, 2].copy()
    np.testing.assert_allclose(centre @ centre.T, np.eye(4), atol=1e-14)
    kernel[1, 2] = 0
    assert not kernel.any()


@pytest.mark.parametrize("groups", [1, 2])
def test_delta_orthogonal_keeps_norms(groups):
    network = conv(8, 3, padding="SAME", groups=groups, bias=None, kernel_init=delta_orthogonal)
    params = network.init(KEY, (6, 6, 4), jnp.float64)
    x = np.random.default_rng(1).normal(size=(3, 6, 6, 4))
    np.testing.assert_allclose(jnp.sum(network.apply(params, x) ** 2), jnp.sum(x**2), rtol=1e-13)


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3)], ids=str)
def test_delta_orthogonal_of_a_dense_kernel_is_orthogonal(shape):
    kernel = delta_orthogonal(KEY, shape, jnp.float64)
    short = kernel if shape[0] <= shape[1] else kernel.T
    np.testing.assert_allclose(short @ short.T, np.eye(min(shape)), atol=1e-14)


def test_delta_orthogonal_in_bfloat16_is_the_rounded_float32():
    shape = (3, 3, 4, 4)
    rounded = delta_orthogonal(KEY, shape, jnp.bfloat16)
    np.testing.assert_array_equal(rounded, delta_orthogonal(KEY, shape).astype(jnp.bfloat16))


def test_delta_orthogonal_refuses_to_lose_channels():
    with pytest.raises(ValueError, match="8 channels do not fit into 4"):
        conv(4, 3, kernel_init=delta_orthogonal).init(KEY, (5, 5, 8))


def test_any_initialiser_of_jax_will_do():
    params = conv(4, 3, kernel_init=jax.nn.initializers.constant(2.0)).init(KEY, (5, 5, 8))
    np.testing.assert_array_equal(params["kernel"], np.full((3, 3, 8, 4), 2.0, np.float32))


def test_groups_are_separate_convolutions():
    network = conv(6, 3, groups=2)
    params = network.init(KEY, (5, 5, 4))
    x = jnp.float32(np.random.default_rng(1).normal(size=(2, 5, 5, 4)))
    halves = [ops.conv(x[..., 2 * g : 2 * g + 2], params["kernel"][..., 3 * g : 3 * g + 3]) for g in range(2)]
    np.testing.assert_allclose(network.apply(params, x), jnp.concatenate(halves, -1), rtol=1e-5, atol=1e-6)


def test_unit_normal_makes_seed_2s_logits_explode_and_he_does_not():
    x = jnp.float32(np.random.default_rng(1).uniform(size=(8, 28, 28, 1)))
    apply = jax.jit(partial(seed2().apply, ops=reference))
    largest = {
        init: jnp.max(jnp.abs(apply(seed2(kernel_init=init).init(KEY, x.shape[1:]), x))) for init in (unit_normal, he)
    }
    assert largest[he] < 10
    assert largest[unit_normal] > 100 * largest[he]
