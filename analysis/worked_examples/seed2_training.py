"""Seed 2, section 1.4.3 and 1.5: softmax with cross entropy, and what went wrong in training. S2.29 to S2.37."""

from __future__ import annotations

from math import log, sqrt
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis.worked_examples import study_pictures
from analysis.worked_examples.entry import entry
from analysis.worked_examples.judge import Claim, Experiment, Finding
from analysis.worked_examples.studies import softmax as study
from analysis.worked_examples.truth import gradients, map_twice, normal, pullbacks, values
from jaxcnn import networks

X = np.array([1.0, 2.0, 0.5, -1.0])
Y = np.array([0.0, 0.0, 1.0, 0.0])
LARGE, TARGET = np.array([1000.0, 999.0, 0.0]), np.array([0.0, 0.0, 1.0])


def softmax_printed(x: np.ndarray) -> np.ndarray:
    """Eq. 15."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.exp(x) / np.sum(np.exp(x))


def loss(ops: Any, x: Any, y: Any = Y) -> jax.Array:
    """Softmax and cross entropy in one layer."""
    return ops.softmax_cross_entropy(jnp.asarray(x)[None], jnp.asarray(y)[None])[0]


@entry("S2.29", "1.4.3", "Softmax and cross entropy are one layer: 10 x 1 in, the loss out; 10 x 1 back.")
def one_layer() -> list[Finding]:
    x, y = normal(41, 10), np.eye(10)[3]
    return [
        Claim("shapes of loss and gradient", [(), (10,)], [np.shape(f(loss, x, y).hand) for f in (values, gradients)]),
        Claim("its value", -np.log(softmax_printed(x)[3]), values(loss, x, y)),
        Claim("its gradient", softmax_printed(x) - y, gradients(loss, x, y)),
        Claim("its gradient by the labels", -np.log(softmax_printed(x)), gradients(loss, x, y, by=1)),
    ]


@entry("S2.30", "eq. 15", "Softmax.", formula=r"\hat y_i=\frac{e^{x_i}}{\sum_{k=1}^ne^{x_k}}")
def softmax() -> list[Finding]:
    slope = pullbacks(lambda ops, x: ops.softmax(jnp.asarray(x)), Y, X)
    y = softmax_printed(X)
    return [
        Claim("the predictions", y, values(lambda ops: ops.softmax(jnp.asarray(X)))),
        Claim("their pull-back of y", y * (Y - y @ Y), slope),
    ]


@entry(
    "S2.31", "eq. 16", "The cross entropy.", formula=r"L=\sum_{i=1}^ny_i\ln\hat y_i",
    corrected=r"$L=-\sum_{i=1}^ny_i\ln\hat y_i$",
)  # fmt: skip
def sign_of_the_loss() -> list[Finding]:
    """With the printed sign the loss is negative, and its gradient contradicts eq. 17."""
    says = Y @ np.log(softmax_printed(X))
    return [
        Claim("L", says, values(loss, X), corrected=-says),
        Claim("a cross entropy is not negative", True, bool(values(loss, X).hand >= 0)),
        Claim("dL/dx of the printed L", jax.grad(lambda x: jnp.asarray(Y) @ jax.nn.log_softmax(x))(jnp.asarray(X)),
              gradients(loss, X), corrected=softmax_printed(X) - Y),
    ]  # fmt: skip


@entry(
    "S2.32", "eq. 17", "The gradient of both together.", formula=r"\frac{\partial L}{\partial x_j}=\hat y_i-y_i",
    corrected=r"the index: $\frac{\partial L}{\partial x_j}=\hat y_j-y_j$",
)  # fmt: skip
def gradient_of_both() -> list[Finding]:
    """Read literally, with i the class of the label; with the right index it holds when the labels sum to 1."""
    y, i, labels = softmax_printed(X), int(np.argmax(Y)), 2 * Y
    return [
        Claim("dL/dx", np.full(4, y[i] - Y[i]), gradients(loss, X), corrected=y - Y),
        Claim("dL/dx for labels that sum to 2", y - labels, gradients(loss, X, labels), corrected=y * 2 - labels),
    ]


@entry("S2.33", "1.5", "Every layer was tested by hand calculations; one image was sent through and back.")
def one_image() -> list[Finding]:
    """As a plan it holds: one image through the full network and back, all gradients against plain jax.grad."""
    network = networks.seed2()
    params = network.init(jax.random.key(0), (28, 28, 1), jnp.float64)
    x = jnp.asarray(normal(42, 1, 28, 28, 1))

    def error(ops: Any, params: Any) -> jax.Array:
        return ops.softmax_cross_entropy(network.apply(params, x, ops=ops), jnp.array([3], jnp.int32))[0]

    slope = gradients(error, params)
    flat = map_twice(lambda tree: jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(tree)]), slope)
    return [Claim("all 21,518 derivatives of one image", np.asarray(flat.auto), flat)]


@entry(
    "S2.34", "1.5", "The gradient explodes because of the exponential in the softmax layer.",
    corrected=r"the softmax's gradient is bounded, $\|\hat y-y\|\le\sqrt2$; its exponential can overflow, and "
    r"the scale of "
    "the weights makes gradients explode",
    picture=study_pictures.initial_scale,
)  # fmt: skip
def not_the_softmax() -> list[Finding]:
    """Its gradient at logits of any size against the bound; and the network at N(0, 1) and at He weights."""
    sizes = [float(np.linalg.norm(gradients(loss, scale * X).hand)) for scale in (1, 1e2, 1e4, 1e8)]
    wild, tame = study.first_gradients("unit_normal"), study.first_gradients("he")
    return [
        Claim("softmax and loss pass back more than sqrt(2)", True, max(sizes) > sqrt(2) + 1e-12, corrected=False),
        Claim("the exponential overflows above ln(largest number)", [True, True],
              [bool(np.isinf(study.exponential(bits, above=True))) for bits in (64, 32)]),
        Claim("and is finite just below, at 709.78 and 88.72", [True, True],
              [bool(np.isfinite(study.exponential(bits, above=False))) for bits in (64, 32)]),
        Claim("N(0, 1) weights: logits above 100, gradient norms above 100", [True, True],
              [wild.logits > 100, wild.norms.max() > 100]),
        Claim("He weights: logits and gradient norms below 20", [True] * 2, [tame.logits < 20, tame.norms.max() < 20]),
    ]  # fmt: skip


@entry(
    "S2.35", "eq. 18", "Softmax with the maximum subtracted.",
    formula=r"\hat y_i=\frac{e^{x_i-\max(x_i)}}{\sum_{k=1}^ne^{x_k-\max(x_i)}}",
)  # fmt: skip
def stable_softmax() -> list[Finding]:
    """Equal to eq. 15 (with max over k) and finite where that overflows. Alone it is not enough: the logarithm of an
    underflowed prediction is -inf and its automatic gradient NaN; the handwritten one is right."""
    stable = lambda x: np.exp(x - x.max()) / np.sum(np.exp(x - x.max()))  # noqa: E731
    automatic = jax.grad(lambda x: -jnp.asarray(TARGET) @ jnp.log(jax.nn.softmax(x)))(jnp.asarray(LARGE))
    return [
        Claim("the predictions", stable(X), values(lambda ops: ops.softmax(jnp.asarray(X)))),
        Claim("at (1000, 999, 0)", stable(LARGE), values(lambda ops: ops.softmax(jnp.asarray(LARGE)))),
        Claim("eq. 15 there", [np.nan, np.nan, 0], softmax_printed(LARGE)),
        Claim("the automatic gradient through the logarithm", [True] * 3, np.isnan(automatic)),
        Claim("the handwritten gradient", stable(LARGE) - TARGET, gradients(loss, LARGE, TARGET)),
        Claim("the loss, by log-softmax", 1000 + log(1 + np.exp(-1) + np.exp(-1000)), values(loss, LARGE, TARGET)),
        Claim("log-softmax passes back dy - softmax", TARGET - stable(X[:3]),
              pullbacks(lambda ops, x: ops.log_softmax(jnp.asarray(x)), TARGET, X[:3])),
    ]  # fmt: skip


@entry("S2.36", "1.5", "The shallower network reaches an accuracy of 0.686 on 1000 points after 50 epochs.")
def shallow_network() -> Experiment:
    """Here: scikit-learn's 8x8 digits, enlarged to 28x28, 100 of each class, mini-batches of 50."""
    run = study.train_shallow(epochs=50)
    return Experiment(
        "the 28x28 images (the data set is not named), the network's sizes, rate, batch, initialisation, and whether "
        "the accuracy is that of training or of test data",
        {
            "printed accuracy": 0.686,
            "accuracy here on the 1000 training images": run.train_accuracy,
            "accuracy here on the other 797": run.test_accuracy,
            "epochs": run.epochs,
        },
    )


@entry("S2.37", "1.5", "The full network could not be trained; clipping and mini-batches were tried and also failed.")
def full_network() -> Experiment:
    """No settings are given. Here the full network, N(0, 1) and He weights, with and without clipping by the norm."""
    return Experiment(
        "the settings that failed",
        {f"loss after {study.STEPS} steps, {init}, {clip}": study.train_full(init, clip == "clipped")
         for init in ("unit_normal", "he") for clip in ("not clipped", "clipped")},
    )  # fmt: skip
