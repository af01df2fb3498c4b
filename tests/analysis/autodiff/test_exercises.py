"""The three graphs of exercise 4 against the layers."""

import jax
import jax.numpy as jnp
import numpy as np

from analysis.autodiff import convolutional, differentiate, exercise, perceptron
from jaxcnn import ops


def test_exercise_computes_equation_8() -> None:
    graph = exercise(0.7, -1.3, 2.1)
    np.testing.assert_allclose(graph[graph.output].value, np.sin(2.1 * 0.7 - 1.3) + 2.1 * 1.69, rtol=1e-14)


def test_perceptron_is_backpropagation() -> None:
    random = np.random.default_rng(0)
    x, weights = random.normal(size=3), [random.normal(size=shape) for shape in ((4, 3), (2, 4), (1, 2))]
    tape = differentiate(perceptron(x, weights, 0.3))

    def error(weights: list[jax.Array]) -> jax.Array:
        h = jnp.asarray(x)[None]
        for w in weights:
            h = ops.tanh(ops.dense(h, w.T))
        return ops.half_squared_error(h, jnp.full((1, 1), 0.3, jnp.float64))[0]

    for layer, slope in enumerate(jax.grad(error)([jnp.asarray(w) for w in weights]), start=1):
        for (row, column), expected in np.ndenumerate(slope):
            np.testing.assert_allclose(tape[f"w{layer}_{row + 1}{column + 1}"], expected, rtol=1e-13)


def test_convolutional_shares_its_weights() -> None:
    random = np.random.default_rng(1)
    x, taps, readout = random.normal(size=6), random.normal(size=3), random.normal(size=2)
    graph = convolutional(x, taps, readout)
    assert graph.children("w1") == ["a1", "a2", "a3", "a4"]

    def output(x: jax.Array, taps: jax.Array) -> jax.Array:
        a = ops.conv(x[None, :, None], taps[:, None, None])
        return ops.dense(ops.flatten(ops.max_pool(a, 2)), jnp.asarray(readout)[:, None])[0, 0]

    tape = differentiate(graph)
    dx, dtaps = jax.grad(output, (0, 1))(jnp.asarray(x), jnp.asarray(taps))
    np.testing.assert_allclose([tape[f"w{k}"] for k in (1, 2, 3)], dtaps, rtol=1e-13)
    np.testing.assert_allclose([tape[f"x{k}"] for k in range(1, 7)], dx, rtol=1e-13)
