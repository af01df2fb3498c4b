"""Tests of configurations read back: each setting is of its own kind or refused by name."""

import json

import pytest

from jaxcnn.errors import UserError
from jaxcnn.training.config import Config
from jaxcnn.training.settings import from_json

WRONG = {
    "a list": ([], "is no JSON object"),
    "an unknown name": ({"colour": 1}, "'colour' is no setting"),
    "resume": ({"resume": "runs/a"}, "'resume' is no setting"),
    "text for a count": ({"epochs": "3"}, "epochs cannot be '3'"),
    "a share for a count": ({"batch_size": 2.5}, "batch_size cannot be 2.5"),
    "a Boolean for a count": ({"seed": True}, "seed cannot be True"),
    "null where there is a number": ({"learning_rate": None}, "learning_rate cannot be None"),
    "another choice": ({"optimiser": "lion"}, "optimiser cannot be 'lion'"),
    "a list for a name": ({"network": ["seed2"]}, r"network cannot be \['seed2'\]"),
    "a number for a switch": ({"flow": 1}, "flow cannot be 1"),
    "out of range": ({"epochs": 0}, "--epochs 0: must be at least 1"),
    "long": ({"seed": "x" * 9999}, r"seed cannot be 'x{5,20}\.\.\.x+'$"),
}


@pytest.mark.parametrize(("found", "message"), WRONG.values(), ids=WRONG)
def test_what_is_no_setting_is_refused_by_name(tmp_path, found, message):
    with pytest.raises(UserError, match=message):
        from_json(found, tmp_path)


def test_what_was_written_is_read_back(tmp_path):
    written = Config(run_dir=tmp_path, per_class=5, clip_norm=1, initialiser="he", data="a/folder")
    assert from_json(json.loads(json.dumps(written.to_json())), tmp_path) == written


def test_a_setting_that_is_not_there_has_its_default_and_the_folder_is_the_one_it_lies_in(tmp_path):
    assert from_json({"run_dir": "elsewhere"}, tmp_path) == Config(run_dir=tmp_path)
