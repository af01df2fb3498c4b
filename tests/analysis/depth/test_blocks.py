"""Tests of the table of blocks: seed 4's numbers, and the receptive field measured."""

import pytest

from analysis.depth.blocks import Row, receptive_field, rows, table
from jaxcnn.networks import avg_pool, conv, global_avg_pool, relu, serial


@pytest.fixture(scope="module")
def counted():
    return rows()


def test_the_table_is_the_ledger_s(counted):
    assert counted == [
        Row("standard", 32, 18_624, 18_432, (5, 5)),
        Row("bottleneck", 128, 17_984, 17_408, (3, 3)),
        Row("standard", 128, 295_680, 294_912, (5, 5)),
        Row("bottleneck", 32, 1_232, 1_088, (3, 3)),
        Row("standard, projection", 128, 312_448, 311_296, (5, 5)),
        Row("bottleneck, projection", 128, 34_752, 33_792, (3, 3)),
    ]


def test_it_is_printed_with_the_factor_s_ingredients(counted):
    text = table(counted)
    assert "295,680" in text
    assert "17,984" in text
    assert len({len(line) for line in text.splitlines()}) == 1


@pytest.mark.parametrize(
    ("network", "field"),
    [
        (serial(a=conv(4, 3), b=relu(), c=conv(4, 3)), (5, 5)),
        (serial(a=conv(4, 3, dilation=2)), (5, 5)),
        (serial(a=avg_pool(2), b=conv(4, 3)), (6, 6)),
        (serial(a=conv(4, (1, 7))), (1, 7)),
    ],
    ids=["two 3x3", "dilated", "after a pool", "flat"],
)
def test_receptive_fields_that_are_known(network, field):
    assert receptive_field(network, (15, 15, 2)) == field


def test_an_average_over_positions_sees_everything():
    network = serial(a=conv(4, 3, padding=1), average=global_avg_pool())
    assert receptive_field(network, (6, 6, 3)) == (6, 6)
