"""Summary: counts against built trees and against products counted by hand."""

import jax
import pytest

from jaxcnn.networks import NAMED, Row, conv, conv_transpose, flat, relu, seed2, serial, summary, table

# seed 2: positions * window * input channels * output channels
SEED2 = {"conv1": 24 * 24 * 25 * 1 * 4, "conv2": 8 * 8 * 25 * 4 * 8, "dense1": 128 * 128, "dense2": 128 * 10}


def test_multiply_adds_of_seed_2_by_hand():
    rows = summary(seed2(), (28, 28, 1))
    assert {row.path: row.multiply_adds for row in rows if row.multiply_adds} == SEED2
    assert sum(SEED2.values()) == 57_600 + 51_200 + 16_384 + 1_280 == 126_464


@pytest.mark.parametrize("name", NAMED)
def test_parameters_are_those_of_the_built_tree(name):
    build, input_shape = NAMED[name]
    params = jax.eval_shape(lambda key: build().init(key, input_shape), jax.random.key(0))
    counted: dict[str, int] = {}
    for path, leaf in flat(params).items():
        layer = path.rpartition("/")[0]
        counted[layer] = counted.get(layer, 0) + leaf.size
    rows = summary(build(), input_shape)
    assert {row.path: row.parameters for row in rows if row.parameters} == counted
    assert rows[-1].output_shape == build().output_shape(input_shape)


def test_strided_grouped_and_transposed_convolutions():
    network = serial(
        down=conv(8, 3, stride=2, padding="SAME", groups=2),  # 5x5 positions of 3x3 taps on 2 of 4 channels, 8 times
        up=conv_transpose(4, 2, stride=2, groups=4),  # every input position meets 2x2 taps, 1 x 8 channels
    )
    rows = summary(network, (10, 10, 4))
    assert [row.multiply_adds for row in rows] == [25 * 9 * 2 * 8, 25 * 4 * 1 * 8]
    assert [row.output_shape for row in rows] == [(5, 5, 8), (10, 10, 4)]


def test_nested_layers_are_named_by_their_path():
    rows = summary(serial(block=serial(conv1=conv(2, 3), act=relu())), (5, 5, 1))
    assert rows == [Row("block/conv1", "conv", (3, 3, 2), 20, 9 * 9 * 2), Row("block/act", "relu", (3, 3, 2), 0, 0)]


def test_the_table_ends_with_totals():
    lines = table(summary(seed2(), (28, 28, 1))).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split() == ["layer", "kind", "output", "parameters", "multiply-adds"]
    assert lines[1].split() == ["conv1", "conv", "24x24x4", "2,404", "57,600"]
    assert lines[-1].split() == ["total", "21,518", "126,464"]
