"""The transformation matrix: rows that agree, rows that are known not to exist, and rows that find something."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.agreement import check
from jaxcnn.agreement.gallery.rules import with_rule
from jaxcnn.agreement.meshes import WAY_ROUND
from jaxcnn.agreement.transformations import FORWARD_MODE
from jaxcnn.ops.rule import rule

X, W = (np.float32(np.random.default_rng(i).standard_normal(s)) for i, s in enumerate([(4, 3), (3, 2)]))


def matrix(hand, auto, *args):
    report = check(hand, auto, *args, integers=False)
    return {r["mode"]: r for r in report.records if r["group"] in ("transformation", "determinism")}


def layer(x, w):
    return jnp.tanh(x @ w)


def layer_backward(kept, dy):
    (x, w), y = kept
    dz = dy * (1 - y * y)
    return dz @ w.T, x.T @ dz


ROWS = (
    "jit = eager", "vmap 0", "vmap 1", "vmap over dy", "grad of vmap", "remat", "scan", "second order", "export",
    "Auto mesh", "Explicit mesh", "shard_map", "repeated call",
)  # fmt: skip
ON_A_MESH = ("Explicit mesh", "shard_map")


@pytest.fixture(scope="module")
def rows():
    return matrix(rule(layer, layer_backward, lambda arrays, y: (arrays, y)), layer, X, W)


@pytest.fixture(scope="module")
def plain_rows():
    return matrix(with_rule(layer, lambda a, y, dy: layer_backward((a, y), dy)), layer, X, W)


@pytest.mark.parametrize("row", ROWS)
def test_a_right_rule_agrees_in_every_row(rows, row):
    assert rows[row]["verdict"] in ("exact", "agree")


@pytest.mark.parametrize("row", ROWS)
def test_a_plain_custom_vjp_is_unsupported_on_a_mesh_with_the_way_round(plain_rows, row):
    assert plain_rows[row]["verdict"] in (("unsupported",) if row in ON_A_MESH else ("exact", "agree"))
    assert (WAY_ROUND[row] in plain_rows[row]["note"]) if row in ON_A_MESH else row not in WAY_ROUND


def test_a_rule_that_does_not_sum_over_devices_disagrees_under_shard_map():
    def backward(args, y, dy):
        dx, dw = layer_backward((args, y), dy)
        axes = tuple(jax.typeof(dw).manual_axis_type.varying)
        return dx, jax.lax.pmean(dw, axes) if axes else dw

    assert matrix(with_rule(layer, backward), layer, X, W)["shard_map"]["verdict"] == "disagree"


def test_forward_mode_is_unsupported_with_the_way_round(rows):
    assert (rows["jvp"]["verdict"], rows["jvp"]["note"]) == ("unsupported", FORWARD_MODE)
    assert "jax.jacrev(jax.jacrev(f))" in FORWARD_MODE


def test_forward_mode_agrees_where_there_is_no_rule_in_the_way():
    found = matrix(lambda x, w: jnp.sin(x @ w), lambda x, w: jnp.sin(jnp.einsum("ij,jk", x, w)), X, W)
    assert {found[row]["verdict"] for row in ("jvp", "hessian")} <= {"exact", "agree"}


def test_a_second_derivative_that_a_right_first_one_hides():
    detached = with_rule(lambda x: x**3, lambda a, y, dy: 3 * jax.lax.stop_gradient(a[0]) ** 2 * dy)
    found = matrix(detached, lambda x: x**3, X)
    assert found["second order"]["verdict"] == "disagree"
    assert found["vmap 0"]["verdict"] in ("exact", "agree")


def test_a_rule_that_looks_at_more_than_its_example_is_seen_by_no_row_but_eager():
    def backward(args, y, dy):
        return dy * (2.0 if isinstance(dy, jax.core.Tracer) else 3.0)

    found = matrix(with_rule(lambda x: 2 * x, backward), lambda x: 2 * x, X)
    assert found["jit = eager"]["verdict"] == "disagree"


def test_a_rule_that_does_not_batch_is_named():
    @jax.custom_batching.custom_vmap
    def unbatched(dy):
        return dy * 1

    @unbatched.def_vmap
    def refuse(size, batched, dy):
        raise TypeError("no rule for a batch")

    def backward(args, y, dy):
        return unbatched(2 * args[0] * dy)

    found = matrix(with_rule(lambda x: x * x, backward), lambda x: x * x, X)
    assert found["vmap 0"]["note"] == "raised TypeError: no rule for a batch"
    assert found["vmap 0"]["verdict"] == "disagree"
