"""Seed 2, sections 1.2 to 1.4: pooling, fully connected layers, activations. S2.12 to S2.28."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis.worked_examples import pictures
from analysis.worked_examples.entry import entry
from analysis.worked_examples.judge import Claim, Finding
from analysis.worked_examples.seed2_convolution import rows
from analysis.worked_examples.truth import depth_first, image, normal, pullbacks, square, values, windows
from jaxcnn import networks, ops

PICTURE = np.array([[4, 5, 2, 2], [6, 3, 7, 1], [9, 7, 5, 2], [2, 5, 1, 4]], float)
CACHE = np.array([[0, 0, 0, 0], [1, 0, 1, 0], [1, 0, 1, 0], [0, 0, 0, 0]], float)
UPSTREAM = np.array([[1, 2], [3, 4]], float)
MAPS, DMAPS = normal(30, 4, 24, 24), normal(31, 4, 12, 12)
W, B, Y_UP, INPUT = normal(32, 10, 128), normal(33, 10), normal(34, 10), normal(35, 128)
POINTS = np.array([-3, -2, -1, -0.5, 0.5, 1, 2, 3])


def pool(ops: Any, x: Any) -> jax.Array:
    """[d, h, w] to [d, h / 2, w / 2]."""
    return depth_first(ops.max_pool(image(x), 2, stride=2))


def small_pool(ops: Any, x: Any) -> jax.Array:
    return ops.max_pool(square(x), 2)[0, :, :, 0]


def window_of(site: networks.Site) -> tuple[int, ...]:
    """A pool's window, from its sizes: it does not overlap."""
    return tuple(n // m for n, m in zip(site.input_shape[:2], site.output_shape[:2], strict=True))


def cache(x: np.ndarray) -> np.ndarray:
    """1 at every block's largest value, 0 elsewhere."""
    blocks = windows(x, 2, 2)
    return np.swapaxes(blocks == blocks.max((2, 3), keepdims=True), 1, 2).reshape(x.shape).astype(float)


def upsample(d: np.ndarray) -> np.ndarray:
    return np.kron(d, np.ones((2, 2)))


def dense(ops: Any, x: Any, w: Any, b: Any) -> jax.Array:
    """Eq. 7 by a layer: this project's kernel is W transposed."""
    return ops.dense(jnp.asarray(x)[None], jnp.asarray(w).T, jnp.asarray(b))[0]


@entry("S2.12", "1.2", "Max pooling with a stride of 2; the maxima's positions are cached for the backward pass.")
def positions_are_cached() -> Claim:
    """Here as one byte per output: which tap won. The Jacobian shows the same positions."""
    truth = pullbacks(small_pool, np.ones((2, 2)), PICTURE)
    return Claim("the cache, from the backward pass of ones", cache(PICTURE), truth)


@entry("S2.13", "eq. 5", "The forward pass.", formula=r"Y=\mathrm{Max}(I_{slide})")
def forward() -> Claim:
    return Claim("Y of 4x24x24", [windows(x, 2, 2).max((2, 3)) for x in MAPS], values(pool, MAPS))


@entry(
    "S2.14", "1.2, picture", "A 4x4 input and, after the arrow, what is said to be the output: 0 0 / 1 0.",
    formula=r"\begin{matrix}4&5&2&2\\6&3&7&1\\9&7&5&2\\2&5&1&4\end{matrix}\ \to\ \begin{matrix}0&0\\1&0\end{matrix}",
    corrected=r"output $\begin{matrix}6&7\\9&5\end{matrix}$, cache $\begin{matrix}0&0&0&0\\1&0&1&0\\1&0&1&0"
    r"\\0&0&0&0\end{matrix}$; "
    "the printed block is the cache's upper left quarter",
    picture=pictures.pooling_example,
)  # fmt: skip
def printed_block() -> list[Finding]:
    block = np.array([[0, 0], [1, 0]])
    return [
        Claim("the output", block, values(small_pool, PICTURE), corrected=windows(PICTURE, 2, 2).max((2, 3))),
        Claim("the cache", CACHE, pullbacks(small_pool, np.ones((2, 2)), PICTURE)),
        Claim("its upper left quarter", block, CACHE[:2, :2]),
    ]


@entry(
    "S2.15", "Table 4", "pool1: X 4x24x24, K 1x2x2x2, Y 4x24x24; pool2: X 8x8x8, K 1x8x2x2, Y 8x4x4.",
    corrected=r"pool1: $Y$ is $4\times12\times12$ (as table 5 and conv2's input say), $K$ is $1\times4\times2\times2$",
)  # fmt: skip
def pool_sizes() -> list[Finding]:
    sites = rows(networks.seed2())
    sizes = lambda name: [(s[2], *s[:2]) for s in (sites[name].input_shape, sites[name].output_shape)]  # noqa: E731
    depth = [(1, sites[name].input_shape[2], *window_of(sites[name])) for name in ("pool1", "pool2")]
    return [
        Claim("pool1, X and Y", [(4, 24, 24), (4, 24, 24)], sizes("pool1"), corrected=[(4, 24, 24), (4, 12, 12)]),
        Claim("pool1, K", (1, 2, 2, 2), depth[0], corrected=(1, 4, 2, 2)),
        Claim("pool2, X and Y", [(8, 8, 8), (8, 4, 4)], sizes("pool2")),
        Claim("pool2, K", (1, 8, 2, 2), depth[1]),
    ]


@entry(
    "S2.16",
    "eq. 6",
    "The backward pass.",
    formula=r"\frac{\partial E}{\partial X}=\mathrm{Cache}*\frac{\partial E}{\partial Y}",
)
def backward() -> list[Finding]:
    """Once the gradient is upsampled to X's size; as written the sizes differ. The map and its derivatives are linear:
    what goes back through the backward pass is the winners again."""
    says = [cache(x) * upsample(d) for x, d in zip(MAPS, DMAPS, strict=True)]
    v = normal(36, 4, 4)
    back = lambda ops, dy: jax.vjp(lambda x: small_pool(ops, x), jnp.asarray(PICTURE))[1](dy)[0]  # noqa: E731
    mean = lambda ops, x: ops.avg_pool(square(x), 2)[0, :, :, 0]  # noqa: E731
    mean_back = lambda ops, dy: jax.vjp(lambda x: mean(ops, x), jnp.asarray(PICTURE))[1](dy)[0]  # noqa: E731
    return [
        Claim("dE/dX", says, pullbacks(pool, DMAPS, MAPS)),
        Claim("sizes as written agree", (4, 24, 24), DMAPS.shape, corrected=(4, 12, 12)),
        Claim("Cache * v, pooled", windows(cache(PICTURE) * v, 2, 2).sum((2, 3)), pullbacks(back, v, UPSTREAM)),
        Claim("the same for a mean", windows(v, 2, 2).mean((2, 3)), pullbacks(mean_back, v, UPSTREAM)),
        Claim(
            "and back once more",
            cache(PICTURE) * upsample(UPSTREAM),
            pullbacks(lambda ops, v: jax.vjp(lambda dy: back(ops, dy), jnp.asarray(UPSTREAM))[1](v)[0], UPSTREAM, v),
        ),
    ]


@entry("S2.17", "Table 5", "Sizes of the pools' backward pass.")
def backward_sizes() -> list[Finding]:
    found: list[Finding] = []
    for name, size, x in (("pool1", (4, 24, 24), MAPS), ("pool2", (8, 8, 8), normal(37, 8, 8, 8))):
        output = np.shape(values(pool, x).hand)
        sizes = [pullbacks(pool, np.ones(output), x).hand.shape, np.shape([cache(plane) for plane in x]), output]
        found.append(Claim(name, [size, size, (size[0], size[1] // 2, size[2] // 2)], sizes))
    return found


@entry("S2.18", "eq. 7", "The fully connected layer.", formula=r"Y=W\times X+B")
def dense_forward() -> Claim:
    return Claim("Y", W @ INPUT + B, values(dense, INPUT, W, B))


@entry("S2.19", "Table 6", "fc1 is 128 to 128, fc2 is 128 to 10.")
def dense_sizes() -> list[Finding]:
    """128 = 8 x 4 x 4. The document does not count: 21,518 parameters with its biases, 18,714 with one per channel."""
    sites = rows(networks.seed2())
    count = lambda bias: sum(row.parameters for row in networks.summary(networks.seed2(bias), (28, 28, 1)))  # noqa: E731
    return [
        Claim("fc1 and fc2", [((128,), (128,)), ((128,), (10,))],
              [(sites[name].input_shape, sites[name].output_shape) for name in ("dense1", "dense2")]),
        Claim("values before fc1", 8 * 4 * 4, sites["flatten"].output_shape[0]),
        Claim("parameters", [21518, 18714], [count("position"), count("channel")]),
    ]  # fmt: skip


@entry(
    "S2.20",
    "eq. 8",
    "The weights' gradient.",
    formula=r"\frac{\partial E}{\partial W}=\frac{\partial E}{\partial Y}\cdot X^T",
)
def dense_weights() -> list[Finding]:
    """Bilinear in the upstream gradient and X; so its own derivatives are matrix products again."""
    v, slope = normal(43, 10, 128), lambda ops, dy, x: jax.vjp(lambda w: dense(ops, x, w, B), jnp.asarray(W))[1](dy)[0]
    return [
        Claim("dE/dW", np.outer(Y_UP, INPUT), pullbacks(dense, Y_UP, INPUT, W, B, by=1)),
        Claim("its derivative by dE/dY, along V: V X", v @ INPUT, pullbacks(slope, v, Y_UP, INPUT)),
        Claim("by X, along V: V^T dE/dY", v.T @ Y_UP, pullbacks(slope, v, Y_UP, INPUT, by=1)),
    ]


@entry("S2.21", "eq. 9", "The bias's gradient.", formula=r"\frac{\partial E}{\partial B}=\frac{\partial E}{\partial Y}")
def dense_bias() -> Claim:
    return Claim("dE/dB", Y_UP, pullbacks(dense, Y_UP, INPUT, W, B, by=2))


@entry(
    "S2.22",
    "eq. 10",
    "The input's gradient.",
    formula=r"\frac{\partial E}{\partial X}=W^T\cdot\frac{\partial E}{\partial Y}",
)
def dense_input() -> list[Finding]:
    """The flattening before it returns the gradient in the maps' shape."""
    maps = normal(38, 8, 4, 4)

    def flat(ops: Any, x: Any, w: Any) -> jax.Array:
        return ops.dense(ops.flatten(jnp.asarray(x)[None]), jnp.asarray(w).T)[0]

    def back(ops: Any, dy: Any, w: Any) -> jax.Array:
        return jax.vjp(lambda x: flat(ops, x, w), jnp.asarray(maps))[1](dy)[0]

    def twice_back(ops: Any, v: Any) -> jax.Array:
        return jax.vjp(lambda dy: back(ops, dy, W), jnp.asarray(Y_UP))[1](v)[0]

    v = normal(44, 8, 4, 4)
    return [
        Claim("dE/dX", W.T @ Y_UP, pullbacks(dense, Y_UP, INPUT, W, B)),
        Claim("through the flattening", (W.T @ Y_UP).reshape(8, 4, 4), pullbacks(flat, Y_UP, maps, W)),
        Claim("its derivative by dE/dY, along V: W V", W @ v.ravel(), pullbacks(back, v, Y_UP, W)),
        Claim("by W, along V: dE/dY V^T", np.outer(Y_UP, v), pullbacks(back, v, Y_UP, W, by=1)),
        Claim("and back once more", (W.T @ Y_UP).reshape(8, 4, 4), pullbacks(twice_back, Y_UP, v)),
    ]


@entry("S2.23", "Table 7", "Sizes of the fully connected layers' gradients.")
def dense_gradient_sizes() -> list[Finding]:
    """Columns of the document are vectors here."""
    w1 = normal(39, 128, 128)
    sizes = lambda w: [pullbacks(dense, np.ones(len(w)), INPUT, w, np.ones(len(w)), by=k).hand.shape for k in range(3)]  # noqa: E731
    return [
        Claim("fc1: X, W, B", [(128,), (128, 128), (128,)], sizes(w1)),
        Claim("fc2: X, W, B", [(128,), (10, 128), (10,)], sizes(W)),
    ]


def entrywise(function: Any, x: np.ndarray) -> bool:
    """Whether the Jacobian at x is diagonal."""
    jacobian = np.asarray(jax.jacrev(function)(jnp.asarray(x)))
    return bool(np.all(jacobian == np.diag(np.diag(jacobian))))


@entry("S2.24", "1.4", "Dimensions are not important for activation layers, since they apply element-wise.")
def elementwise() -> list[Finding]:
    """So do ReLU and the identity; softmax, under the same heading, does not."""
    x = normal(40, 6)
    return [
        Claim(
            "ReLU and identity have diagonal Jacobians",
            [True, True],
            [entrywise(f, x) for f in (ops.relu, ops.identity)],
        ),
        Claim("softmax has one", True, entrywise(ops.softmax, x), corrected=False),
    ]


@entry("S2.25", "eq. 11", "ReLU.", formula=r"y(x)=\max(0,x)")
def relu() -> Claim:
    return Claim("y", np.maximum(0, POINTS), values(lambda ops: ops.relu(jnp.asarray(POINTS))))


@entry(
    "S2.26", "eq. 12", "Its derivative.",
    formula=r"\frac{dy}{dx}=\begin{cases}0&x<0\\1&x>0\end{cases}",
)  # fmt: skip
def relu_derivative() -> list[Finding]:
    """x = 0 is not covered; a program must choose, and here it is 0."""
    slope = lambda x: pullbacks(lambda ops, x: ops.relu(jnp.asarray(x)), np.ones(len(x)), np.array(x, float))  # noqa: E731
    return [Claim("dy/dx", (POINTS > 0).astype(float), slope(POINTS)), Claim("at 0", [0.0], slope([0.0]))]


@entry("S2.27", "eq. 13", "The linear activation.", formula=r"y(x)=x")
def linear() -> Claim:
    return Claim("y", POINTS, values(lambda ops: ops.identity(jnp.asarray(POINTS))))


@entry("S2.28", "eq. 14", "Its derivative.", formula=r"\frac{dy}{dx}=1")
def linear_derivative() -> Claim:
    return Claim("dy/dx", np.ones(8), pullbacks(lambda ops, x: ops.identity(jnp.asarray(x)), np.ones(8), POINTS))
