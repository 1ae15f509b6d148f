"""The Kullback-Leibler divergence between distributions of one family."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from cygnet.distributions.continuous import Exponential, Laplace, LogNormal, Normal, Uniform
from cygnet.distributions.discrete import Bernoulli, Categorical
from cygnet.distributions.distribution import Distribution, sum_last
from cygnet.distributions.independent import Independent
from cygnet.ops import full, logsigmoid, where
from cygnet.tensor import Tensor

__all__ = ["kl_divergence", "register_kl"]

Divergence: TypeAlias = Callable[[Any, Any], Tensor]

_FORMULAS: dict[tuple[type, type], Divergence] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Divergence], Divergence]:
    """A decorator that makes a function of p and q the divergence of two classes, and of their
    subclasses that have none of their own.
    """
    for each in (type_p, type_q):
        if not (isinstance(each, type) and issubclass(each, Distribution)):
            raise TypeError(f"register_kl: expected two classes of distributions, got {each!r}")

    def register(function: Divergence) -> Divergence:
        _FORMULAS[type_p, type_q] = function
        return function

    return register


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The Kullback-Leibler divergence, the mean under p of log(p / q).

    Parameters
    ----------
    p, q : Distribution

    Returns
    -------
    Tensor
        Of their batch's shape.

    Raises
    ------
    NotImplementedError
        If there is no formula for the two classes.

    References
    ----------
    S. Kullback, R. Leibler, "On information and sufficiency", 1951.
    """
    for type_p in type(p).__mro__:
        for type_q in type(q).__mro__:
            if (type_p, type_q) in _FORMULAS:
                return _FORMULAS[type_p, type_q](p, q)
    raise NotImplementedError(
        f"kl_divergence: there is no formula for {type(p).__name__} and {type(q).__name__}"
    )


def _replaced(value: Tensor, condition: Tensor, by: float) -> Tensor:
    return where(condition, full((), by, dtype=value.dtype), value)


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())


@register_kl(LogNormal, LogNormal)
def _log_normal(p: LogNormal, q: LogNormal) -> Tensor:
    return _normal(p.base_dist, q.base_dist)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    result = ((q.high - q.low) / (p.high - p.low)).log()
    return _replaced(result, (q.low > p.low) | (q.high < p.high), math.inf)


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return ratio * (-distance / p.scale).exp() + distance / q.scale - ratio.log() - 1


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    ones = p.probs * (logsigmoid(p.logits) - logsigmoid(q.logits))
    ones = _replaced(_replaced(ones, q.probs == 0, math.inf), p.probs == 0, 0)
    zeros = (1 - p.probs) * (logsigmoid(-p.logits) - logsigmoid(-q.logits))
    zeros = _replaced(_replaced(zeros, q.probs == 1, math.inf), p.probs == 1, 0)
    return ones + zeros


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    terms = p.probs * (p.logits - q.logits)
    terms = _replaced(_replaced(terms, q.probs == 0, math.inf), p.probs == 0, 0)
    return terms.sum(-1)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError(
            "kl_divergence: both Independents expected the same reinterpreted_batch_ndims, got "
            f"{p.reinterpreted_batch_ndims} and {q.reinterpreted_batch_ndims}"
        )
    return sum_last(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
