"""`jaxcnn train --flow`: the run is the same, and its directory has the table and the picture."""

import csv

import numpy as np
import pytest
from safetensors.numpy import load_file

from jaxcnn.cli import main

WORDS = ["train", "--per-class", "4", "--epochs", "2", "--batch-size", "16", "--network", "seed2_shallow"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, flags in (("plain", []), ("flow", ["--flow", "--flow-every", "2"])):
        assert main([*WORDS, "--run-dir", str(folder / name), *flags]) == 0
    return folder


def test_the_run_is_the_same(runs):
    plain, recorded = (load_file(runs / name / "params.safetensors") for name in ("plain", "flow"))
    for name in plain:
        np.testing.assert_allclose(plain[name], recorded[name], rtol=1e-5, atol=1e-6)


def test_the_run_directory_has_table_and_picture(runs):
    with (runs / "flow" / "pictures" / "flow.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert {row["step"] for row in rows} == {"0", "2", "4"}
    assert [row["layer"] for row in rows[:3]] == ["conv1", "relu1", "pool1"]
    assert all(float(row["backward"]) > 0 for row in rows)
    assert (runs / "flow" / "pictures" / "flow.png").exists()
    assert not (runs / "plain" / "pictures" / "flow.csv").exists()


def test_a_step_between_records_must_be_positive(capsys):
    assert main([*WORDS, "--flow", "--flow-every", "0"]) == 2
    assert "--flow-every 0: must be at least 1" in capsys.readouterr().err
