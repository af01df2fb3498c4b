"""What the artists of a picture hold, against the partition they draw."""

from io import BytesIO

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from PIL import Image

from analysis.linear_regions import partition, pictures, regions_in_box, segment
from analysis.linear_regions.statistics import gradient_norms, kinks
from tests.analysis.linear_regions.examples import SQUARE, arrangement_of, mlp

FOUND = partition(mlp([2, 12, 12, 3], seed=4), SQUARE)


def artists(ax, kind: type) -> list:
    return [artist for artist in ax.collections if type(artist) is kind]


def drawn(collection) -> list[list[list[float]]]:
    """The corners of every polygon, without the one that closes it."""
    return [path.vertices[:-1].tolist() for path in collection.get_paths()]


@pytest.mark.parametrize(
    ("colour", "values"),
    [("birth", FOUND.birth + 1), ("gradient", gradient_norms(FOUND))],
    ids=["birth", "gradient"],
)
def test_every_region_is_filled_with_its_value(colour: str, values: np.ndarray) -> None:
    ax = pictures.regions_by(colour, FOUND)
    (cells,) = artists(ax, PolyCollection)
    assert drawn(cells) == [polygon.tolist() for polygon in FOUND.polygons]
    assert (cells.get_array() == values).all()
    (bar,) = [other for other in ax.figure.axes if other is not ax]
    assert bar.get_ylabel()


def test_layers_are_named_beside_the_colours() -> None:
    bar = pictures.regions_by("birth", FOUND).figure.axes[1]
    assert [label.get_text() for label in bar.get_yticklabels()] == ["the domain", "layer1", "layer2"]


def test_classes_are_those_of_the_cells_between_boundaries() -> None:
    ax = pictures.regions_by("class", FOUND)
    (cells,) = artists(ax, PolyCollection)
    assert (cells.get_array() == FOUND.boundary.classes).all()
    assert len(cells.get_paths()) == FOUND.boundary.cells.count
    named = [text.get_text() for text in ax.get_legend().get_texts()]
    assert named == [f"class {c}" for c in np.unique(FOUND.boundary.classes)]


def test_edges_without_a_kink_are_not_drawn() -> None:
    layers = arrangement_of([[1, 0], [0, 1]], [0.0, 0.0])
    layers[1][0][1] = 0  # nobody listens to the second unit
    found = partition(layers, SQUARE)
    lines, _ = artists(pictures.regions_by("kink", found), LineCollection)
    assert len(lines.get_segments()) == 2
    assert all((corners[:, 0] == 0).all() for corners in lines.get_segments())
    strongest = artists(pictures.regions_by("kink", FOUND), LineCollection)[0].get_array()
    assert strongest[-1] == kinks(FOUND).max()
    assert (np.diff(strongest) >= 0).all()  # the strongest on top


def test_a_linear_network_is_a_picture_too() -> None:
    flat = partition([(np.array([[1.0], [2.0]]), np.zeros(1))], SQUARE)
    for colour in pictures.COLOURS:
        assert pictures.regions_by(colour, flat).get_title() == "1 region"


def test_boundary_frame_and_title() -> None:
    ax = pictures.regions_by("gradient", FOUND)
    (boundary,) = artists(ax, LineCollection)
    assert np.array(boundary.get_segments()).tolist() == FOUND.boundary.segments.tolist()
    assert (ax.get_xlim(), ax.get_ylim(), ax.get_xlabel()) == ((-1, 1), (-1, 1), "first input")
    assert ax.get_title() == f"{FOUND.count:,} regions, decision boundary {FOUND.boundary.length:.3g} long"


def test_few_points_are_named_and_many_are_not() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    few = pictures.regions_by("class", FOUND, points[:3], np.array([7, 0, 2]))
    assert [text.get_text() for text in few.texts] == ["a 7", "a 0", "a 2"]
    many = pictures.regions_by("class", FOUND, points, np.zeros(20, int))
    assert not many.texts
    assert many.collections[-1].get_offsets().tolist() == points.tolist()


def test_a_segment_is_its_knots_values_and_classes() -> None:
    found = segment(mlp([2, 12, 12, 3], seed=4), [-1.0, -1.0], [1.0, 0.8])
    ax = pictures.along(found)
    *outputs, knots = ax.lines
    for output, line in enumerate(outputs):
        assert (line.get_xdata() == found.knots).all()
        assert (line.get_ydata() == found.values[:, output]).all()
    assert (knots.get_xdata() == found.knots[1:-1]).all()
    assert len(ax.patches) == len(found.classes())


def test_a_surface_has_a_polygon_per_wall() -> None:
    space = regions_in_box(mlp([3, 6, 1], seed=2), 3, surface=True)
    walls = space.walls(6)
    ax = pictures.surface(space, 6)
    ax.figure.savefig(BytesIO())  # three-dimensional artists have paths once they are projected
    assert len(ax.collections[0].get_paths()) == len(walls) > 3
    assert f"{len(walls):,} facets" in ax.get_title()


def test_an_animation_has_a_frame_per_partition(tmp_path) -> None:
    frames = [(f"step {k}", partition(mlp([2, 6, 2], seed=k), SQUARE)) for k in range(3)]
    pictures.animation(tmp_path / "training.gif", frames, np.zeros((1, 2)), np.zeros(1, int))
    with Image.open(tmp_path / "training.gif") as gif:
        assert gif.n_frames == 3


def test_given_axes_are_used_and_no_global_style_is_touched() -> None:
    before = dict(mpl.rcParams)
    mine = Figure().subplots()
    assert pictures.regions_by("kink", FOUND, ax=mine) is mine
    assert dict(mpl.rcParams) == before


def test_an_unknown_colour_is_named() -> None:
    with pytest.raises(ValueError, match="no colour 'red'; use one of birth"):
        pictures.regions_by("red", FOUND)
