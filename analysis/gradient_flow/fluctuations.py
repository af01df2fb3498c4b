r"""How far one finite network may be from the mean: log-normal fluctuations to first order in 1 / width.

A mean square over n channels of a layer fluctuates by a relative variance kappa / n, and the next layers inherit it:
the logarithm of a second moment is a sum of independent sources, one pair per nonlinearity, so it is nearly Gaussian,

    ln A  ~  N(ln E[A] - beta / 2, beta)        Hanin 2018, Hanin and Nica 2019; for He's ReLU beta = 5 sum_l 1 / n_l

Each source is taken as a gamma variable, which a mean of squares is exactly for a linear layer: with s = n / kappa,

    E[ln] = psi(s) - ln s      Var[ln] = psi'(s)      instead of -beta / 2 and beta, their first order

A `Noise` is the linear form of one quantity over the sources: quantities that share layers share their fluctuations.
A prediction that was itself sampled has an error, which no number of networks averages away: a shared source.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import digamma, polygamma

Noise = dict[int, float]  # coefficient by source


class Spread(NamedTuple):
    """Of a quantity's logarithm over networks: mean less ln E, variance; and the error of E."""

    shift: float
    variance: float
    error: float  # relative variance of the prediction itself


@dataclass
class Pair:
    """Two correlated sources: what one nonlinearity adds to the signal's fluctuations and to its gradient's."""

    forward: float = 0.0  # relative variances
    backward: float = 0.0
    both: float = 0.0  # their covariance
    is_shared: bool = False


@dataclass
class Sources:
    """The sources met so far."""

    pairs: list[Pair] = field(default_factory=list)

    def add(self, pair: Pair) -> tuple[Noise, Noise]:
        """The two as linear forms. The pair may be completed later."""
        self.pairs.append(pair)
        first = 2 * (len(self.pairs) - 1)
        return {first: 1.0}, {first + 1: 1.0}

    def spread(self, noise: Noise) -> Spread:
        """Of a quantity with this noise.

        >>> sources = Sources()
        >>> forward, _ = sources.add(Pair(2 / 50))
        >>> [round(number, 4) for number in sources.spread(forward)]
        [-0.0201, 0.0408, 0.0]
        """
        shift = variance = error = 0.0
        for number in {source // 2 for source in noise}:
            pair, a, b = self.pairs[number], noise.get(2 * number, 0.0), noise.get(2 * number + 1, 0.0)
            if pair.is_shared:
                error += a**2 * pair.forward + b**2 * pair.backward
                continue
            (mean_a, variance_a), (mean_b, variance_b) = log_gamma(pair.forward), log_gamma(pair.backward)
            shift += a**2 * mean_a + b**2 * mean_b - a * b * pair.both
            variance += a**2 * variance_a + b**2 * variance_b + 2 * a * b * pair.both
        return Spread(shift, variance, error)


def total(*terms: tuple[float, Noise]) -> Noise:
    """The sum of noises with their weights.

    >>> total((2.0, {0: 1.0}), (1.0, {0: 0.5, 3: 1.0}))
    {0: 2.5, 3: 1.0}
    """
    found: Noise = {}
    for weight, noise in terms:
        for source, coefficient in noise.items():
            found[source] = found.get(source, 0.0) + weight * coefficient
    return found


@cache
def log_gamma(relative_variance: float) -> tuple[float, float]:
    """Mean and variance of the logarithm of a gamma variable of mean 1.

    >>> [round(number, 4) for number in log_gamma(2.0)]
    [-1.2704, 4.9348]
    """
    if relative_variance <= 1e-12:
        return 0.0, 0.0
    shape = 1 / relative_variance
    return float(digamma(shape) - np.log(shape)), float(polygamma(1, shape))


def relu_beta(widths: list[int]) -> float:
    """The variance of ln A in He's ReLU network, where E[A_L^2] / A_0^2 = prod(1 + 5 / n) exactly.

    >>> round(relu_beta([50] * 20), 3)
    1.906
    """
    return float(np.sum(np.log1p(5 / np.asarray(widths))))
