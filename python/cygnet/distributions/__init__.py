"""Probability distributions with PyTorch's names: samples, densities, entropies, divergences.

Samples come from the default generator's stream 'random'. Gradients flow through `log_prob`,
`entropy`, `kl_divergence` and, where `has_rsample`, through `rsample`.
"""

from cygnet.distributions import constraints
from cygnet.distributions.continuous import Exponential, Laplace, LogNormal, Normal, Uniform
from cygnet.distributions.discrete import Bernoulli, Categorical
from cygnet.distributions.distribution import Distribution
from cygnet.distributions.independent import Independent
from cygnet.distributions.kl import kl_divergence, register_kl

__all__ = [
    "Bernoulli",
    "Categorical",
    "Distribution",
    "Exponential",
    "Independent",
    "Laplace",
    "LogNormal",
    "Normal",
    "Uniform",
    "constraints",
    "kl_divergence",
    "register_kl",
]
