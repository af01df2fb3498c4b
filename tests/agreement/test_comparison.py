"""`check` as its users meet it: right and wrong rules, one function alone, bad input, and what must not matter."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.agreement import assert_agree, check
from jaxcnn.agreement.arguments import arguments_of, directions
from jaxcnn.agreement.gallery.correct import CORRECT
from jaxcnn.agreement.gallery.mistakes import MISTAKES
from jaxcnn.agreement.gallery.rules import with_rule
from jaxcnn.agreement.plain import without_rules

quick = partial(check, transform=False)
X = np.float32([[0.5, -1.25, 2.0], [1.5, 0.75, -0.25]])
SOME = ("quotient", "two dense layers", "embedding")


@pytest.mark.parametrize("exhibit", MISTAKES, ids=lambda e: e.name)
def test_every_wrong_rule_of_the_gallery_is_caught(exhibit):
    options = {"dtypes": ("bfloat16",), "integers": not exhibit.positive}
    assert not quick(exhibit.hand, exhibit.auto, *exhibit.args(), **options).ok


@pytest.mark.parametrize("exhibit", [e for e in CORRECT if e.name in SOME], ids=lambda e: e.name)
def test_right_rules_pass_in_every_dtype(exhibit):
    dtypes = ("float64", "float32", "bfloat16", "float16")
    report = quick(exhibit.hand, exhibit.auto, *exhibit.args(), dtypes=dtypes, integers=not exhibit.positive)
    assert report.ok, report.failures


def test_the_gallery_is_as_large_as_it_says():
    assert len(MISTAKES) == 20
    assert len(CORRECT) >= 40
    assert len({e.name for e in (*MISTAKES, *CORRECT)}) == len(MISTAKES) + len(CORRECT)


@pytest.mark.parametrize("wide", [True, False], ids=["64-bit mode on", "64-bit mode off"])
def test_float64_is_there_whether_or_not_the_64_bit_mode_is_on(wide):
    with jax.enable_x64(wide):
        report = quick(jnp.tanh, None, X, dtypes=("float64", "float32"))
    assert report.ok
    assert {r["dtype"] for r in report.records} == {"float64", "float32"}


def test_one_function_alone_is_checked_against_itself_without_its_rule():
    wrong = with_rule(lambda x: x**3, lambda args, y, dy: args[0] ** 2 * dy)
    assert not quick(wrong, None, X).ok
    assert float(jax.grad(without_rules(wrong))(2.0)) == 12


def test_a_tie_given_away_differently_is_a_matter_of_convention():
    first = lambda x: jnp.take_along_axis(x, jnp.argmax(x, -1, keepdims=True), -1)  # noqa: E731
    report = quick(lambda x: jnp.max(x, -1, keepdims=True), first, np.float32([[1.0, 1.0, 0.0]]), integers=False)
    assert "kink" in {r["verdict"] for r in report.failures}


def test_integers_and_keys_are_passed_on():
    def pick(x, index, key):
        return x[index] + jax.random.normal(key, (3,), x.dtype)

    assert_agree(pick, None, X, jnp.array([1, 0]), jax.random.key(0), transform=False)


def test_small_leaves_are_not_drowned_and_another_leaf_changes_nothing():
    alone, beside = (directions(arguments_of(a), 0, 2, seed=3) for a in (({"w": X},), ({"w": X, "z": 1e6 * X},)))
    for one, two in zip(alone, beside, strict=True):
        np.testing.assert_array_equal(one[0], two[0])
        assert not two[1].any()
    (tiny,) = directions(arguments_of(({"w": 1e-19 * X},)), 0, 1, seed=3)
    assert 0 < np.abs(tiny[0]).max() < 1e-17


def test_trees_report_leaf_by_leaf():
    def net(params, x):
        return {"y": x @ params["dense"]["kernel"], "size": jnp.sum(x * x)}

    report = quick(net, net, {"dense": {"kernel": X.T}}, X)
    assert {r["leaf"] for r in report.records if r["mode"] == "gradient"} == {"0/dense/kernel", "1"}
    assert {r["leaf"] for r in report.records if r["mode"] == "output"} == {"y", "size"}


def test_an_assertion_names_leaf_place_and_values():
    wrong = with_rule(lambda x, w: x @ w, lambda a, y, dy: (dy @ a[1].T, 1.01 * (a[0].T @ dy)))
    with pytest.raises(
        AssertionError, match=r"formula, argument 1, float32: disagree, z = .*worst at \(\d, \d\): .* is right"
    ):
        assert_agree(wrong, lambda x, w: x @ w, X, X.T.copy(), transform=False)


def fails(x):
    raise RuntimeError("no such layer")


def fails_backward(args, y, dy):
    raise KeyError("missing residual")


BAD = {
    "structures that differ": (lambda x: (x, x), lambda x: x, (X,), "return different structures"),
    "shapes that differ": (lambda x: x[:1], lambda x: x, (X,), r"output y has shape \(1, 3\) from hand but \(2, 3\)"),
    "a function that raises": (fails, None, (X,), "hand raised RuntimeError: no such layer when called with float32"),
    "a rule that raises": (
        with_rule(jnp.sin, fails_backward),
        jnp.sin,
        (X,),
        "hand raised KeyError: 'missing residual' while",
    ),
    "a gradient of the wrong shape": (
        with_rule(jnp.sin, lambda a, y, dy: dy[0]),
        jnp.sin,
        (X,),
        "hand raised ValueError",
    ),
    "no float leaf": (lambda i: i * 1.0, None, (np.arange(3),), "no argument has a floating-point leaf .0 is int"),
    "no arguments": (lambda: 1.0, None, (), "there are no arguments"),
    "an empty leaf": (jnp.sin, None, (X[:0],), r"argument 0: its shape \(0, 3\) has no elements"),
    "nothing to differentiate": (lambda x: x > 0, None, (X,), r"nothing to compare: the functions return bool\[2,3\]"),
    "an unknown dtype": (jnp.sin, None, (X,), "unknown dtype 'float8'"),
}


@pytest.mark.parametrize(("hand", "auto", "args", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_one_sentence(hand, auto, args, message):
    options = {"dtypes": ("float8",)} if "float8" in message else {}
    with pytest.raises(ValueError, match=message) as error:
        quick(hand, auto, *args, **options)
    assert str(error.value).startswith("check: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("leaf", "message"), [("same", "is a str, not an array"), (1j * X, "pass its real and imaginary")]
)
def test_leaves_that_are_no_real_arrays_are_refused(leaf, message):
    with pytest.raises(TypeError, match=message):
        quick(lambda x, y: x, None, X, leaf)


def test_leaves_of_more_than_one_dtype_keep_them():
    report = quick(lambda x, w: x.astype(jnp.float32) * w, None, jnp.asarray(X, jnp.bfloat16), X)
    assert [r["dtype"] for r in report.records if r["mode"] == "gradient"] == ["bfloat16", "float32"]
    assert report.ok
