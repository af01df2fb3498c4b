"""A wrong sign in any handwritten backward makes an example fail.

Every rule that the layers register is found by looking, and for each cotangent of each rule one sign is changed; the
row named beside it must then be broken. A rule that is added without such a row fails here.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

import jax
import pytest

from analysis.worked_examples import ENTRIES, Verdict, run
from jaxcnn.ops.rule import rule

MODULES = ("activations", "bias", "convolution", "dense", "dropout", "losses", "normalization", "pooling")
WITHOUT_GRADIENT = {"winner", "is_kept"}


@pytest.fixture(autouse=True)
def fresh_rules() -> Iterator[None]:
    """A rule that was compiled holds the rules it calls, and rows keep what they share: nothing may outlive a mutant,
    nor hide one."""
    forget()
    yield
    forget()


def forget() -> None:
    jax.clear_caches()
    for name, module in list(sys.modules.items()):
        if name.startswith("analysis.worked_examples"):
            for value in vars(module).values():
                getattr(value, "cache_clear", lambda: None)()


ROWS = {
    "activations._identity_rule[x]": "S2.28",
    "activations._leaky_relu_rule[x]": "S0.37",
    "activations._relu_rule[x]": "S2.26",
    "activations._sigmoid_rule[x]": "S0.41",
    "activations._tanh_rule[x]": "S4.14",
    "bias.add_bias[bias]": "S2.06",
    "bias.add_bias[x]": "S0.14",
    "bias.spread[bias]": "S2.06",
    "bias.sum_to[y]": "S2.06",
    "convolution.conv_dw[x]": "S2.05",
    "convolution.conv_dw[y]": "S2.05",
    "convolution.conv_dx[kernel]": "S4.40",
    "convolution.conv_dx[y]": "S4.40",
    "convolution.conv_y[kernel]": "S2.10",
    "convolution.conv_y[x]": "S4.38",
    "dense.dense_dw[x]": "S2.20",
    "dense.dense_dw[y]": "S2.20",
    "dense.dense_dx[kernel]": "S2.22",
    "dense.dense_dx[y]": "S2.22",
    "dense.dense_y[kernel]": "S2.20",
    "dense.dense_y[x]": "S2.22",
    "dense.join[x]": "S2.22",
    "dense.unflatten[y]": "S2.22",
    "dropout.masked[x]": "S0.31",
    "losses._cross_entropy_rule[logits]": "S2.29",
    "losses._cross_entropy_rule[target]": "S2.29",
    "losses._half_squares_rule[prediction]": "S0.04",
    "losses._half_squares_rule[target]": "S0.04",
    "losses._mean_squares_rule[prediction]": "S4.12",
    "losses._mean_squares_rule[target]": "S4.12",
    "losses.log_softmax_rule[x]": "S2.35",
    "losses.softmax_rule[x]": "S2.30",
    "normalization.batch_normalize[offset]": "S4.32",
    "normalization.batch_normalize[scale]": "S4.32",
    "normalization.batch_normalize[x]": "S4.32",
    "normalization.normalize[mean]": "S4.33",
    "normalization.normalize[offset]": "S4.33",
    "normalization.normalize[scale]": "S4.33",
    "normalization.normalize[variance]": "S4.33",
    "normalization.normalize[x]": "S4.33",
    "normalization.statistics[x]": "S4.33",
    "pooling.max_with_winner[x]": "S0.07",
    "pooling.mean[x]": "S0.08",
    "pooling.pick[x]": "S2.16",
    "pooling.put_back[y]": "S2.16",
    "pooling.share[y]": "S2.16",
}


# Rules that first derivatives do not meet, and further cotangents of one layer: a sweep.
HIGHER = ("spread", "sum_to", "conv_dx", "conv_dw", "dense_dx", "dense_dw", "unflatten", "pick", "put_back", "share")
FURTHER = (
    ".statistics",
    ".normalize[mean]",
    ".normalize[variance]",
    ".normalize[scale]",
    ".normalize[offset]",
    "target",
)


def rules() -> Iterator[tuple[str, str, str]]:
    """(module, rule, argument) of everything registered in `jaxcnn.ops`."""
    for name in MODULES:
        module = import_module(f"jaxcnn.ops.{name}")
        for attribute, value in vars(module).items():
            if hasattr(value, "__wrapped__") and value.__module__ == module.__name__:
                for parameter in inspect.signature(value).parameters.values():
                    if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.name not in WITHOUT_GRADIENT:
                        yield name, attribute, parameter.name


def mutant(original: Callable[..., Any], argument: str) -> Callable[..., Any]:
    """The same function with the sign of one cotangent changed."""
    position = list(inspect.signature(original).parameters).index(argument)

    def backward(arrays: tuple[Any, ...], dy: Any, **settings: Any) -> tuple[Any, ...]:
        cotangents = jax.vjp(partial(original, **settings), *arrays)[1](dy)
        signed = [-d if k == position else d for k, d in enumerate(cotangents)]
        return tuple(None if d.dtype == jax.dtypes.float0 else d for d in signed)

    return rule(lambda *arrays, **settings: original(*arrays, **settings), backward)


def test_every_rule_has_a_row() -> None:
    assert sorted(f"{module}.{name}[{argument}]" for module, name, argument in rules()) == sorted(ROWS)


def cases() -> Iterator[Any]:
    for case in rules():
        id = "{}.{}[{}]".format(*case)
        is_sweep = case[1] in HIGHER or any(word in id for word in FURTHER)
        yield pytest.param(case, id=id, marks=[pytest.mark.heavy] if is_sweep else [])


@pytest.mark.parametrize("case", list(cases()))
def test_a_changed_sign_breaks_a_row(case: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, argument = case
    place = import_module(f"jaxcnn.ops.{module}")
    monkeypatch.setattr(place, name, mutant(getattr(place, name), argument))
    assert run(ENTRIES[ROWS["{}.{}[{}]".format(*case)]]).verdict is Verdict.BROKEN


def test_without_a_change_the_mutants_frame_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Re-registering a rule as it is leaves its row standing: it is the sign that breaks it."""
    place = import_module("jaxcnn.ops.convolution")
    original = place.conv_y

    def backward(arrays: Any, dy: Any, **settings: Any) -> Any:
        return jax.vjp(partial(original, **settings), *arrays)[1](dy)

    monkeypatch.setattr(place, "conv_y", rule(lambda x, w, **settings: original(x, w, **settings), backward))
    assert run(ENTRIES["S2.10"]).verdict is Verdict.HOLDS
