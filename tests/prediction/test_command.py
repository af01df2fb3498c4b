"""Tests of `jaxcnn predict` as a person meets it: answers, sentences, exit codes."""

import csv
import json

import jax
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file
from sklearn.datasets import load_sample_image

from jaxcnn import weights
from jaxcnn.cli import main
from jaxcnn.networks import NAMED, batch_norm, conv, dense, flatten, max_pool, relu, serial
from jaxcnn.networks.seeds import Named
from jaxcnn.prediction.models import of_run
from jaxcnn.training.config import Config
from jaxcnn.training.experiment import begin, follow, prepare
from tests.prediction.files import bomb, noise, write
from tests.training import tiny
from tests.training.files import striped_set, write_folder


def normed():
    return serial(
        conv=conv(3, 3, bias=None), bn=batch_norm(), relu=relu(), pool=max_pool(2), flat=flatten(), dense=dense(10)
    )


TINY, NORMED = tiny.network(), normed()  # the same objects for every test are compiled once


@pytest.fixture(autouse=True)
def _tiny_networks(monkeypatch):
    monkeypatch.setitem(NAMED, "tiny", Named(lambda: TINY, tiny.SHAPE))
    monkeypatch.setitem(NAMED, "normed", Named(lambda: NORMED, tiny.SHAPE))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A trained run, with batch norm, on images whose class is the row that is bright."""
    folder = tmp_path_factory.mktemp("run")
    data = write_folder(folder / "data", striped_set(200, 20))
    config = Config(data=str(data), network="normed", epochs=12, learning_rate=1e-2, run_dir=folder / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NAMED, "normed", Named(lambda: NORMED, tiny.SHAPE))
        experiment = prepare(config)
    run, reached = begin(experiment)
    with run:
        assert follow(experiment, run, *reached).stopped is None
    return run.path


@pytest.fixture(scope="module")
def photograph(tmp_path_factory):
    path = tmp_path_factory.mktemp("photograph") / "flower.jpg"
    return write(path, load_sample_image("flower.jpg"), quality=90)


def refused(capsys, *arguments):
    """What is said of a command that cannot be done: one sentence on stderr, nothing on stdout, exit code 2."""
    assert main(["predict", *map(str, arguments)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def test_a_run_s_network_finds_the_bright_row(run, tmp_path, capsys):
    picture = np.full((30, 30), 20, np.uint8)
    picture[12:15] = 230  # row 4 of 10
    assert main(["predict", str(write(tmp_path / "row.png", picture)), "--run-dir", str(run), "--top", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("row.png")
    assert [line.split()[0] for line in lines[1:]] == ["1", "2", "3"]
    assert lines[1].split()[-1] == "4"
    shares = [float(line.split()[1]) for line in lines[1:]]
    assert shares == sorted(shares, reverse=True)
    assert 50 < shares[0] <= 100


def test_pictures_of_the_answer_and_their_numbers(run, photograph, tmp_path, capsys):
    assert main(["predict", str(photograph), "--run-dir", str(run), "--pictures", str(tmp_path / "p")]) == 0
    names = {path.name for path in (tmp_path / "p").iterdir()}
    assert names == {"01-flower.png", "01-flower.csv", "01-flower_activation.csv", "01-flower_gradient.csv"}
    with (tmp_path / "p" / "01-flower.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 10
    assert np.isclose(sum(float(row["probability"]) for row in rows), 1)
    with Image.open(tmp_path / "p" / "01-flower.png") as picture:
        assert picture.width > 1000
    assert str(tmp_path / "p" / "01-flower.png") in capsys.readouterr().out


@pytest.mark.parametrize(
    "make",
    [
        lambda path: write(path / "photograph.png", load_sample_image("china.jpg")),
        lambda path: write(path / "grey.png", noise(40, 30, 1)),
        lambda path: write(path / "rgba.png", noise(40, 30, 4)),
        lambda path: write(path / "deep.png", noise(40, 30, 1).astype(np.uint16) * 257),
        lambda path: write(
            path / "turned.jpg",
            noise(40, 30),
            exif=bytes.fromhex("4578696600004d4d002a00000008000101120003000000010006000000000000"),
        ),
        lambda path: write(path / "one.png", noise(1, 1)),
        lambda path: write(path / "large.png", np.zeros((8000, 8000), np.uint8)),
    ],
    ids=["photograph", "grey", "rgba", "16 bit", "exif", "1x1", "8000x8000"],
)
def test_every_kind_of_picture_has_an_answer(make, tmp_path, capsys):
    assert main(["predict", str(make(tmp_path)), "--network", "tiny"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6


def test_a_seed_makes_random_weights_repeatable(photograph, capsys):
    outputs = []
    for seed in (0, 0, 1):
        main(["predict", str(photograph), "--network", "tiny", "--seed", str(seed)])
        outputs.append(capsys.readouterr())
    assert outputs[0] == outputs[1] != outputs[2]
    assert "tiny with random weights (seed 1)" in outputs[2].err


def test_bad_images_are_one_sentence_each_and_nothing_is_answered(photograph, tmp_path, capsys):
    (tmp_path / "cut.jpg").write_bytes(photograph.read_bytes()[:5000])
    (tmp_path / "empty.png").write_bytes(b"")
    bomb(tmp_path / "bomb.png", 50_000, 50_000)
    for name, words in (
        ("cut.jpg", "cut short"),
        ("empty.png", "is empty"),
        ("bomb.png", "more than 100,000,000 pixels"),
    ):
        assert words in refused(capsys, photograph, tmp_path / name, "--network", "tiny")
    assert "No such file" in refused(capsys, tmp_path / "absent.jpg", "--network", "tiny")


def test_what_makes_no_sense_is_refused(photograph, run, tmp_path, capsys):
    assert "no image given" in refused(capsys, "--network", "tiny")
    assert "give either --run-dir" in refused(capsys, photograph)
    assert "give either --run-dir" in refused(capsys, photograph, "--network", "tiny", "--run-dir", run)
    assert "a run has its own" in refused(capsys, photograph, "--run-dir", run, "--classes", tmp_path)
    assert "--top 0" in refused(capsys, photograph, "--network", "tiny", "--top", "0")
    assert "--seed -1" in refused(capsys, photograph, "--network", "tiny", "--seed", "-1")
    assert "unknown; the networks are" in refused(capsys, photograph, "--network", "alexnett")
    assert "not images" in refused(capsys, photograph, "--network", "seed4")
    assert "no such file" in refused(capsys, photograph, "--run-dir", tmp_path)


def test_class_names_come_from_a_file(photograph, tmp_path, capsys):
    names = tmp_path / "names.txt"
    names.write_text("\n".join(f"thing {number}" for number in range(10)) + "\n")
    assert main(["predict", str(photograph), "--network", "tiny", "--classes", str(names)]) == 0
    assert "thing" in capsys.readouterr().out
    names.write_text("one\ntwo\n")
    assert "has 2 lines but the network has 10 classes" in refused(
        capsys, photograph, "--network", "tiny", "--classes", names
    )
    names.write_bytes(b"\xff\xfe\xfd")
    assert "cannot be read as text" in refused(capsys, photograph, "--network", "tiny", "--classes", names)


@pytest.mark.parametrize("names", ["jaxcnn", "pytorch"])
def test_given_weights_give_their_answer(names, photograph, tmp_path, capsys):
    network = tiny.network()
    params = network.init(jax.random.key(5), tiny.SHAPE, np.float32)
    path = tmp_path / "w.safetensors"
    weights.save(path, network, tiny.SHAPE, params, names=names)
    assert main(["predict", str(photograph), "--network", "tiny", "--weights", str(path)]) == 0
    given = capsys.readouterr().out
    assert main(["predict", str(photograph), "--network", "tiny", "--seed", "5"]) == 0
    assert capsys.readouterr().out == given


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: w.pop("fc.bias"), "lacks fc.bias"),
        (lambda w: w.update(more=np.ones(1, np.float32)), "has more than this network: more"),
        (
            lambda w: w.update({"fc.bias": np.ones(3, np.float32)}),
            "fc.bias has shape (3,) but this network needs (10,)",
        ),
        (lambda w: w.update({"fc.bias": np.full(10, np.nan, np.float32)}), "fc.bias has 10 of 10 numbers"),
    ],
    ids=["missing", "extra", "wrong shape", "not finite"],
)
def test_unfit_weights_name_the_tensor(change, words, photograph, tmp_path, capsys):
    network, path = tiny.network(), tmp_path / "w.safetensors"
    weights.save(path, network, tiny.SHAPE, network.init(jax.random.key(5), tiny.SHAPE, np.float32))
    content = load_file(path)
    change(content)
    save_file(content, path)
    before = path.read_bytes()
    assert words in refused(capsys, photograph, "--network", "tiny", "--weights", path, "--pictures", tmp_path / "p")
    assert path.read_bytes() == before
    assert not (tmp_path / "p").exists()


def test_weights_that_overflow_are_of_no_use(photograph, tmp_path, capsys):
    network, path = tiny.network(), tmp_path / "w.safetensors"
    params = jax.tree.map(lambda leaf: leaf * 1e30, network.init(jax.random.key(5), tiny.SHAPE, np.float32))
    weights.save(path, network, tiny.SHAPE, params)
    assert "not finite" in refused_after_title(capsys, photograph, "--network", "tiny", "--weights", path)


def refused_after_title(capsys, *arguments):
    assert main(["predict", *map(str, arguments)]) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "content"),
    [("config.json", "{}"), ("data.json", "{}"), ("data.json", "not JSON"), ("config.json", '{"network": "gone"}')],
)
def test_a_damaged_run_is_named(file, content, run, photograph, tmp_path, capsys):
    for name in ("config.json", "data.json", "params.safetensors"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    (tmp_path / file).write_text(content)
    assert "train again" in refused(capsys, photograph, "--run-dir", tmp_path)


def test_a_run_s_statistics_are_part_of_it(run):
    saved = load_file(run / "params.safetensors")
    assert saved["bn/mean"].any()
    data = json.loads((run / "data.json").read_text())
    model = of_run(run)
    assert model.preprocessing.shape == tuple(data["image_shape"]) == tiny.SHAPE
    assert np.array_equal(model.state["bn"]["mean"], saved["bn/mean"])
    assert np.array_equal(model.params["dense"]["kernel"], saved["dense/kernel"])


def test_a_flat_image_has_an_answer_and_a_picture(tmp_path, capsys):
    path = write(tmp_path / "black.png", np.zeros((20, 20), np.uint8))
    assert main(["predict", str(path), "--network", "tiny", "--pictures", str(tmp_path / "p")]) == 0
    assert "01-black.png" in capsys.readouterr().out
