from importlib import import_module

import numpy as np
import pytest

from analysis.linear_regions import ABSOLUTE, HARD_TANH, RELU, Plane, box, invariants, leaky, partition, regular
from analysis.linear_regions.affine import dense
from analysis.linear_regions.expectation import lower_bound, upper_bound
from analysis.linear_regions.graph import Graph, Node
from analysis.linear_regions.operations import Maximum
from analysis.linear_regions.oracle import rational_regions
from analysis.linear_regions.plane.chords import InconsistentSignsError
from analysis.linear_regions.synthesis import folded_square
from tests.analysis.linear_regions.examples import SQUARE, BruteForce, arrangement_of, degenerate, mlp, readout


@pytest.mark.parametrize("seed", range(100))
def test_degenerate_networks_have_the_regions_of_rational_arithmetic(seed: int) -> None:
    layers = degenerate(seed)
    exact, found = rational_regions(layers, SQUARE.tolist()), partition(layers, SQUARE)
    areas = [float(shoelace(corners)) for corners, _ in exact]
    assert found.count == len(exact)
    assert np.allclose(np.sort(found.areas), np.sort(areas), rtol=1e-12, atol=1e-14)
    assert found.cells.euler == 1


def shoelace(corners):
    return sum(p[0] * q[1] - p[1] * q[0] for p, q in zip(corners, corners[1:] + corners[:1], strict=True)) / 2


