"""Tests of the configuration: what no run can do is refused, and the help names every field."""

import dataclasses
import json
import re

import pytest
import tyro

from jaxcnn.errors import UserError
from jaxcnn.training.command import train
from jaxcnn.training.config import Config

REFUSED = [
    ({"epochs": 0}, "--epochs 0: must be at least 1"),
    ({"batch_size": -3}, "--batch-size -3: must be at least 1"),
    ({"per_class": 0}, "--per-class 0: must be at least 1"),
    ({"epochs": 2**31}, "--epochs 2147483648: must be at most 2147483647"),
    ({"batch_size": 10**30}, f"--batch-size {10**30}: must be at most 2147483647"),
    ({"learning_rate": 0.0}, "--learning-rate 0.0: must be a positive finite number"),
    ({"learning_rate": float("nan")}, "--learning-rate nan"),
    ({"clip_norm": -1.0}, "--clip-norm -1.0"),
    ({"clip_norm": float("inf")}, "--clip-norm inf"),
    ({"seed": -1}, "--seed -1: must be from 0 to 4294967295"),
    ({"seed": 2**32}, "--seed 4294967296"),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_no_run_can_do_is_refused(fields, message):
    with pytest.raises(UserError, match=message):
        Config(**fields)


def test_every_field_is_in_the_help_with_its_default_and_what_it_means(capsys):
    with pytest.raises(SystemExit) as caught:
        tyro.cli(train, args=["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for field in dataclasses.fields(Config):
        flag = f"--{field.name.replace('_', '-')}"
        entry = re.split(rf"{flag}(?:, --no-\S+)? ", text, maxsplit=1)[1]
        entry = " ".join(entry.partition("\n│ --")[0].replace("│", " ").split())
        assert f"(default: {field.default})" in entry
        assert len(entry) > len(f"STR (default: {field.default})") + 20


def test_the_configuration_is_json():
    config = Config(per_class=5, clip_norm=1.0)
    assert Config(**json.loads(json.dumps(config.to_json()))) == config
