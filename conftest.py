"""Tests see float64 and two devices, so they always give dtypes; doctests see JAX as a reader has it: float32."""

import gc
from collections.abc import Iterator

import jax
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", 2)
gc.set_threshold(100_000, 20, 20)  # what is traced stays, and would be searched for garbage again and again


@pytest.fixture(autouse=True)
def precision(request: pytest.FixtureRequest) -> Iterator[None]:
    with jax.enable_x64(not isinstance(request.node, pytest.DoctestItem)):
        yield
