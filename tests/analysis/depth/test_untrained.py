"""Tests of the untrained networks: the table, the histogram, and in a heavy one seed 1's level on AlexNet itself."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.depth.pictures import share_histogram
from analysis.depth.untrained import Draw, draws, table
from tests.prediction.files import noise, write


def drawn(seed, classes=1000):
    shares = np.random.default_rng(seed).normal(1, 0.01, classes) / classes
    return Draw(seed, tuple((-shares).argsort().tolist()), shares / shares.sum())


def test_the_table_has_a_line_for_each_network_and_five_places():
    lines = table([drawn(0), drawn(1)]).splitlines()
    assert len(lines) == 3
    assert lines[1].count("%") == 5
    assert f"{drawn(0).order[0]:>4} {100 * drawn(0).top[0]:.4f} %" in lines[1]


def test_the_histogram_counts_every_class_of_every_network():
    ax = share_histogram([drawn(0), drawn(1)], Figure().subplots())
    assert sum(patch.get_height() for patch in ax.patches) == 2000


@pytest.mark.heavy
def test_an_untrained_alexnet_s_first_five_are_near_a_thousandth(tmp_path):
    path = write(tmp_path / "a.png", noise(300, 300))
    found = list(draws(path, 3))
    assert len({one.order[0] for one in found}) > 1
    assert all(0.00101 < share < 0.00105 for one in found for share in one.top)
