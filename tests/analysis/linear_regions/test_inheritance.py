"""Networks whose later layers are inherited have the regions of networks whose every layer is evaluated."""

import numpy as np
import pytest

from analysis.linear_regions import ABSOLUTE, HARD_TANH, RELU, certify, inheritance, invariants, leaky, partition
from analysis.linear_regions.affine import dense
from analysis.linear_regions.graph import Graph, Node
from analysis.linear_regions.inheritance import claimed, heir_of
from analysis.linear_regions.layers import from_layers
from analysis.linear_regions.operations import Maximum, Sum
from analysis.linear_regions.oracle import rational_regions
from analysis.linear_regions.partition import Lines, cut_stage
from analysis.linear_regions.plane.cells import Cells
from tests.analysis.linear_regions.examples import SQUARE, degenerate, mlp

KINKS = {"relu": RELU, "leaky": leaky(0.2), "absolute": ABSOLUTE, "hard_tanh": HARD_TANH}


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inherit however many terms it takes."""
    monkeypatch.setattr(inheritance, "DEAR", 1e-9)


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("kink", KINKS)
@pytest.mark.parametrize("widths", [[2, 8, 8, 8, 1], [2, 9, 4, 7, 1], [2, 4, 9, 5, 1]], ids=str)
def test_claimed_values_are_those_of_a_forward_pass(widths: list[int], kink: str) -> None:
    graph = from_layers(mlp(widths, seed=0), KINKS[kink])
    none = np.empty(0, np.int64)
    cells, lines, legacy, claims = Cells.polygon(SQUARE), Lines(none, none), None, 0
    for stage, (node, source) in enumerate(zip(graph.stages, graph.sources, strict=True)):
        if legacy is not None:
            z, size = graph.sized(cells.points, source)
            field = claimed(replaced(legacy), KINKS[kink], wanted=False)
            found = field.rows(slice(0, field.count))
            every = np.concatenate([z - threshold for threshold in KINKS[kink].thresholds], axis=1)
            assert (np.abs(found[0] - every) <= 1e-14 * found[1]).all()
            assert (found[1][: len(size)] >= 0.5 * size).all()
            claims += 1
        cells, _, lines, legacy = cut_stage(graph, node, stage, cells, lines, legacy)
    assert claims == len(widths) - 3
    assert legacy is None  # nobody follows


def replaced(legacy: inheritance.Legacy) -> inheritance.Legacy:
    """A copy, since a table can be claimed once."""
    return inheritance.Legacy(legacy.heir, legacy.table.copy(), legacy.size, legacy.weights)


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("seed", range(40))
def test_degenerate_networks_have_the_regions_of_rational_arithmetic(seed: int) -> None:
    layers = degenerate(seed)
    assert partition(layers, SQUARE).count == len(rational_regions(layers, SQUARE.tolist()))


@pytest.mark.parametrize("kink", KINKS)
def test_regions_are_the_same_either_way(kink: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = mlp([2, 24, 20, 24, 1], seed=1)
    monkeypatch.setattr(inheritance, "DEAR", 1e9)
    plain = partition(layers, SQUARE, activation=KINKS[kink])
    monkeypatch.setattr(inheritance, "DEAR", 1e-9)
    found = partition(layers, SQUARE, activation=KINKS[kink])
    assert (found.cells.sides == plain.cells.sides).all()
    assert (found.edge_units == plain.edge_units).all()
    assert np.allclose(found.vertices, plain.vertices, rtol=0, atol=1e-12)
    assert invariants(found).ok
    assert certify(found).certified == certify(plain).certified


def test_nothing_is_inherited_around_a_kink_or_by_a_maximum() -> None:
    first, second = dense(np.ones((2, 3)), np.zeros(3)), dense(np.ones((3, 3)), np.zeros(3))
    chain = (Node("a", first, (-1,)), Node("kink", RELU, (0,)), Node("b", second, (1,)))
    plain = Graph((*chain, Node("next", RELU, (2,))), 2, 3)
    around = Graph((*chain, Node("sum", Sum(), (0, 2)), Node("next", RELU, (3,))), 2, 3)
    pooled = Graph((*chain, Node("next", Maximum(np.array([[0, 1, 2]])), (2,))), 2, 3)
    assert heir_of(plain, 1) is not None
    assert heir_of(plain, 3) is None
    assert heir_of(around, 1) is None
    assert heir_of(pooled, 1) is None
