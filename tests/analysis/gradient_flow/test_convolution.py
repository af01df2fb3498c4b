"""Fourier modes, zero padding and pools against simulation with this project's convolutions."""

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


@pytest.mark.parametrize(("window", "moment"), [(1, 0.5), (4, 1.5438), (9, 2.5626)])
def test_moment_behind_a_max_pool(window, moment):
    assert max_pool_moment(window) == pytest.approx(moment, abs=6e-5)
    z = np.random.default_rng(window).standard_normal((200_000, window)).max(axis=1).clip(0)
    assert (z**2).mean() == pytest.approx(moment, abs=4 * (z**2).std() / 200_000**0.5)


def test_windows_that_pass_a_gradient():
    assert pool_passes(4) == 15 / 16
