"""Teeth: planted mistakes are caught, and a mistake that is none is reported as missed."""

import numpy as np
import pytest

from jaxcnn import ops
from jaxcnn.agreement import mutants
from jaxcnn.agreement.cases import layers, network_cases
from jaxcnn.agreement.suite import mutant_records

CASES = {case.name: case for case in layers()}
NINE = {
    "the kernel not rotated": "conv", "channels swapped": "conv", "the stride's last window dropped": "conv",
    "padding cropped on the wrong side": "conv", "mean for sum in the last gradient": "dense",
    "the last gradient summed over one axis too few": "conv", "a tie given to all winners": "max_pool",
    "a leaf 1 % off": "relu",
}  # fmt: skip


@pytest.mark.parametrize("name", ["conv SAME, stride 2, bias per position", "max_pool 2", "batch_norm training"])
def test_every_mistake_in_a_rule_is_caught(name):
    missed = [r["mode"] for r in mutant_records(CASES[name], seed=0) if r["verdict"] != "exact"]
    assert not missed


def test_a_mistake_that_is_none_is_reported_as_missed(monkeypatch):
    monkeypatch.setitem(mutants.FAMILIES, "identity", {"none": lambda rule: rule.right})
    missed = [r["mode"] for r in mutant_records(CASES["identity"], seed=0) if r["verdict"] == "disagree"]
    assert missed == ["mutant: none"]


def test_the_nine_mistakes_of_every_project_are_among_them():
    for mistake, family in NINE.items():
        case = next(c for c in layers() if c.family == family and len(c.shapes) in (1, 3))
        assert mistake in mutants.mutants_of(case)
    assert "float32" in mutants.LEAK


@pytest.mark.parametrize("family", mutants.FAMILIES)
def test_every_family_has_five_mistakes_of_its_own(family):
    assert len(mutants.FAMILIES[family]) >= 5


def test_every_layer_and_every_network_has_a_case():
    layer_names = {
        n
        for n in dir(ops)
        if callable(getattr(ops, n)) and getattr(getattr(ops, n), "__module__", "").startswith("jaxcnn.ops")
    }
    public = {n for n in getattr(ops, "__all__", layer_names) if not n.startswith("_") and callable(getattr(ops, n))}
    checked = {case.name.split()[0] for case in layers()}
    assert public - checked - {"conv_y", "conv_dx", "conv_dw"} == set()
    assert len(network_cases()) >= 7


def test_classes_follow_the_window():
    case = CASES["max_pool overlapping, padded"]
    x = np.arange(112.0).reshape(2, 7, 8, 1)
    x[0, 0, 0] = x[0, 1, 1]
    masks = case.classes(x)["0"]
    assert masks["interior"].sum() + masks["border"].sum() + masks["remainder"].sum() == 56
    assert masks["tie"].any()
    unseen = CASES["max_pool 2"].classes(x)["0"]["remainder"]
    np.testing.assert_array_equal(np.flatnonzero(unseen.any((1, 2))), [6])
