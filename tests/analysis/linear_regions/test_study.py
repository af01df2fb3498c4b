import json

import numpy as np
import pytest
from PIL import Image

from analysis.linear_regions import partition, study
from analysis.linear_regions.command import Config
from analysis.linear_regions.subject import subject

TINY = {"problem": "circles", "units": (5,), "steps": 30}


def test_everything_is_written_and_the_numbers_are_the_partitions(tmp_path, capsys) -> None:
    config = Config(**TINY, frames=2, out=tmp_path / "new" / "folder")
    assert study.conduct(config) == 0
    names = {path.name for path in config.out.iterdir()}
    vector = {f"{name}.{kind}" for name in ("birth", "class", "gradient", "kink", "segment") for kind in ("png", "svg")}
    assert names == vector | {"before-after.png", "training.gif", "regions.npz", "numbers.json"}
    looked_at = subject(config)
    numbers = json.loads((config.out / "numbers.json").read_text())
    assert list(numbers) == [title for title, _ in looked_at.stages]
    for title, graph in looked_at.stages:
        found = partition(graph, looked_at.domain)
        assert numbers[title]["regions"] == found.count
        assert numbers[title]["boundary_length"] == pytest.approx(found.boundary.length)
        assert sum(numbers[title]["class_areas"]) == pytest.approx(2.2**2)
        assert numbers[title]["certificate"] == str(found.certificate)
    with Image.open(config.out / "training.gif") as gif:
        assert gif.n_frames == 3
    assert len(np.load(config.out / "regions.npz")["affine_maps"]) == numbers[title]["regions"]
    assert str(found.certificate) in capsys.readouterr().out


def test_only_the_colours_that_were_asked_for(tmp_path) -> None:
    study.conduct(Config(**TINY, colours=("kink",), out=tmp_path))
    assert {path.stem for path in tmp_path.glob("*.png")} == {"kink", "before-after", "segment"}


def test_beyond_the_budget_tiles_are_counted_and_nothing_is_drawn(tmp_path, capsys) -> None:
    whole, tiled = tmp_path / "whole", tmp_path / "tiled"
    study.conduct(Config(**TINY, out=whole))
    study.conduct(Config(**TINY, budget=4e-6, out=tiled))
    assert [path.name for path in tiled.iterdir()] == ["numbers.json"]
    for one, other in zip(
        *(json.loads((p / "numbers.json").read_text()).values() for p in (whole, tiled)), strict=True
    ):
        assert other["tiles"] > 1
        assert other["regions"] == one["regions"]
    assert "counted in tiles, not certified" in capsys.readouterr().out


def test_three_inputs_are_a_surface(tmp_path) -> None:
    assert study.conduct(Config(problem="shell", units=(4,), steps=30, out=tmp_path)) == 0
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert (tmp_path / "surface.png").stat().st_size > 10_000
    assert numbers["euler"] == numbers["vertices"] - numbers["edges"] + numbers["walls"] - numbers["regions"] == 1


def test_a_broken_invariant_is_exit_code_1(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        ok = False

    monkeypatch.setattr(study, "invariants", lambda regions: Broken)
    assert study.conduct(Config(**TINY, colours=("class",), out=tmp_path)) == 1


def test_three_marked_points_have_distances() -> None:
    looked_at = subject(Config(**TINY))
    few = looked_at._replace(points=np.array([[0.0, 0.0], [0.5, 0.5], [-1.0, 0.2]]))
    found = partition(looked_at.stages[-1][1], looked_at.domain)
    numbers = study.of_boundary(few, found)
    assert len(numbers["distance_to_wall"]) == 3
    assert "distance_to_wall" not in study.of_boundary(looked_at, found)


@pytest.mark.heavy
def test_the_gallery_has_four_panels(tmp_path) -> None:
    study.draw_gallery(Config(problem="moons", steps=50, out=tmp_path))
    assert (tmp_path / "gallery.png").exists()
