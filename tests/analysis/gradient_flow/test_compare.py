"""The comparison: calibrated on right networks, and every planted fault found by name."""

import numpy as np
import pytest

from analysis.gradient_flow import compare, measure, predict
from analysis.gradient_flow.experiments.calibration import STACKS, chance_rows, stack_rows
from analysis.gradient_flow.experiments.sensitivity import cases
from jaxcnn import networks

FEW = [(phi, init) for phi, init in STACKS if phi in ("relu", "tanh", "sigmoid")]  # the others are heavy: compilation


@pytest.fixture(scope="module")
def found():
    return {fault: case.comparison for fault, case in cases().items()}


def test_a_right_network_passes(found):
    assert found["no fault"].ok
    assert np.abs([row.z for row in found["no fault"].rows]).max() < 4


def test_a_missing_factor_two_is_named(found):
    (finding,) = found["dense3 without He's factor 2"].findings
    assert finding.layer == "dense3"
    assert "kernel variance is 0.5" in finding.symptom
    assert "multiply its weights by 1.41" in finding.remedy


def test_a_missing_bias_variance_is_named(found):
    findings = found["bias variance 0.05 forgotten"].findings
    assert [finding.layer for finding in findings] == ["dense1", "dense2", "dense3", "dense4"]
    assert all("bias variance is 0 where 0.05 is intended" in finding.symptom for finding in findings)


def test_a_gradient_one_percent_off_is_named(found):
    findings = found["kernel gradient off by 1 %"].findings
    assert [finding.layer for finding in findings] == ["dense1", "dense2", "dense3", "dense4"]
    assert all("kernel gradient is 1.01 of what" in finding.symptom for finding in findings)


def test_a_dead_layer_is_named(found):
    named = {finding.layer: finding.symptom for finding in found["layer 3 dead"].findings}
    assert "100% of its units are dead" in named["relu3"]


def test_the_signal_alone_shows_a_wrong_gain(found):
    rows = {(row.layer, row.column): row for row in found["dense3 without He's factor 2"].rows}
    assert abs(rows["dense2", "forward"].z) < 5 < abs(rows["dense3", "forward"].z)


def test_z_over_many_settings_is_standard_normal():
    z = np.array([row[3] for row in stack_rows(8, FEW) + chance_rows(4000)])
    assert len(z) == 24
    assert np.abs(z).max() < 5
    assert (np.abs(z) > 2).sum() <= 4  # 1.1 expected; more than 4 in one of 240 right programs
    assert 0.5 < z.std() < 1.5


@pytest.mark.heavy
def test_z_over_all_settings():
    from analysis.gradient_flow.experiments.calibration import run

    z = np.array([row[3] for row in run(quick=False).rows])
    assert len(z) >= 40
    assert np.abs(z).max() < 5
    assert (np.abs(z) > 2).sum() <= 7


def test_tables_of_different_networks_are_refused():
    one, other = networks.serial(a=networks.dense(2)), networks.serial(b=networks.dense(2))
    flow = measure(one, {"a": {"kernel": np.ones((2, 2)), "bias": np.zeros(2)}}, np.ones((1, 2)))
    with pytest.raises(ValueError, match="are of different layers"):
        compare(predict(other, None, np.ones((1, 2))), flow)
