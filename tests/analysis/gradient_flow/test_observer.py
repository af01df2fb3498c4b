"""`jaxcnn train --flow`: the run is the same, and its directory has the table and the picture."""

import csv

import numpy as np
import pytest
from safetensors.numpy import load_file

from jaxcnn.cli import main

WORDS = ["train", "--per-class", "4", "--epochs", "2", "--batch-size", "16", "--network", "seed3_dense"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "flow"
    assert main([*WORDS, "--run-dir", str(folder), "--flow", "--flow-every", "2"]) == 0
    return folder


def test_the_run_directory_has_table_and_picture(recorded):
    with (recorded / "pictures" / "flow.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert {row["step"] for row in rows} == {"0", "2", "4"}
    assert [row["layer"] for row in rows[:3]] == ["flatten", "dense", "sigma"]
    assert all(float(row["backward"]) > 0 for row in rows)
    assert (recorded / "pictures" / "flow.png").exists()


@pytest.mark.heavy
def test_the_run_is_the_same(recorded, tmp_path):
    assert main([*WORDS, "--run-dir", str(tmp_path)]) == 0
    assert not (tmp_path / "pictures" / "flow.csv").exists()
    plain, seen = (load_file(folder / "params.safetensors") for folder in (tmp_path, recorded))
    for name in plain:
        np.testing.assert_allclose(plain[name], seen[name], rtol=1e-5, atol=1e-6)


def test_a_step_between_records_must_be_positive(capsys):
    assert main([*WORDS, "--flow", "--flow-every", "0"]) == 2
    assert "--flow-every 0: must be at least 1" in capsys.readouterr().err
