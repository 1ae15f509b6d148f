"""Schedules that multiply the learning rate by a factor a step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from cygnet.optim.lr_scheduler.base import (
    LRScheduler,
    check_positive,
    checked_optimizer,
    per_group,
    present_rates,
    saved_function,
)
from cygnet.optim.optimizer import Optimizer

__all__ = [
    "ConstantLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "PolynomialLR",
    "StepLR",
]


class _FactorLR(LRScheduler):
    """A schedule whose step multiplies all groups' present learning rates by one factor."""

    def _factor(self) -> float:
        """The factor of step `last_epoch`."""
        raise NotImplementedError

    def get_lr(self) -> list[float]:
        factor = self._factor()
        return [rate * factor for rate in present_rates(self.optimizer)]


class StepLR(_FactorLR):
    """Multiplies the learning rate by `gamma` every `step_size` steps, as
    `torch.optim.lr_scheduler.StepLR` does.

    Parameters
    ----------
    optimizer : Optimizer
    step_size : int
    gamma : float
        Default 0.1.
    last_epoch : int
        See `LRScheduler`.

    Raises
    ------
    ValueError
        If `step_size` is not positive.

    Examples
    --------
    >>> import cygnet
    >>> optimizer = cygnet.optim.SGD([cygnet.zeros(1)], lr=1.0)
    >>> schedule = cygnet.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> for _ in range(5):
    ...     optimizer.step()
    ...     schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        check_positive(self, "step_size", step_size)
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        return 1.0 if self.last_epoch == 0 or self.last_epoch % self.step_size else self.gamma


class MultiStepLR(_FactorLR):
    """Multiplies the learning rate by `gamma` at each milestone, as
    `torch.optim.lr_scheduler.MultiStepLR` does.

    Parameters
    ----------
    optimizer : Optimizer
    milestones : iterable of int
        Steps; one that is there n times counts n times.
    gamma : float
        Default 0.1.
    last_epoch : int
        See `LRScheduler`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        times = self.milestones.get(self.last_epoch, 0)
        return self.gamma**times if times else 1.0


class ConstantLR(_FactorLR):
    """Multiplies the learning rate by `factor` for the first `total_iters` steps, as
    `torch.optim.lr_scheduler.ConstantLR` does.

    Parameters
    ----------
    optimizer : Optimizer
    factor : float
        Above 0, at most 1. Default 1 / 3.
    total_iters : int
        Default 5.
    last_epoch : int
        See `LRScheduler`.

    Raises
    ------
    ValueError
        If the factor is out of its range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < factor <= 1:
            raise ValueError(f"ConstantLR: factor is {factor}, expected 0 < factor <= 1")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        if self.last_epoch == 0:
            return self.factor
        return 1.0 / self.factor if self.last_epoch == self.total_iters else 1.0


class LinearLR(_FactorLR):
    """Multiplies the learning rate by a factor that goes from `start_factor` to `end_factor` in
    `total_iters` steps, as `torch.optim.lr_scheduler.LinearLR` does.

    Parameters
    ----------
    optimizer : Optimizer
    start_factor : float
        Above 0, at most 1. Default 1 / 3.
    end_factor : float
        0 to 1. Default 1.
    total_iters : int
        Default 5.
    last_epoch : int
        See `LRScheduler`.

    Raises
    ------
    ValueError
        If a factor is out of its range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(f"LinearLR: start_factor is {start_factor}, expected 0 < factor <= 1")
        if not 0 <= end_factor <= 1:
            raise ValueError(f"LinearLR: end_factor is {end_factor}, expected 0 to 1")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        if self.last_epoch == 0:
            return self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return 1.0
        rise = self.end_factor - self.start_factor
        return 1.0 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise)


class ExponentialLR(_FactorLR):
    """Multiplies the learning rate by `gamma` in every step, as
    `torch.optim.lr_scheduler.ExponentialLR` does.

    Parameters
    ----------
    optimizer : Optimizer
    gamma : float
    last_epoch : int
        See `LRScheduler`.
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        return 1.0 if self._is_initial else self.gamma


class PolynomialLR(_FactorLR):
    """Multiplies the initial learning rate by (1 - step / total_iters) ** power until that is 0, as
    `torch.optim.lr_scheduler.PolynomialLR` does.

    Parameters
    ----------
    optimizer : Optimizer
    total_iters : int
        Default 5.
    power : float
        Default 1.
    last_epoch : int
        See `LRScheduler`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        if self._is_initial or self.last_epoch > self.total_iters:
            return 1.0
        left = 1.0 - self.last_epoch / self.total_iters
        before = 1.0 - (self.last_epoch - 1) / self.total_iters
        return float((left / before) ** self.power)


class _FunctionLR(LRScheduler):
    """A schedule with a function of the step for each group."""

    _unsaved = LRScheduler._unsaved | {"lr_lambdas"}

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas: list[Callable[[int], float]] = per_group(
            self, "lr_lambda", lr_lambda, checked_optimizer(self, optimizer)
        )
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(
                    f"{type(self).__name__}: lr_lambda expected a function, got "
                    f"{type(function).__name__}"
                )
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimizer; of functions those of callable objects, None else."""
        return {**super().state_dict(), "lr_lambdas": list(map(saved_function, self.lr_lambdas))}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` returned; functions stay."""
        state = dict(state_dict)
        for function, saved in zip(self.lr_lambdas, state.pop("lr_lambdas"), strict=True):
            if saved is not None:
                vars(function).update(saved)
        super().load_state_dict(state)


class LambdaLR(_FunctionLR):
    """Multiplies the initial learning rate by a function of the step, as
    `torch.optim.lr_scheduler.LambdaLR` does.

    Parameters
    ----------
    optimizer : Optimizer
    lr_lambda : callable or list of callable
        The number of the step -> factor, for all groups or one each.
    last_epoch : int
        See `LRScheduler`.

    Raises
    ------
    ValueError, TypeError
    """

    def get_lr(self) -> list[float]:
        return [
            rate * function(self.last_epoch)
            for rate, function in zip(self.base_lrs, self.lr_lambdas, strict=True)
        ]


class MultiplicativeLR(_FunctionLR):
    """Multiplies the present learning rate by a function of the step, as
    `torch.optim.lr_scheduler.MultiplicativeLR` does.

    Parameters
    ----------
    optimizer : Optimizer
    lr_lambda : callable or list of callable
        The number of the step -> factor, for all groups or one each.
    last_epoch : int
        See `LRScheduler`.

    Raises
    ------
    ValueError, TypeError
    """

    def get_lr(self) -> list[float]:
        rates = present_rates(self.optimizer)
        if self._is_initial:
            return rates
        return [
            rate * function(self.last_epoch)
            for rate, function in zip(rates, self.lr_lambdas, strict=True)
        ]

    def _go_to(self, epoch: int) -> None:
        # It has no rate of its own to return to.
        self.last_epoch = epoch
        self._apply(self.get_lr())
