"""Every form of every table computes the same sums: each against the integer oracle, wherever it applies.

Which form a platform runs is a matter of speed; what the others do would not be seen on this machine otherwise.
"""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.lowering import convolution, gemm
from jaxcnn.ops.geometry import window
from tests import oracles
from tests.ops.checks import DTYPES, integers, quick_jit
from tests.ops.windows import WINDOWS

TABLES = {"correlate": convolution.CORRELATE, "correlate_kernel": convolution.CORRELATE_KERNEL}
NAMES = (
    "1d-stride-with-remainder-dilated",
    "2d-same-stride",
    "2d-cropped-low-padded-high",
    "2d-everything",
    "3d-everything",
)


def named(form):
    """A form's function, also where its groups are split first."""
    inner = getattr(form, "args", None)
    return f"{form.func.__name__}({inner[0].__name__})" if inner else form.__name__


ROWS = {
    f"{table}-{platform}-{named(row.form)}": (table, row)
    for table, platforms in TABLES.items()
    for platform, rows in platforms.items()
    for row in rows
}


def contraction(table, groups, name):
    """Integer arrays of a contraction, its window, and what the oracle makes of them."""
    input, size, settings = WINDOWS[name]
    settings = settings | {"groups": groups}
    where = window("conv", input, size, **settings)
    x, kernel, y = integers(4, *input, 4), integers(*size, 4 // groups, 8), integers(4, *where.output, 8)
    if table == "correlate":
        return x, kernel, where, oracles.conv(x, kernel, **settings)
    return x, y, where, oracles.conv_dw(x, y, size, **settings)


@pytest.mark.parametrize("row", ROWS)
def test_a_form_equals_the_oracle_wherever_its_row_applies(row):
    table, (form, applies, _) = ROWS[row]
    cases = [contraction(table, groups, name) for name in NAMES for groups in (1, 2, 4)]
    cases = [case for case in cases if applies(4, case[2])]
    assert cases

    @quick_jit
    def run(arrays):
        return [form(a, b, case[2]) for (a, b), case in zip(arrays, cases, strict=True)]

    for y, case in zip(run([(jnp.float32(a), jnp.float32(b)) for a, b, *_ in cases]), cases, strict=True):
        assert y.dtype == jnp.float32
        np.testing.assert_array_equal(y, case[3])


@pytest.mark.parametrize("row", ROWS)
def test_a_form_carries_its_sums_in_float32_at_least(row):
    table, (form, applies, _) = ROWS[row]
    groups = next(g for g in (1, 2, 4) if applies(4, contraction(table, g, "1d-stride-with-remainder-dilated")[2]))
    a, b, where, want = contraction(table, groups, "1d-stride-with-remainder-dilated")
    results = quick_jit(lambda: [form(jnp.asarray(a, t), jnp.asarray(b, t), where) for t in DTYPES])()
    for dtype, y in zip(DTYPES, results, strict=True):
        assert y.dtype == jnp.promote_types(dtype, jnp.float32)
        np.testing.assert_array_equal(y, want)


@pytest.mark.parametrize(
    "positions", [1, 13, 30, 1000], ids=["single-images", "fewer-than-two", "pairs", "whole-batch"]
)
def test_chunks_of_any_size_give_the_same_sum(monkeypatch, positions):
    monkeypatch.setattr(gemm, "POSITIONS", positions)
    x, y, where, want = contraction("correlate_kernel", 1, "2d-same-stride")
    got = quick_jit(lambda: gemm.correlate_kernel_by_chunks(jnp.float32(x), jnp.float32(y), where))()
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("n", "positions", "columns", "images"),
    [(64, 256, 576, 4), (64, 10**6, 9, 1), (7, 1, 1, 7), (60, 100, 100, 60), (64, 64, 10**7, 1)],
    ids=["divisor", "huge-images", "whole-batch", "within-both", "huge-columns"],
)
def test_a_chunk_is_the_largest_divisor_of_the_batch_within_bounds(n, positions, columns, images):
    assert gemm.images_per_chunk(n, positions, columns) == images


@pytest.mark.parametrize("table", TABLES)
def test_the_last_row_of_every_platform_always_applies(table):
    for rows in TABLES[table].values():
        for groups in (1, 2, 4):
            assert convolution.choose(rows, 4, contraction(table, groups, "2d-same-stride")[2])


def test_a_depthwise_convolution_takes_the_depthwise_form():
    where = contraction("correlate", 4, "2d-same-stride")[2]
    for rows in TABLES["correlate"].values():
        assert named(convolution.choose(rows, 4, where)) == "correlate"
        assert convolution.choose(rows, 4, where).__module__.endswith("depthwise")
        assert not convolution.choose(rows, 8, where).__module__.endswith("depthwise")
