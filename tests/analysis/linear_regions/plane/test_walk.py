import itertools

import numpy as np
import pytest

from analysis.linear_regions.plane.walk import cycles


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_cycles_of_a_random_permutation(size: int) -> None:
    following = np.random.default_rng(size).permutation(size)
    offsets, elements = cycles(following)
    assert sorted(elements.tolist()) == list(range(size))
    for start, stop in itertools.pairwise(offsets):
        cycle = elements[start:stop]
        assert cycle[0] == cycle.min()
        assert (following[cycle] == np.roll(cycle, -1)).all()
