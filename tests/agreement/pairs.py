"""Functions and arguments for the command line's tests to name."""

import jax.numpy as jnp
import numpy as np

from jaxcnn.agreement.gallery.rules import with_rule

hand = with_rule(lambda x: x * x, lambda args, y, dy: 2 * args[0] * dy)
wrong = with_rule(lambda x: x * x, lambda args, y, dy: args[0] * dy)
number = 3


def auto(x):
    return jnp.square(x)


def arguments():
    return np.float32([0.5, -2.25, 3.0])


def broken():
    raise OSError("no such file")
