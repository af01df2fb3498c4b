"""Tests see float64 and two devices, so they always give dtypes; doctests see JAX as a reader has it: float32."""

from collections.abc import Iterator

import jax
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", 2)


@pytest.fixture(autouse=True)
def precision(request: pytest.FixtureRequest) -> Iterator[None]:
    with jax.enable_x64(not isinstance(request.node, pytest.DoctestItem)):
        yield
