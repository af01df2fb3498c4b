"""The complex step knows every derivative to rounding, where JAX's own complex convolution would know none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.agreement.complex_step import STEP, Complex
from jaxcnn.agreement.program import NoArithmeticError, run, trace

X = np.array([[0.3, -1.2, 2.5], [0.7, 0.9, -0.4]])
IMAGE = np.random.default_rng(0).standard_normal((2, 6, 6, 2))
KERNEL = jnp.asarray(np.random.default_rng(1).standard_normal((3, 3, 2, 3)))

SMOOTH = {
    "exp log": lambda x: jnp.log(1 + jnp.exp(x)),
    "trigonometry": lambda x: jnp.sin(x) * jnp.cos(2 * x) / (2 + jnp.tan(x / 4)),
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "powers": lambda x: (x * x + 1) ** 1.5 + x**3,
    "roots": lambda x: jnp.sqrt(x * x + 1) * jax.lax.rsqrt(x * x + 2),
    "erf": lambda x: jax.lax.erf(x) + jax.lax.erfc(x / 2),
    "log1p expm1": lambda x: jnp.log1p(x * x) + jnp.expm1(x),
    "softmax": lambda x: jax.nn.log_softmax(x),
    "gelu": jax.nn.gelu,
}
BRANCHING = {
    "relu": jax.nn.relu,
    "absolute value": jnp.abs,
    "clip": lambda x: jnp.clip(x, -1, 1),
    "largest": lambda x: jnp.max(x, -1),
    "sorted": lambda x: jnp.sort(x, -1) * jnp.arange(3.0),
    "reduced": lambda x: jax.lax.reduce(jnp.sin(x), np.float64(0), lambda a, b: a - (-b), (1,)),
    "cumulative": lambda x: jnp.cumsum(x, 1) @ x.T,
}


def slope(function, x, v):
    (y,) = run(trace(function, x), Complex(), [jax.lax.complex(jnp.asarray(x), jnp.asarray(STEP * v))])
    return y.imag / STEP


@pytest.mark.parametrize("function", [*SMOOTH.values(), *BRANCHING.values()], ids=[*SMOOTH, *BRANCHING])
def test_a_complex_step_is_the_derivative(function):
    v = np.random.default_rng(2).standard_normal(X.shape)
    right = jax.jvp(function, (jnp.asarray(X),), (jnp.asarray(v),))[1]
    np.testing.assert_allclose(slope(function, X, v), right, rtol=1e-13, atol=1e-15)


def conv(x):
    return jax.lax.conv_general_dilated(
        x, KERNEL * x.mean(), (2, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def pool(x):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 3, 2, 1), (1, 2, 2, 1), "SAME")


@pytest.mark.parametrize("function", [conv, pool], ids=["convolution", "max pool"])
def test_windows_keep_a_tiny_imaginary_part(function):
    v = np.random.default_rng(3).standard_normal(IMAGE.shape)
    right = jax.jvp(function, (jnp.asarray(IMAGE),), (jnp.asarray(v),))[1]
    np.testing.assert_allclose(slope(function, IMAGE, v), right, rtol=1e-12, atol=1e-14)


def test_an_unknown_primitive_is_named():
    with pytest.raises(NoArithmeticError, match="complex step knows no rule for the primitive 'lgamma'"):
        slope(jax.lax.lgamma, X, X)


def test_a_saturated_tanh_keeps_its_tiny_slope():
    """1 - tanh^2, as automatic differentiation has it, cancels there."""
    np.testing.assert_allclose(
        slope(lambda x: jnp.tanh(30 * x), X, np.ones(X.shape)), 30 / np.cosh(30 * X) ** 2, rtol=1e-12
    )
