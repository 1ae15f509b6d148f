"""Learning rates that follow the number of steps, with Keras's names and numbers."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cygnet.keras.lookup import Configurable, Registry
from cygnet.tensor import Tensor

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


class LearningRateSchedule(Configurable):
    """Base class; those of users define ``__call__(step)`` and, to be saved, `get_config`."""

    def __call__(self, step: Any) -> Any:
        """The learning rate after `step` steps, a Tensor of one number."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__")

    def at(self, step: int) -> float:
        """The same as a float."""
        return float(self(Tensor._wrap(np.array(step, np.int64))))


class _Formula(LearningRateSchedule):
    """A schedule whose `at` is defined."""

    def __call__(self, step: Any) -> Tensor:
        return Tensor._wrap(np.array(self.at(float(step)), np.float32))

    def at(self, step: float) -> float:
        raise NotImplementedError

    def _check_steps(self, name: str, value: float) -> None:
        if not value > 0:
            raise ValueError(f"{type(self).__name__}: {name} is {value}, expected above 0")


class _Decay(_Formula):
    """A decay with the share of `decay_steps` that has passed."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ) -> None:
        self._check_steps("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name or type(self).__name__

    def _passed(self, step: float) -> float:
        share = step / self.decay_steps
        return math.floor(share) if self.staircase else share


class ExponentialDecay(_Decay):
    """``initial_learning_rate * decay_rate ** (step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate, decay_steps, decay_rate : float
    staircase : bool
        Whether the exponent is rounded down. Default False.
    name : str
        Default "ExponentialDecay".
    """

    def at(self, step: float) -> float:
        """The learning rate after `step` steps."""
        return float(self.initial_learning_rate * self.decay_rate ** self._passed(step))


class InverseTimeDecay(_Decay):
    """``initial_learning_rate / (1 + decay_rate * step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate, decay_steps, decay_rate : float
    staircase : bool
        Whether ``step / decay_steps`` is rounded down. Default False.
    name : str
        Default "InverseTimeDecay".
    """

    def at(self, step: float) -> float:
        """The learning rate after `step` steps."""
        return self.initial_learning_rate / (1 + self.decay_rate * self._passed(step))


class PiecewiseConstantDecay(_Formula):
    """``values[0]`` up to and with the step ``boundaries[0]``, then ``values[1]``, and so on.

    Parameters
    ----------
    boundaries : sequence of int
        Ascending.
    values : sequence of float
        One more than there are boundaries.
    name : str
        Default "PiecewiseConstant".
    """

    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"PiecewiseConstantDecay: boundaries has {len(boundaries)} entries and values "
                f"{len(values)}, expected one more than boundaries"
            )
        self.boundaries = list(boundaries)
        self.values = list(values)
        self.name = name

    def at(self, step: float) -> float:
        """The learning rate after `step` steps."""
        return float(self.values[bisect.bisect_left(self.boundaries, step)])


class PolynomialDecay(_Formula):
    """From one learning rate to another with ``(1 - step / decay_steps) ** power``.

    Parameters
    ----------
    initial_learning_rate, decay_steps : float
    end_learning_rate : float
        Default 0.0001.
    power : float
        Default 1.
    cycle : bool
        Whether after `decay_steps` it begins again, over so many multiples of `decay_steps` as
        the step is in. Default False: it stays at the end.
    name : str
        Default "PolynomialDecay".
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self._check_steps("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def at(self, step: float) -> float:
        """The learning rate after `step` steps."""
        steps = self.decay_steps
        if self.cycle:
            steps *= max(1, math.ceil(step / steps))
        rest = (1 - min(step, steps) / steps) ** self.power
        span = self.initial_learning_rate - self.end_learning_rate
        return float(span * rest + self.end_learning_rate)


class CosineDecay(_Formula):
    """Half a cosine from one learning rate down to `alpha` times it, perhaps after a linear rise.

    Parameters
    ----------
    initial_learning_rate, decay_steps : float
    alpha : float
        Default 0.
    name : str
        Default "CosineDecay".
    warmup_target : float, optional
        To which the learning rate rises from the initial one, and from which it falls. Default:
        there is no rise.
    warmup_steps : int
        How long the rise takes; the decay comes after it. Default 0.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        self._check_steps("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def at(self, step: float) -> float:
        """The learning rate after `step` steps."""
        start = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return start + (self.warmup_target - start) * step / self.warmup_steps
            start, step = self.warmup_target, step - self.warmup_steps
        return start * _cosine(min(step / self.decay_steps, 1.0), 1.0, self.alpha)


class CosineDecayRestarts(_Formula):
    """`CosineDecay` that begins again, over longer and longer periods.

    Parameters
    ----------
    initial_learning_rate, first_decay_steps : float
    t_mul : float
        How many times as long as the last one a period is. Default 2.
    m_mul : float
        How many times as high it begins. Default 1.
    alpha : float
        Default 0.
    name : str
        Default "SGDRDecay".

    References
    ----------
    I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self._check_steps("first_decay_steps", first_decay_steps)
        if not t_mul >= 1:
            raise ValueError(f"CosineDecayRestarts: t_mul is {t_mul}, expected at least 1")
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def at(self, step: float) -> float:
        """The learning rate after `step` steps."""
        passed, period, length = step / self.first_decay_steps, 0, 1.0
        if self.t_mul == 1:
            period = math.floor(passed)
            passed -= period
        while passed >= length:
            passed, period, length = passed - length, period + 1, length * self.t_mul
        height = self.m_mul**period
        return self.initial_learning_rate * _cosine(passed / length, height, self.alpha)


def _cosine(passed: float, height: float, alpha: float) -> float:
    return (1 - alpha) * 0.5 * height * (1 + math.cos(math.pi * passed)) + alpha


_REGISTRY = Registry(
    "optimizers.schedules",
    {
        each.__name__: each
        for each in (
            CosineDecay,
            CosineDecayRestarts,
            ExponentialDecay,
            InverseTimeDecay,
            PiecewiseConstantDecay,
            PolynomialDecay,
        )
    },
)
serialize = _REGISTRY.serialize
deserialize = _REGISTRY.deserialize
