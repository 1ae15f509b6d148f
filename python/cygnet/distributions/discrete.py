"""Distributions of whole numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from cygnet.distributions import constraints
from cygnet.distributions.distribution import Distribution, broadcast_all, clamped
from cygnet.dtypes import finfo
from cygnet.ops import (
    arange,
    bernoulli,
    full,
    logsigmoid,
    logsumexp,
    multinomial,
    where,
    zeros,
)
from cygnet.tensor import Tensor

__all__ = ["Bernoulli", "Categorical"]


class _Discrete(Distribution):
    """A distribution that is given by probabilities or by their logits."""

    has_enumerate_support = True

    def __init__(
        self, probs: Any, logits: Any, event_dims: int, validate_args: bool | None
    ) -> None:
        kind = type(self).__name__
        if (probs is None) == (logits is None):
            raise ValueError(
                f"{kind}: expected probs or logits, got {'none' if probs is None else 'both'}"
            )
        name = "probs" if logits is None else "logits"
        (given,) = broadcast_all(logits if probs is None else probs)
        if given.ndim < event_dims:
            raise ValueError(f"{kind}: {name} has no dimension, expected at least one")
        # In place of the property, which makes one of the other.
        vars(self)[name] = self._normalized(name, given)
        self._given = name
        shape = given.shape[: given.ndim - event_dims]
        super().__init__(shape, validate_args=validate_args)

    def _normalized(self, name: str, given: Tensor) -> Tensor:
        return given

    @property
    def _param(self) -> Tensor:
        parameter: Tensor = vars(self)[self._given]
        return parameter

    @property
    def param_shape(self) -> tuple[int, ...]:
        """The shape of `probs` and `logits`."""
        return tuple(self._param.shape)

    def expand(self, batch_shape: Iterable[int]) -> Any:
        """The distribution with parameters expanded to a larger batch."""
        own = self.param_shape[len(self._batch_shape) :]
        kind: Any = type(self)
        expanded = kind(
            **{self._given: self._param.expand((*batch_shape, *own))}, validate_args=False
        )
        expanded._validate_args = self._validate_args
        return expanded


class Bernoulli(_Discrete):
    """1 with a probability, else 0, as `torch.distributions.Bernoulli`; samples have the type of
    the parameter.

    Parameters
    ----------
    probs : float or Tensor, optional
        Probability of 1.
    logits : float or Tensor, optional
        Its logarithm less that of the rest, in place of `probs`.
    validate_args : bool, optional
        See `Distribution`.

    Raises
    ------
    ValueError
    """

    arg_constraints: ClassVar = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(probs, logits, 0, validate_args)

    @cached_property
    def probs(self) -> Tensor:
        """Probability of 1."""
        return self.logits.sigmoid()

    @cached_property
    def logits(self) -> Tensor:
        """log(probs / (1 - probs)), finite."""
        probs = clamped(self.probs)
        return probs.log() - (-probs).log1p()

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        """The likelier value, NaN where both are."""
        likelier = (self.probs >= 0.5).to(self.probs.dtype)
        return where(self.probs == 0.5, full((), math.nan, dtype=self.probs.dtype), likelier)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return bernoulli(self.probs.detach().expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return value * self.logits + logsigmoid(-self.logits)

    def entropy(self) -> Tensor:
        return -(self.probs * self.logits + logsigmoid(-self.logits))

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = arange(2, dtype=self._param.dtype).reshape(2, *(1 for _ in self._batch_shape))
        return values.expand(2, *self._batch_shape) if expand else values


class Categorical(_Discrete):
    """0, 1, ... with given probabilities, as `torch.distributions.Categorical`; samples are int64.

    Parameters
    ----------
    probs : Tensor, optional
        (..., classes), at least 0; scaled to sum 1.
    logits : Tensor, optional
        (..., classes), logarithms of probabilities up to a number added to all, in place of
        `probs`.
    validate_args : bool, optional
        See `Distribution`.

    Raises
    ------
    ValueError

    Examples
    --------
    >>> import cygnet
    >>> from cygnet.distributions import Categorical
    >>> choice = Categorical(cygnet.tensor([1.0, 1.0, 2.0]))
    >>> choice.log_prob(cygnet.tensor([0, 2])).exp()
    tensor([0.25, 0.5 ])
    """

    arg_constraints: ClassVar = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(probs, logits, 1, validate_args)
        self._num_events = self._param.shape[-1]

    def _normalized(self, name: str, given: Tensor) -> Tensor:
        if name == "probs":
            return given / given.sum(-1, keepdim=True) if given.ndim else given
        return given - logsumexp(given, -1, keepdim=True)

    @cached_property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self.logits.softmax(-1)

    @cached_property
    def logits(self) -> Tensor:
        """Their logarithms, finite."""
        return clamped(self.probs).log()

    @property
    def support(self) -> constraints.Constraint:
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        return full(self._batch_shape, math.nan, dtype=self._param.dtype)

    @property
    def variance(self) -> Tensor:
        return full(self._batch_shape, math.nan, dtype=self._param.dtype)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        sample_shape = tuple(sample_shape)
        shape, count = self._extended_shape(sample_shape), math.prod(sample_shape)
        if math.prod(shape) == 0:
            return zeros(shape, dtype=np.int64)
        rows = self.probs.detach().reshape(-1, self._num_events)
        return multinomial(rows, count, replacement=True).T.reshape(shape)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        index, logits = broadcast_last(value.to(np.int64), self.logits)
        return logits.gather(-1, index).squeeze(-1)

    def entropy(self) -> Tensor:
        logits = self.logits.clamp(min=finfo(self._param.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = arange(self._num_events).reshape(-1, *(1 for _ in self._batch_shape))
        return values.expand(self._num_events, *self._batch_shape) if expand else values


def broadcast_last(value: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    """`value` with a last dimension of 1, and `logits`, in one shape but for the last dimension."""
    shape = np.broadcast_shapes(value.shape, logits.shape[:-1])
    return value.expand(shape).unsqueeze(-1), logits.expand(*shape, logits.shape[-1])
