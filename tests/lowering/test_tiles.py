"""Windows side by side are dense layers of each window."""

from functools import partial

import jax
import numpy as np
import pytest

from jaxcnn.lowering import tiles
from tests.lowering.test_convolution import contraction


@pytest.mark.parametrize("name", ["1d-tiles", "3d-whole"])
@pytest.mark.parametrize("table", ["correlate", "correlate_input", "correlate_kernel"])
def test_nothing_is_padded_or_convolved(table, name):
    a, b, where, _ = contraction(table, name)
    program = jax.make_jaxpr(partial(getattr(tiles, table), window=where))(np.float32(a), np.float32(b))
    names = {eqn.primitive.name for eqn in program.eqns}
    assert "dot_general" in names
    assert not names & {"pad", "concatenate", "conv_general_dilated", "while"}
