"""Random networks in plain numpy: drawn, run and differentiated without a line of the project.

z_l = W_l h_{l-1} + b_l        h_l = phi(z_l)        delta_l = phi'(z_l) * W_{l+1}^T delta_{l+1}
"""

import numpy as np

from analysis.gradient_flow.stack import Profile

FUNCTIONS = {
    "linear": (lambda z: z, np.ones_like),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "leaky_relu": (lambda z: np.maximum(z, 0.1 * z), lambda z: np.where(z > 0, 1, 0.1)),
    "abs": (np.abs, np.sign),
    "tanh": (np.tanh, lambda z: np.cosh(z) ** -2.0),
    "sigmoid": (lambda z: (1 + np.tanh(z / 2)) / 2, lambda z: np.cosh(z / 2) ** -2.0 / 4),
}


def stacks(phi, weight_variance, bias_variance, depth, width, networks, *, length=1.0, is_uniform=False, seed=0):
    """What `stack.profile` measures, of one input of mean square `length`."""
    rng = np.random.default_rng(seed)
    value, slope = FUNCTIONS[phi]
    reach = (weight_variance / width) ** 0.5
    shape = (networks, width, width)
    kernels = [
        rng.uniform(-reach * 3**0.5, reach * 3**0.5, shape) if is_uniform else reach * rng.standard_normal(shape)
        for _ in range(depth)
    ]
    h, zs, inputs = np.full((networks, width), length**0.5), [], []
    for kernel in kernels:
        inputs.append(np.mean(h**2, axis=1))
        z = np.einsum("noi,ni->no", kernel, h) + bias_variance**0.5 * rng.standard_normal(h.shape)
        zs.append(z)
        h = value(z)
    delta = rng.standard_normal(h.shape)
    deltas = [delta / np.sqrt(np.mean(delta**2, axis=1, keepdims=True))]
    for kernel, z in zip(kernels[:0:-1], zs[-2::-1], strict=True):
        deltas.append(slope(z) * np.einsum("noi,no->ni", kernel, deltas[-1]))
    forward, backward = (np.mean(np.square(fields), axis=2).T for fields in (zs, deltas[::-1]))
    unknown = np.full_like(forward, np.nan)
    return Profile(forward, backward, backward * np.array(inputs).T, unknown, unknown)
