"""A window as large as the image is a dense layer."""

from functools import partial

import jax
import numpy as np
import pytest

from jaxcnn.lowering import whole
from tests.lowering.test_convolution import contraction


@pytest.mark.parametrize("table", ["correlate", "correlate_input", "correlate_kernel"])
def test_nothing_is_padded_or_convolved(table):
    a, b, where, _ = contraction(table, "3d-whole")
    program = jax.make_jaxpr(partial(getattr(whole, table), window=where))(np.float32(a), np.float32(b))
    names = {eqn.primitive.name for eqn in program.eqns}
    assert "dot_general" in names
    assert not names & {"pad", "concatenate", "conv_general_dilated", "while"}
