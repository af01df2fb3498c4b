"""Symptoms by layer, and the depth budget in words."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.nn import softplus

from analysis.gradient_flow import LECUN, Flow, Init, measure, symptoms, verdict
from analysis.gradient_flow.measure import COLUMNS
from jaxcnn import networks


def flow(**columns):
    """Two dense layers with an activation between them, healthy but for the columns given."""
    healthy = {name: np.full(3, np.nan) for name in COLUMNS} | {"forward": np.ones(3), "backward": np.ones(3)}
    kinds = ("dense", "relu" if "dead" in columns else "tanh", "dense")
    return Flow(("first", "act", "last"), kinds, (4, 0, 4), healthy | columns)


def test_a_healthy_network_has_none():
    assert symptoms(flow()) == []


@pytest.mark.parametrize(
    ("columns", "layer", "words"),
    [
        ({"backward": np.array([1e-8, 1e-4, 1.0])}, "first", "gradient vanishes"),
        ({"backward": np.array([1e8, 1e4, 1.0])}, "first", "gradient explodes"),
        ({"forward": np.array([2.0, 1.0, 4e6])}, "last", "signal explodes: E[h^2] is 2e+06 times first's"),
        ({"backward": np.array([0.0, 0.0, 1.0])}, "first", "gradient vanishes: E[delta^2] is 0 beside last's"),
        ({"saturated": np.array([np.nan, 0.8, np.nan])}, "act", "saturates: 80%"),
        ({"dead": np.array([np.nan, 0.8, np.nan])}, "act", "80% of its units are dead"),
        ({"forward": np.array([1.0, np.inf, np.inf])}, "act", "signal is not finite"),
    ],
    ids=["vanish", "explode", "signal", "no gradient", "saturate", "die", "overflow"],
)
def test_every_symptom_is_named(columns, layer, words):
    (finding,) = symptoms(flow(**columns))
    assert finding.layer == layer
    assert finding.symptom.startswith(words)
    assert finding.remedy


@pytest.mark.parametrize(
    ("phi", "init", "found"),
    [
        (networks.sigmoid, LECUN, ["dense1: gradient vanishes"]),
        (networks.relu, Init(64.0), ["dense6: signal explodes", "dense1: gradient explodes"]),
        (networks.tanh, Init(900.0), [f"phi{number}: saturates" for number in range(1, 6)]),
    ],
    ids=["sigmoid", "N(0, 1) and ReLU", "N(0, 14) and tanh"],
)
def test_deep_networks_are_called_what_they_are(phi, init, found):
    layers = {}
    for number in range(1, 6):
        layers |= {f"dense{number}": networks.dense(64, **init.layer()), f"phi{number}": phi()}
    network = networks.serial(**layers, dense6=networks.dense(64, **init.layer()))
    x = jax.random.normal(jax.random.key(1), (16, 64), jnp.float32)
    named = [str(finding) for finding in symptoms(measure(network, network.init(jax.random.key(0), (64,)), x))]
    named = [words for words in named if "saturates" in words or phi is not networks.tanh]
    assert [words[: len(start)] for words, start in zip(named, found, strict=True)] == found


def test_the_verdict_says_phase_budget_and_critical_point():
    words = verdict("tanh", Init(1.69, 0.09), 50)
    assert "ordered: gradients vanish" in words
    assert "6 xi = 97 layers, enough for the 50 asked for" in words
    assert "critical at weight variance" in words
    assert "fewer than the 200 asked for" in verdict("tanh", Init(1.69, 0.09), 200)


def test_the_verdict_where_there_is_no_critical_point():
    assert "at 0 it has one at 2" in verdict("relu", Init(1.0, 0.1), 10)
    assert "inputs stay apart at any depth" in verdict("relu", Init(2.0), 10)
    assert "softplus has no critical point at bias variance 0.05, nor at 0." in verdict(softplus, Init(1.2, 0.05), 30)


def test_functions_of_a_user_are_warned_of():
    layers = [(f"layer{n}", sink if n % 2 else (lambda x: x)) for n in range(4)]
    params = {name: 1e-4 * np.eye(3) for name, layer in layers if layer is sink}
    (finding,) = symptoms(measure(layers, params, jnp.ones((2, 3), jnp.float32)))
    assert finding.layer == "layer1"
    assert finding.symptom.startswith("gradient vanishes: E[delta^2] is 1e-08 times layer3's")


def sink(weights, x):
    """A layer that keeps a ten-thousandth."""
    return x @ weights
