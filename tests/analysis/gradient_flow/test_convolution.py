"""Fourier modes, zero padding and pools against simulation with this project's convolutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.gradient_flow.convolution import (
    fourier_factors,
    max_pool_moment,
    pool_passes,
    same_padding_factor,
    same_padding_matrix,
    same_padding_profile,
)
from analysis.gradient_flow.experiments.padding import padded, ring_modes
from analysis.gradient_flow.meanfield import phase

UNIFORM = np.full(3, 1 / 3)


@pytest.mark.parametrize(("ring", "lowest"), [(28, 0.98329), (14, 0.93398), (7, 0.74899)])
def test_lowest_mode_of_a_uniform_window(ring, lowest):
    assert fourier_factors(UNIFORM, ring)[1] == pytest.approx(lowest, abs=6e-6)


def test_modes_of_networks_on_a_ring():
    found = np.array([ring_modes(UNIFORM, seed) for seed in range(24)])[:, [0, 3]]  # [networks, layers, modes]
    expected = fourier_factors(UNIFORM, 28)[:15] ** np.array([[1], [4]])
    z = (found.mean(axis=0) - expected) / (found.std(axis=0, ddof=1) / 24**0.5)
    assert np.abs(z).max() < 5  # thirty numbers, t-distributed
    assert np.abs(found.mean(axis=0) - expected)[0].max() < 0.1


def test_modes_of_tanh_on_a_ring_in_numpy():
    """A small difference of two signals, at one place of a ring of equal positions: chi1^l lambda_k^l is left."""
    at, rng = phase("tanh", 1.5, 0.05), np.random.default_rng(0)
    networks, ring, channels, layers = 32, 14, 64, 3
    z = at.length**0.5 * rng.standard_normal((networks, 1, channels))
    tangent = np.zeros((networks, ring, channels))
    tangent[:, 0] = rng.standard_normal((networks, channels))
    start = np.mean(tangent[:, 0] ** 2, axis=1, keepdims=True)
    for layer in range(1, layers + 1):
        W = (1.5 / 3 / channels) ** 0.5 * rng.standard_normal((3, networks, channels, channels))
        h, dh = np.tanh(z), np.cosh(z) ** -2.0 * tangent
        z = h @ W.sum(axis=0) + 0.05**0.5 * rng.standard_normal(z.shape)
        tangent = sum(np.roll(dh, 1 - tap, axis=1) @ W[tap] for tap in range(3))
        found = np.fft.rfft(np.mean(tangent**2, axis=2) / start, axis=1).real
        expected = (at.growth * fourier_factors(UNIFORM, ring)[: ring // 2 + 1]) ** layer
        error = found.std(axis=0, ddof=1) / networks**0.5
        assert np.abs((found.mean(axis=0) - expected) / error).max() < 5
        assert error.max() < 0.05


def test_delta_kernels_keep_every_mode():
    np.testing.assert_allclose(fourier_factors(np.array([0, 1, 0]), 28), 1)


@pytest.mark.parametrize(("size", "factor"), [(28, 0.9922), (14, 0.9711), (8, 0.9212), (7, 0.9011), (4, 0.7616)])
def test_decay_under_zero_padding(size, factor):
    assert same_padding_factor(size) == pytest.approx(factor, abs=6e-5)
    assert np.linalg.eigvalsh(same_padding_matrix(size)).max() ** 2 == pytest.approx(factor, abs=6e-5)


def test_profile_under_zero_padding():
    profile = same_padding_profile(7, 12)
    relative = profile[1:] / profile[1]
    assert relative[:7] == pytest.approx([1, 0.865, 0.759, 0.673, 0.601, 0.538, 0.483], abs=2e-3)
    assert relative[-1] == pytest.approx(0.285, abs=2e-3)


def test_networks_with_zero_padding_decay_so():
    networks = 16
    found = np.array([padded(7, 8, seed) for seed in range(networks)])
    error = found[:, -1].std(ddof=1) / networks**0.5
    assert abs(found[:, -1].mean() - same_padding_profile(7, 8)[-1]) < 4 * error
    assert error < 0.15 * same_padding_profile(7, 8)[-1]


def test_gradients_decay_as_signals_do_under_zero_padding():
    def outputs(x, kernels):
        for kernel in kernels:
            x = jax.lax.conv_general_dilated(
                jax.nn.relu(x), kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
        return x

    @jax.jit
    def decay(key):
        keys = jax.random.split(key, 3)
        kernels = (2 / 9 / 32) ** 0.5 * jax.random.normal(keys[0], (6, 3, 3, 32, 32), jnp.float32)
        x, dy = jax.random.normal(keys[1], (2, 1, 7, 7, 32), jnp.float32)
        (dx,) = jax.vjp(lambda x: outputs(x, kernels), x)[1](dy)
        return jnp.mean(dx**2) / jnp.mean(dy**2)

    found = np.array([decay(jax.random.key(seed)) for seed in range(96)])
    error = found.std(ddof=1) / 96**0.5
    assert abs(found.mean() - same_padding_profile(7, 6)[-1]) < 4 * error
    assert error < 0.06 * same_padding_profile(7, 6)[-1]


@pytest.mark.parametrize(("window", "moment"), [(1, 0.5), (4, 1.5438), (9, 2.5626)])
def test_moment_behind_a_max_pool(window, moment):
    assert max_pool_moment(window) == pytest.approx(moment, abs=6e-5)
    z = np.random.default_rng(window).standard_normal((200_000, window)).max(axis=1).clip(0)
    assert (z**2).mean() == pytest.approx(moment, abs=4 * (z**2).std() / 200_000**0.5)


def test_windows_that_pass_a_gradient():
    assert pool_passes(4) == 15 / 16
    z = np.random.default_rng(4).standard_normal((100_000, 4))
    assert (z.max(axis=1) > 0).mean() == pytest.approx(15 / 16, abs=4 * (15 / 16**2 / 100_000) ** 0.5)
