"""Every form of every table computes the same sums: each against the integer oracle, wherever it is chosen.

Which form a platform runs is a matter of speed; what the others do would not be seen on this machine otherwise.
"""

import re
from functools import cache, partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import Literal

from jaxcnn.lowering import bands, convolution, depthwise, gemm, products, toeplitz, when, xla
from jaxcnn.ops.geometry import window
from tests import oracles
from tests.ops.checks import DTYPES, integers, quick_jit
from tests.ops.windows import WINDOWS

TABLES = {
    "correlate": convolution.CORRELATE,
    "correlate_input": convolution.CORRELATE_INPUT,
    "correlate_kernel": convolution.CORRELATE_KERNEL,
}
NAMES = (
    "1d-stride-with-remainder-dilated",
    "2d-cropped-low-padded-high",
    "2d-cropped-with-stride",
    "2d-1x1-stride",
    "2d-rows-dilated",
    "2d-everything",
    "2d-window-larger",
    "3d-everything",
)
CHANNELS = ((3, 20), (4, 8), (4, 32), (16, 32))


def named(form):
    """Module and function of a form, also where its groups are split first."""
    if hasattr(form, "func"):
        return f"{named(form.func)}({named(*form.args)})"
    return f"{form.__module__.split('.')[-1]}.{form.__name__}"


ROWS = {
    f"{platform}-{named(row.form)}": (table, rows, row.form)
    for table, platforms in TABLES.items()
    for platform, rows in platforms.items()
    for row in rows
}


CASES = [case for case in product(NAMES, (1, 2, 4), CHANNELS) if case[2][0] % case[1] == 0]
CASES += [("2d-large-kernel", 1, (240, 256)), ("3d-planes", 1, (32, 8)), ("2d-1x1", 1, (4, 8)), ("3d-1x1", 1, (20, 3))]
CASES += [("2d-whole", 1, (3, 20)), ("3d-whole", 1, (4, 8)), ("1d-tiles", 1, (4, 8)), ("2d-tiles", 1, (3, 20))]
MORE = {
    "2d-1x1": ((5, 6), (1, 1), {"dilation": [2, 1]}),
    "3d-1x1": ((3, 2, 4), (1, 1, 1), {}),
    "2d-whole": ((5, 3), (5, 3), {"stride": [1, 2]}),
    "3d-whole": ((2, 4, 3), (2, 4, 3), {}),
    "1d-tiles": ((12,), (4,), {"stride": 4}),
    "2d-tiles": ((6, 4), (3, 2), {"stride": [3, 2]}),
    "2d-large-kernel": ((7, 3), (3, 3), {"padding": [(1, 1), (0, 1)], "stride": [1, 2]}),
    "3d-planes": ((6, 5, 6), (4, 3, 2), {"padding": [(3, -1), (1, 1), (0, 0)], "dilation": [2, 1, 1]}),
}
CIRCUMSTANCES = ({}, {"when.is_spread": lambda: True}, {"when.IMAGE": 0, "bands.BAND": 1})


