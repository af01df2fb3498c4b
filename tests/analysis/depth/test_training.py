"""Tests of depth against shortcut: equal beginnings, outcomes, the picture's caption, the CSV."""

import csv
from functools import partial

import jax
import numpy as np
import pytest

from analysis.depth.pictures import VARIANTS, depth_sheet, numbers
from analysis.depth.training import Outcome, Variant, outcome, variants, write_outcomes
from jaxcnn.training.config import Config
from jaxcnn.training.metrics import Epoch
from tests.training.files import striped_set

SHAPE = (8, 8, 1)


def test_every_depth_has_all_four_variants():
    found = variants((8, 14))
    assert len(found) == len(set(found)) == 8
    assert {(v.normalised, v.shortcut) for v in found} == set(VARIANTS)
    assert found[0].title == "8 layers, batch norm, identity shortcut"


def test_the_variants_of_a_depth_have_as_many_numbers_in_their_kernels():
    kernels = []
    for variant in variants((14,)):
        params = jax.eval_shape(partial(variant.build(4).init, input_shape=SHAPE), jax.random.key(0))
        shapes = jax.tree.map_with_path(lambda path, leaf: leaf.shape if path[-1].key == "kernel" else None, params)
        kernels.append(sorted(jax.tree.leaves(shapes, is_leaf=lambda leaf: isinstance(leaf, tuple))))
    assert kernels[0] == kernels[1] == kernels[2] == kernels[3]


def logits_rms(shortcut, normalised, depth):
    network = Variant(depth, normalised, shortcut).build(32)
    params, state = network.init(jax.random.key(0), SHAPE, np.float32), network.init_state(SHAPE, np.float32)
    x = np.random.default_rng(0).uniform(0, 1, (16, *SHAPE)).astype(np.float32)
    return float(np.sqrt(np.mean(np.square(network.apply(params, x, state, training=True)[0]))))


def test_without_norm_a_shortcut_lets_the_signal_grow_exponentially_with_depth():
    blocks = (20 - 8) // 2
    per_block = (logits_rms(True, False, 20) / logits_rms(True, False, 8)) ** (2 / blocks)
    assert 1.4 < per_block < 2  # the mean square doubles, less what the ReLU after the sum takes


def test_with_norm_it_grows_like_a_root():
    assert logits_rms(True, True, 20) / logits_rms(True, True, 8) < 2.5


OUTCOMES = [
    Outcome(Variant(8, normalised, shortcut), 0.5, 2.0, [Epoch(1, 1.5, 0.5, 1.4, 0.6, 1.0, 1.0)], None)
    for normalised, shortcut in VARIANTS
] + [Outcome(Variant(14, False, True), 1e9, np.inf, [], "training stopped at epoch 1")]


def test_a_line_of_numbers_for_every_depth():
    lines = numbers(OUTCOMES[3:]).splitlines()
    assert lines[1].split() == ["8", "0.5", "2", "1.5000", "0.6000"]
    assert lines[2].split() == ["14", "1e+09", "inf", "diverged", "diverged"]
    assert len({len(line) for line in lines}) == 1


def test_the_picture_has_a_panel_with_numbers_for_every_variant():
    figure = depth_sheet(OUTCOMES, "A setting.")
    assert [ax.get_title() for ax in figure.axes] == list(VARIANTS.values())
    assert ["diverged" in ax.get_xlabel() for ax in figure.axes] == [False, False, True, False]
    assert figure.get_supxlabel().startswith("A setting.")


def test_the_numbers_behind_the_picture_are_written(tmp_path):
    write_outcomes(tmp_path / "depth.csv", OUTCOMES)
    with (tmp_path / "depth.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 5
    assert rows[0]["depth"] == "8"
    assert float(rows[0]["train_loss"]) == 1.5
    assert rows[-1]["stopped"] == "training stopped at epoch 1"
    assert rows[-1]["train_loss"] == ""


@pytest.mark.heavy
def test_a_shallow_network_of_every_kind_learns_or_says_why_not():
    config = Config(epochs=2, optimiser="momentum", learning_rate=0.02, batch_size=10)
    for variant in variants((8,)):
        found = outcome(variant, striped_set(100, 20), config, 4)
        assert len(found.epochs) == 2 or found.stopped
