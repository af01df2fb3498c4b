"""A window as large as the image is a dense layer."""

from functools import partial

import jax
import numpy as np
import pytest

from jaxcnn.lowering import gemm, whole
from tests.lowering.test_convolution import contraction
from tests.ops.checks import quick_jit


@pytest.mark.parametrize("parts", [1, 4], ids=["few-images", "many-images"])
def test_many_images_are_a_batch_of_products(monkeypatch, parts):
    monkeypatch.setattr(gemm, "PART", 4 // parts)
    monkeypatch.setattr(gemm, "WORK", 1)
    x, y, where, want = contraction("correlate_kernel", "2d-whole", channels=(3, 20))
    run, pair = partial(whole.correlate_kernel, window=where), (np.float32(x), np.float32(y))
    np.testing.assert_array_equal(quick_jit(run)(*pair), want)
    (product,) = [eqn for eqn in jax.make_jaxpr(run)(*pair).eqns if eqn.primitive.name == "dot_general"]
    assert product.outvars[0].aval.shape[:-2] == ((parts,) if parts > 1 else ())


@pytest.mark.parametrize("table", ["correlate", "correlate_input", "correlate_kernel"])
def test_nothing_is_padded_or_convolved(table):
    a, b, where, _ = contraction(table, "3d-whole")
    program = jax.make_jaxpr(partial(getattr(whole, table), window=where))(np.float32(a), np.float32(b))
    names = {eqn.primitive.name for eqn in program.eqns}
    assert "dot_general" in names
    assert not names & {"pad", "concatenate", "conv_general_dilated", "while"}