@cache
def contraction(table, name, g=1, channels=(4, 8)):
    """Integer arrays of a contraction, its window, and what the oracle makes of them."""
    (c, k), (input, size, settings) = channels, (WINDOWS | MORE)[name]
    settings = settings | {"groups": g}
    where = window("conv", input, size, **settings)
    x, kernel, y = integers(4, *input, c), integers(*size, c // g, k), integers(4, *where.output, k)
    if table == "correlate":
        return x, kernel, where, oracles.conv(x, kernel, **settings)
    if table == "correlate_input":
        return y, kernel, where, oracles.conv_dx(y, kernel, input, **settings)
    return x, y, where, oracles.conv_dw(x, y, size, **settings)


@cache
def contractions(row):
    """All that a row of a table is chosen for, with few channels and with more, or else on a mesh or in small bands."""
    table, rows, form = ROWS[row]
    candidates = [contraction(table, *case) for case in CASES]
    for circumstances in CIRCUMSTANCES:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in circumstances.items():
                patch.setattr(f"jaxcnn.lowering.{name}", value)
            chosen = [case for case in candidates if chosen_for(table, rows, case) is form]
        if chosen:
            return chosen
    return []


def chosen_for(table, rows, case):
    """The form of one case, by the channels of its x and of its y."""
    a, b, where, _ = case
    channels = (b.shape[-2] * where.groups, a.shape[-1]) if table == "correlate_input" else (a.shape[-1], b.shape[-1])
    return convolution.choose(rows, *channels, where)


@pytest.mark.parametrize("row", ROWS)
def test_a_form_equals_the_oracle_wherever_it_is_chosen(row):
    (*_, form), cases = ROWS[row], contractions(row)

    @quick_jit
    def run(arrays):
        return [form(a, b, where) for (a, b), (_, _, where, _) in zip(arrays, cases, strict=True)]

    results = run([(np.float32(a), np.float32(b)) for a, b, *_ in cases])
    assert results
    for y, (*_, want) in zip(results, cases, strict=True):
        assert y.dtype == jnp.float32
        np.testing.assert_array_equal(y, want)


@pytest.mark.parametrize("row", ROWS)
def test_a_form_carries_its_sums_in_float32_at_least(row):
    (*_, form), (a, b, where, want) = ROWS[row], contractions(row)[0]
    results = quick_jit(lambda a, b: [form(a.astype(t), b.astype(t), where) for t in DTYPES])(a, b)
    for dtype, y in zip(DTYPES, results, strict=True):
        assert y.dtype == jnp.promote_types(dtype, jnp.float32)
        np.testing.assert_array_equal(y, want)


@pytest.mark.parametrize("row", ROWS)
def test_no_form_joins_arrays_in_their_last_axis(row):
    """Which from jaxlib 0.12.0 on is a pass of its own over numbers written down before (see `side_by_side`)."""
    *_, form = ROWS[row]
    for a, b, where, _ in contractions(row):
        text = str(jax.make_jaxpr(lambda a, b: form(a, b, where))(np.float32(a), np.float32(b)))  # noqa: B023
        joins = re.findall(r"\[([\d,]+)\] = concatenate\[dimension=(\d+)\]", text)
        assert all(int(axis) < shape.count(",") for shape, axis in joins)


@pytest.mark.parametrize("table", TABLES)
def test_every_window_has_a_form_on_every_platform(table):
    for rows, case in product(TABLES[table].values(), CASES):
        assert chosen_for(table, rows, contraction(table, *case))


def test_the_program_of_a_band_does_not_grow_with_the_signal():
    def length(n):
        where, signal = window("conv", (n,), (3,)), jnp.ones((1, n, 1))
        return len(
            jax.make_jaxpr(lambda x, k: toeplitz.correlate_by_columns(x, k, where))(signal, jnp.ones((3, 1, 1))).eqns
        )

    assert length(44) == length(44100)


CHUNKED = {
    "gemm.by_columns": ("correlate_kernel", gemm.correlate_kernel_by_columns, gemm),
    "gemm.crossed": ("correlate_kernel", gemm.correlate_kernel_crossed, gemm),
    "toeplitz.correlate_by_columns": ("correlate", toeplitz.correlate_by_columns, toeplitz),
}


@pytest.mark.parametrize("images", [1, 2, 4], ids=["single-images", "pairs", "whole-batch"])
@pytest.mark.parametrize(
    ("form", "g"), [(form, g) for form, (*_, module) in CHUNKED.items() for g in (1, 2) if g == 1 or module is gemm]
)
def test_chunks_of_any_size_give_the_same_sum(monkeypatch, form, g, images):
    table, run, module = CHUNKED[form]
    monkeypatch.setattr(module, "images_within", lambda n, most: images)
    a, b, where, want = contraction(table, "2d-rows-dilated", g)
    np.testing.assert_array_equal(quick_jit(lambda a, b: run(a, b, where))(np.float32(a), np.float32(b)), want)


@pytest.mark.parametrize("g", [1, 2])
@pytest.mark.parametrize("form", [gemm.correlate_kernel_by_columns, gemm.correlate_kernel_crossed])
def test_a_batch_of_products_gives_the_same_sum(monkeypatch, form, g):
    """One for each group, and for each image by columns, in two halves, or each position where these are crossed."""
    monkeypatch.setattr(products, "PART", 1)
    monkeypatch.setattr(products, "WORK", 1)
    x, y, where, want = contraction("correlate_kernel", "2d-rows-dilated", g)
    run, pair = partial(form, window=where), (np.float32(x), np.float32(y))
    np.testing.assert_array_equal(quick_jit(run)(*pair), want)
    batches = [eqn for eqn in jax.make_jaxpr(run)(*pair).eqns if eqn.primitive.name == "dot_general"]
    by_columns = form is gemm.correlate_kernel_by_columns
    parts = [g * len(x) // 2] * 2 if by_columns else [g * len(x) * where.input[0] * where.output[1]]
    assert [np.prod(batch.outvars[0].aval.shape[:-2]) for batch in batches] == parts


@pytest.mark.parametrize(
    ("c", "k", "stride", "first"),
    [(32, 8, 1, 2), (16, 64, 1, 1), (32, 8, (1, 2, 1), 1)],
    ids=["few-outputs", "many-outputs", "only-of-stride-1"],
)
def test_a_volume_is_crossed_so_that_the_fewest_numbers_are_built(c, k, stride, first):
    assert gemm.first_axes(c, k, window("conv", (8, 8, 8), (3, 3, 3), stride=stride)) == first


def test_the_program_of_a_kernel_gradient_does_not_grow_with_its_groups():
    def length(groups):
        where, y = window("conv", (9, 9), (3, 3), groups=groups), jnp.ones((4, 7, 7, 16 * groups))
        x = jnp.ones((4, 9, 9, 8 * groups))
        return len(jax.make_jaxpr(lambda x, y: convolution.correlate_kernel(x, y, where))(x, y).pretty_print())

    assert length(8) < 1.2 * length(2)


@pytest.mark.parametrize("g", [1, 2])
@pytest.mark.parametrize("rows", [1, 2, 3, 100], ids=["single-rows", "pairs", "threes", "whole-images"])
@pytest.mark.parametrize("name", NAMES)
def test_bands_of_any_size_give_the_same_sum(name, rows, g):
    x, y, where, want = contraction("correlate_kernel", name, g)
    rows = min(max(rows, bands.shared_rows(where)), where.output[0])
    run = quick_jit(lambda x, y: bands.correlate_kernel(x, y, where, rows, gemm.correlate_kernel_by_columns))
    np.testing.assert_array_equal(run(np.float32(x), np.float32(y)), want)


@pytest.mark.parametrize("row", [1, 2, 3, 32], ids=["numbers", "pairs", "threes", "whole-rows"])
@pytest.mark.parametrize("name", ["1d", "2d-everything", "2d-cropped-low-padded-high", "3d-everything"])
def test_rows_in_parts_give_the_same_sum(monkeypatch, name, row):
    monkeypatch.setattr(depthwise, "ROW", row)
    x, y, where, want = contraction("correlate_kernel", name, 4)
    run = quick_jit(lambda x, y: depthwise.correlate_kernel_by_rows(x, y, where))
    np.testing.assert_array_equal(run(np.float32(x), np.float32(y)), want)


def test_every_product_inside_the_input_is_in_one_row_sum(monkeypatch):
    monkeypatch.setattr(depthwise, "ROW", 4)
    where = window("conv", (9, 11), (3, 3), stride=[1, 2], padding=[(1, 0), (3, 2)], dilation=[2, 1], groups=2)
    met = [(part.tap, o) for part in depthwise.rows_of_taps(where) for o in product(*part.outputs)]
    inside = product(*(map(tuple, np.argwhere(where.inside(axis)).tolist()) for axis in (0, 1)))
    assert sorted(met) == sorted((tuple(t), tuple(o)) for o, t in (zip(*pair, strict=True) for pair in inside))


def test_a_tap_that_meets_padding_only_has_no_gradient():
    x, y = integers(2, 3, 2), integers(2, 3, 2)
    where = window("conv", (3,), (3,), padding=[(8, 0)], dilation=4, groups=2)
    kernel = quick_jit(lambda x, y: depthwise.correlate_kernel_by_rows(x, y, where))(np.float32(x), np.float32(y))
    np.testing.assert_array_equal(kernel, oracles.conv_dw(x, y, (3,), padding=[(8, 0)], dilation=4, groups=2))
    np.testing.assert_array_equal(kernel[:2], 0)


def test_products_of_rows_are_not_written():
    """On every jaxlib less than an image is written at a time, where the products of nine taps are nine."""
    where = window("conv", (32, 32), (3, 3), padding="SAME", groups=64)
    x = jnp.ones((8, 32, 32, 64), jnp.float32)
    run = jax.jit(lambda x, y: depthwise.correlate_kernel_by_rows(x, y, where)).lower(x, x).compile()
    assert run.memory_analysis().temp_size_in_bytes < 32 * 32 * 64 * 4


@pytest.mark.parametrize("kernel", [5, 11], ids=["by-columns", "in-order"])
def test_kernel_gradients_of_single_examples_are_each_its_own(kernel):
    where = window("conv", (14, 14), (kernel, kernel))
    x, y = integers(3, 1, 14, 14, 1), integers(3, 1, *where.output, 4)
    gradients = jax.vmap(lambda x, y: convolution.kernel_of_few_channels(x, y, where))
    want = [oracles.conv_dw(x, y, (kernel, kernel)) for x, y in zip(x, y, strict=True)]
    np.testing.assert_array_equal(quick_jit(gradients)(np.float32(x), np.float32(y)), want)
    is_convolution = "conv_general_dilated" in str(jax.make_jaxpr(gradients)(np.float32(x), np.float32(y)))
    assert is_convolution == (kernel == 11)


def test_the_kernel_gradient_of_blocks_leaves_out_the_zero_taps():
    settings = {"stride": [2, 3], "padding": [(1, 0), (-1, 2)]}
    where = window("conv", (9, 12), (4, 5), **settings)
    x, y = integers(2, 9, 12, 3), integers(2, *where.output, 4)
    assert when.fits_blocks_of_two_axes(3, 4, where)
    kernel = quick_jit(lambda x, y: convolution.kernel_by_blocks(x, y, where))(np.float32(x), np.float32(y))
    np.testing.assert_array_equal(kernel, oracles.conv_dw(x, y, (4, 5), **settings))


def is_exchanged(form, a, b, where):
    """Whether XLA takes the image for the kernel and the kernel for the image: on CPU a naive loop."""
    return "rhs_reversal" in jax.jit(lambda a, b: form(a, b, where)).lower(a, b).compile().as_text()


@pytest.mark.parametrize("stride", [1, 2])
def test_an_image_smaller_than_the_window_is_not_taken_for_the_kernel(stride):
    where, small = window("conv", (2, 2), (3, 3), padding=1), window("conv", (2, 2), (2, 3), padding=1, stride=stride)
    x, kernel = jnp.ones((4, 2, 2, 32)), jnp.ones((3, 3, 32, 32))
    assert is_exchanged(xla.correlate, x, kernel, where)
    assert not is_exchanged(convolution.correlate, x, kernel, where)
    assert not is_exchanged(convolution.correlate_input, jnp.ones((4, *small.output, 32)), kernel[:2], small)
    assert not is_exchanged(convolution.correlate, x[..., :16], kernel[..., :16, :16], where)  # nor by blocks
    long = window("conv", (20,), (12,), padding=6)
    assert not is_exchanged(convolution.correlate_kernel, jnp.ones((4, 20, 16)), jnp.ones((4, 21, 16)), long)


@pytest.mark.parametrize(("c", "is_given"), [(64, True), (256, False)], ids=str)
def test_a_large_kernel_is_not_given_to_ynnpack(c, is_given):
    where = window("conv", (7, 7), (3, 3), padding="SAME")
    shapes = jnp.ones((1, 7, 7, c), jnp.float32), jnp.ones((3, 3, c, c), jnp.float32)
    text = quick_jit(lambda x, w: convolution.correlate(x, w, where)).lower(*shapes).compile().as_text()
    assert ("__ynn_fusion" in text) == is_given


@pytest.mark.parametrize(("input", "pieces"), [((6, 9), 6), ((6, 4), 3), ((20,), 4)], ids=str)
def test_pieces_of_short_columns_are_whole_rows(monkeypatch, input, pieces):
    """As many rows as divide an image and have eight positions at most, or one row."""
    monkeypatch.setattr(gemm, "PIECE", 8)
    where = window("conv", input, (3,) * len(input), padding="SAME")
    x, y = integers(2, *input, 2), integers(2, *input, 16)
    run, pair = partial(gemm.correlate_kernel_by_short_columns, window=where), (np.float32(x), np.float32(y))
    np.testing.assert_array_equal(quick_jit(run)(*pair), oracles.conv_dw(x, y, where.size, padding="SAME"))
    (product,) = [eqn for eqn in jax.make_jaxpr(run)(*pair).eqns if eqn.primitive.name == "dot_general"]
    assert product.invars[0].aval.shape[0] == 2 * pieces


def test_long_short_columns_are_taken_in_chunks(monkeypatch):
    monkeypatch.setattr(gemm, "SHORT", 2**14)
    where, shapes = window("conv", (32, 32), (3, 3), padding="SAME"), [(64, 32, 32, c) for c in (3, 32)]
    run = partial(gemm.correlate_kernel_by_short_columns, window=where)
    program = jax.make_jaxpr(run)(*(jnp.ones(shape, jnp.float32) for shape in shapes))
    assert "scan" in str(program)


LATE = {
    "columns": (gemm.correlate_kernel_by_columns, 2),
    "short-columns": (gemm.correlate_kernel_by_short_columns, 2),
    "crossed": (gemm.correlate_kernel_crossed, 2),
    "planes": (convolution.kernel_by_planes, 3),
}


@pytest.mark.parametrize("name", LATE)
def test_nothing_is_built_before_y_is_known(name):
    """Of what is computed from x alone nothing is larger than x: XLA would keep it until y is known."""
    form, axes = LATE[name]
    where = window("conv", (6,) * axes, (3,) * axes, padding="SAME")
    x, y = jnp.ones((2, *where.input, 4)), jnp.ones((2, *where.output, 8))
    program = jax.make_jaxpr(lambda x, y: form(x, y, where))(x, y).jaxpr
    known = {program.invars[0]}
    for eqn in program.eqns:
        if all(isinstance(a, Literal) or a in known for a in eqn.invars):
            known |= set(eqn.outvars)
    assert max(a.aval.size for a in known) == x.size
    assert any(a.aval.size > 2 * x.size for eqn in program.eqns for a in eqn.outvars)
