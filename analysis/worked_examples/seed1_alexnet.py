"""Seed 1, question 3: AlexNet. S1.37 to S1.42."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from analysis.worked_examples.entry import entry
from analysis.worked_examples.judge import Claim, Experiment, Finding, Missing
from jaxcnn import networks, ops

IMAGE = (224, 224, 3)
LAST = "classifier/dense3"
RANDOM_TOP5 = [0.10257013142108917, 0.10256970673799515, 0.10254091024398804, 0.10235338658094406, 0.10224508494138718]
PRETRAINED_TOP5 = [
    89.18708801269531,
    10.649338722229004,
    0.04727327823638916,
    0.04288318008184433,
    0.017419634386897087,
]
DOGS = range(151, 269)  # ImageNet's dog breeds
TOP5_LABELS = {  # ImageNet's class numbers of the five printed labels
    "Pembroke, Pembroke Welsh corgi": 263,
    "Cardigan, Cardigan Welsh corgi": 264,
    "kelpie": 227,
    "Eskimo dog, husky": 248,
    "Shetland sheepdog, Shetland sheep dog, Shetland": 230,
}


@cache
def random_predictions() -> np.ndarray:
    """Sorted percentages and class numbers of two randomly initialised networks on two smooth random images.

    Returns:
        [inits, images, 2, 5]: the five largest percentages and their classes.
    """
    network = networks.alexnet()
    coarse = jax.random.normal(jax.random.key(99), (2, 8, 8, 3), jnp.float32)
    x = jax.image.resize(coarse, (2, *IMAGE), "cubic")

    @jax.jit
    def top(key: jax.Array) -> jax.Array:
        percent = 100 * ops.softmax(network.apply(network.init(key, IMAGE), x))
        best, label = jax.lax.top_k(percent, 5)
        return jnp.stack([best, label.astype(best.dtype)], 1)

    return np.array([top(jax.random.key(init)) for init in (0, 1)])


@entry(
    "S1.37", "Q3", "The last layer has 4096000 input features and 1000 output features.",
    corrected="4096 inputs; 4,096,000 is the number of its weights",
)  # fmt: skip
def last_layer() -> list[Finding]:
    """Built and counted; the whole network has 61,100,840 parameters."""
    sites = {site.path: site for site in networks.alexnet().sites(IMAGE)}
    rows = networks.summary(networks.alexnet(), IMAGE)
    inputs, outputs = sites[LAST].input_shape[0], sites[LAST].output_shape[0]
    return [
        Claim("inputs of the last layer", 4096000, inputs, corrected=4096),
        Claim("outputs", 1000, outputs),
        Claim("its weights, and with biases", [4096000, 4097000], [inputs * outputs, rows[-1].parameters]),
        Claim("all parameters", 61100840, sum(row.parameters for row in rows)),
    ]


@entry("S1.38", "Q3", "The image that is classified.")
def photograph() -> Missing:
    return Missing("a photograph of a dog", "nothing: a photograph cannot be drawn from the text")


@entry("S1.39", "Q3", "A randomly initialised AlexNet's top five: 0.10257 to 0.10225 %.")
def random_network() -> Experiment:
    """Every class is near 0.1 %: the logits of a random network are nearly equal."""
    found = random_predictions()
    return Experiment(
        "the photograph",
        {
            "printed, first and fifth place (%)": (RANDOM_TOP5[0], RANDOM_TOP5[-1]),
            "first place here, 2 initialisations, 2 synthetic images (%)": interval(found[:, :, 0, 0]),
            "fifth place (%)": interval(found[:, :, 0, 4]),
            "uniform (%)": 100 / 1000,
        },
    )


def interval(numbers: np.ndarray) -> tuple[float, float]:
    return float(numbers.min()), float(numbers.max())


@entry("S1.40", "Q3", "If run again the predictions change, but the confidence stays around the same mark.")
def rerun() -> list[Finding]:
    """Two initialisations on the same image."""
    percent, labels = np.moveaxis(random_predictions()[:, 0], 1, 0)
    return [
        Claim("the first place's class changes", True, bool(labels[0, 0] != labels[1, 0])),
        Claim("its percentage stays within 5 %", True, bool(abs(percent[0, 0] / percent[1, 0] - 1) < 0.05)),
    ]


@entry("S1.41", "Q3", "An AlexNet trained on ImageNet: 89.187, 10.649, 0.0473, 0.0429, 0.0174 %.")
def pretrained_network() -> Experiment:
    """Only the arithmetic can be checked here."""
    return Experiment(
        "the photograph and the trained weights",
        {
            "sum of the five (%)": float(np.sum(PRETRAINED_TOP5)),
            "in descending order": bool(np.all(np.diff(PRETRAINED_TOP5) < 0)),
            "gap of the first two logits": float(np.log(PRETRAINED_TOP5[0] / PRETRAINED_TOP5[1])),
        },
    )


@entry("S1.42", "Q3", "All five predictions are dogs.")
def all_dogs() -> Claim:
    """By ImageNet's class numbers, looked up: dogs are 151 to 268."""
    return Claim("is a dog", [True] * 5, [label in DOGS for label in TOP5_LABELS.values()])
