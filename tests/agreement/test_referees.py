"""Central differences: the step is chosen, the slopes are fitted, kinks are noticed by bookkeeping."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.agreement import check
from jaxcnn.agreement.referees import STEPS, judged
from jaxcnn.agreement.units import unit

SMOOTH = np.ones(len(STEPS), bool)


def sweep(f, x=0.7):
    return np.array([f(x + h) - f(x) for h in STEPS]), np.array([f(x - h) - f(x) for h in STEPS])


def of(report, mode):
    return [r for r in report.records if r["mode"] == mode]


def test_a_v_curve_has_slopes_two_and_minus_one():
    found = judged(*sweep(np.sin), SMOOTH, 2 * unit("float64"), np.cos(0.7), 0.0)
    assert found["verdict"] in ("exact", "agree")
    assert found["truncation_order"] == pytest.approx(2, abs=0.1)
    assert found["rounding_order"] == pytest.approx(-1, abs=0.3)


def test_a_linear_function_takes_step_one():
    found = judged(*sweep(lambda x: 3 * x), SMOOTH, unit("float64"), 3.0, 0.0)
    assert (found["step"], found["linear"]) == (1.0, True)
    assert found["verdict"] in ("exact", "agree")


def test_a_wrong_slope_is_flat_and_disagrees():
    found = judged(*sweep(np.sin), SMOOTH, unit("float64"), 1.001 * np.cos(0.7), 0.0)
    assert found["verdict"] == "disagree"
    errors = np.array([e for _, e, _ in found["curve"]])[4:16]
    assert errors.max() / errors.min() < 1.2


def test_steps_across_a_kink_are_not_used():
    report = check(jax.nn.relu, None, np.array([1e-4, 1.0]), integers=False, transform=False)
    (found,) = of(report, "differences")
    assert found["crossed"] > 0
    assert found["step"] < 1e-3
    assert report.ok


def test_where_every_step_crosses_a_kink_the_referee_says_so():
    report = check(jax.nn.relu, None, np.array([0.0, 1.0]), integers=False, transform=False)
    (found,) = of(report, "differences")
    assert found["verdict"] == "unsupported"
    assert report.ok


def test_stopped_gradients_stand_still_while_the_step_moves():
    def centred(x):
        return (x - jax.lax.stop_gradient(jnp.mean(x))) ** 2

    report = check(centred, None, np.array([0.5, -1.0, 2.0]), integers=False, transform=False)
    assert {r["verdict"] for r in [*of(report, "differences"), *of(report, "complex step")]} <= {"exact", "agree"}


def test_the_referee_says_who_is_nearer_to_the_truth():
    @jax.custom_vjp
    def wrong(x):
        return x * x

    wrong.defvjp(lambda x: (x * x, x), lambda x, dy: (x * dy,))
    x = np.array([0.3, 1.7], np.float32)
    (right_hand,) = of(check(lambda x: x * x, wrong, x, integers=False, transform=False), "gradient")
    assert right_hand["err_hand"] < 1e-6 < right_hand["err_auto"]
    (wrong_hand,) = of(check(wrong, lambda x: x * x, x, integers=False, transform=False), "gradient")
    assert wrong_hand["err_auto"] < 1e-6 < wrong_hand["err_hand"]