@pytest.mark.parametrize("seed", range(30))
def test_coincidences_survive_rotation_shift_scaling_and_order(seed: int) -> None:
    """The same degenerate network in coordinates in which nothing is exact any more."""
    layers, draw = degenerate(seed), np.random.default_rng(seed)
    angle, shift = draw.uniform(0, 2 * np.pi), draw.normal(size=2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    (kernel, bias), (following, later), *rest = layers
    scale, order = draw.uniform(0.3, 3, len(bias)), draw.permutation(len(bias))
    moved = ((turn @ kernel * scale)[:, order], ((bias - shift @ turn @ kernel) * scale)[order])
    other = partition([moved, ((following / scale[:, None])[order], later), *rest], SQUARE @ turn.T + shift)
    assert other.count == partition(layers, SQUARE).count


@pytest.mark.parametrize("folds", range(1, 9))
def test_folded_square_has_four_to_the_folds_equal_squares(folds: int) -> None:
    found = partition(folded_square(folds), SQUARE)
    assert found.count == 4**folds
    assert (found.areas == (2.0 ** (1 - folds)) ** 2).all()
    assert [len(parent) for parent in found.parents] == [4 ** (k + 1) for k in range(folds)]


@pytest.mark.parametrize("widths", [[2, 7, 1], [2, 16, 16, 2], [2, 12, 12, 12, 3]], ids=str)
@pytest.mark.parametrize(
    "activation", [RELU, leaky(0.2), ABSOLUTE, HARD_TANH], ids=["relu", "leaky", "absolute", "hard_tanh"]
)
def test_random_networks_against_brute_force(widths: list[int], activation) -> None:
    layers = mlp(widths, seed=len(widths))
    brute = BruteForce(SQUARE, np.eye(3)[:, :2])
    for kernel, bias in layers[:-1]:
        brute.affine(kernel, bias)
        brute.kink(activation.thresholds, lambda z, value: through(activation, z, value))
    found = partition(layers, SQUARE, activation=activation)
    assert found.count == len(brute.cells)
    assert invariants(found).ok


def through(activation, z: np.ndarray, value: np.ndarray) -> np.ndarray:
    slope = np.asarray(activation.slopes)[activation.piece(value)]
    constant = activation.value(value[None])[0] - slope * value
    return z * slope + np.array([0.0, 0.0, 1.0])[:, None] * constant


def test_every_invariant_on_a_large_network() -> None:
    found = partition(mlp([2, 64, 64, 64, 10], seed=0), SQUARE)
    checked = invariants(found)
    assert checked.ok
    assert (checked.area_error, checked.euler) == (pytest.approx(0, abs=1e-12), 1)
    assert lower_bound([64] * 3) > found.count  # Montufar's network is no random one
    assert found.count < upper_bound([64] * 3)


def test_vertices_lie_on_their_lines() -> None:
    found = partition(mlp([2, 32, 32, 32, 1], seed=1), SQUARE)
    for stage, node in enumerate(found.graph.stages):
        z, size = found.graph.sized(found.vertices, found.graph.nodes[node].inputs[0])
        edge = np.nonzero(found.edge_stages == stage)[0]
        unit = found.edge_units[edge]
        residue = np.abs(z[found.cells.ends[edge], unit[:, None]]) / size[unit][:, None]
        assert residue.max() < 1e-12


def test_parents_units_and_patterns_say_what_cut_what() -> None:
    found = partition(mlp([2, 10, 10, 1], seed=2), SQUARE)
    left, right = found.cells.edge_cells.T
    inner = np.nonzero((left >= 0) & (right >= 0))[0]
    patterns = [found.pattern(0), found.pattern(1)]
    for edge in inner:
        stage, unit = found.edge_stages[edge], found.edge_units[edge]
        change = patterns[stage][left[edge]] != patterns[stage][right[edge]]
        assert np.flatnonzero(change).tolist() == [unit]
        assert (found.parents[1][left[edge]] == found.parents[1][right[edge]]) == (stage == 1)
    first = partition([*mlp([2, 10, 10, 1], seed=2)[:1], readout(10)], SQUARE)
    assert len(found.parents[0]) == first.count
    assert found.birth.max() == 1


def test_birth_is_the_last_layer_that_cut_a_region() -> None:
    cross = partition(arrangement_of(np.eye(2), np.zeros(2)), SQUARE)
    assert cross.birth.tolist() == [0] * 4
    assert partition(arrangement_of(np.eye(2), [5.0, 5.0]), SQUARE).birth.tolist() == [-1]


def test_networks_that_bend_nowhere_have_one_region() -> None:
    never = [(np.eye(2), np.array([-5.0, -5.0])), (np.ones((2, 3)), -np.ones(3)), readout(3)]
    assert partition(never, SQUARE).count == 1
    linear = partition([(np.ones((2, 1)), np.zeros(1))], SQUARE)
    assert (linear.count, linear.parents, set(linear.edge_stages)) == (1, (), {-1})


def test_without_biases_every_wall_is_a_ray() -> None:
    found = partition(mlp([2, 12, 12, 1], seed=3, bias_deviation=0.0), regular(8))
    origin = np.flatnonzero(np.abs(found.vertices).max(axis=1) < 1e-12)
    assert len(origin) == 1
    assert (found.cells.ends[found.cells.lines >= 0] == origin[0]).any(axis=1).all()


def test_slope_one_has_patterns_but_a_single_piece() -> None:
    from analysis.linear_regions import statistics

    layers = arrangement_of(np.array([[1, 0], [0, 1], [1, 1.5]]), np.array([0.1, 0.2, -0.1]))
    found = statistics(partition(layers, box(-50, 50), activation=leaky(1.0)))
    assert (found.regions, found.affine_pieces, found.total_kink) == (7, 1, 0.0)


def test_a_far_plane_has_the_regions_of_a_near_one() -> None:
    (kernel, bias), *rest = mlp([2, 24, 24, 1], seed=4)
    near = partition([(kernel, bias), *rest], SQUARE)
    shift = np.array([1e5, -1e5])
    far = partition([(kernel, bias - shift @ kernel), *rest], SQUARE, plane=Plane(shift, np.eye(2)))
    assert far.count == near.count


def test_another_tolerance_is_tried_where_signs_are_inconsistent(monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("analysis.linear_regions.partition")
    real, tried = module.subdivide, []

    def unlucky(cells, field, first_line, tolerance, terms):
        tried.append(tolerance)
        if len(tried) == 1:
            raise InconsistentSignsError("on purpose")
        return real(cells, field, first_line, tolerance, terms)

    monkeypatch.setattr(module, "subdivide", unlucky)
    assert partition(arrangement_of(np.eye(2), np.zeros(2)), SQUARE).count == 4
    assert tried[0] != tried[1]


@pytest.mark.parametrize(
    ("domain", "says"),
    [
        ([[0, 0], [1, 0]], "at least three corners"),
        (np.zeros((4, 3)), r"array \[m, 2\]"),
        ([[0, 0], [1, 0], [np.inf, 1]], "finite"),
        (SQUARE[::-1], "clockwise"),
        ([[0, 0], [2, 0], [0.5, 0.5], [0, 2]], "not strictly convex"),
        ([[0, 0], [1, 0], [2, 0], [2, 2]], "not strictly convex"),
        ([[0, 0], [1, 1], [2, 2]], "no area"),
        ([[0, 0], [0, 0], [1, 1]], "no area or repeats"),
        ([[0, 1], [-0.59, -0.81], [0.95, 0.31], [-0.95, 0.31], [0.59, -0.81]], "not strictly convex"),
        (None, "at least three corners"),
    ],
    ids=["segment", "shape", "infinite", "clockwise", "dent", "straight", "flat", "repeated", "star", "none"],
)
def test_bad_domains_are_named(domain, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        partition([readout(2)], domain)


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ([], "list is empty"),
        ([(np.eye(2), np.zeros(3))], r"layers\[0\]: kernel"),
        ([(np.eye(2), np.zeros(2)), (np.eye(3), np.zeros(3))], r"layers\[1\]: kernel .* 2 inputs"),
        ([(np.array([[np.nan], [1.0]]), np.zeros(1))], r"layers\[0\] kernel: 1 of 2 values are not finite"),
        ([readout(3)], "3 inputs"),
    ],
    ids=["none", "bias", "chain", "nan", "inputs"],
)
def test_bad_layers_are_named(layers, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        partition(layers, SQUARE)


def test_saved_arrays_rebuild_the_regions(tmp_path) -> None:
    found = partition(mlp([2, 8, 2], seed=0), SQUARE)
    found.save(tmp_path / "regions.npz")
    kept = np.load(tmp_path / "regions.npz")
    polygons = np.split(kept["points"][kept["corners"]], kept["offsets"][1:-1])
    assert all((a == b).all() for a, b in zip(polygons, found.polygons, strict=True))
    assert (kept["affine_maps"] == found.affine_maps).all()
    assert kept["stage_names"].tolist() == ["layer1"]


def test_parents_through_a_maximum_are_the_regions_before() -> None:
    """max(x, -x, 1/2): where 1/2 wins, the line on which x and -x tie is drawn first and then taken back."""
    first = dense(np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]]), np.array([0.0, 0.0, 0.5]))
    second = dense(np.array([[1.0, 2.0]]), np.array([-0.7, -1.5]))
    pool = Maximum(np.array([[0, 1, 2]]))
    nodes = (Node("in", first, (-1,)), Node("pool", pool, (0,)), Node("out", second, (1,)), Node("relu", RELU, (2,)))
    before, found = partition(Graph(nodes[:2], 2, 3), SQUARE), partition(Graph(nodes, 2, 3), SQUARE)
    assert before.parents[0].tolist() == [0, 0, 0]
    assert (before.count, found.count) == (3, 7)
    assert np.allclose(np.bincount(found.parents[1], weights=found.areas), before.areas, rtol=1e-12)
