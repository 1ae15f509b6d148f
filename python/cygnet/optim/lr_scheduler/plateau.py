"""A schedule that follows a metric."""

from __future__ import annotations

import math
from typing import Any, Literal

from cygnet.optim.lr_scheduler.base import (
    STEPPED,
    LRScheduler,
    checked_optimizer,
    per_group,
    present_rates,
    set_learning_rate,
)
from cygnet.optim.optimizer import Optimizer
from cygnet.recorder import refuse

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """Multiplies the learning rate by `factor` when a metric has not become better for a while, as
    `torch.optim.lr_scheduler.ReduceLROnPlateau` does.

    Parameters
    ----------
    optimizer : Optimizer
    mode : str
        'min' (the default) where a smaller metric is better, or 'max'.
    factor : float
        Below 1. Default 0.1.
    patience : int
        Steps without a better metric that are allowed. Default 10.
    threshold : float
        How much better than the best a metric must be to count. Default 1e-4.
    threshold_mode : str
        'rel' (the default) if the threshold is a part of the best metric, or 'abs'.
    cooldown : int
        Steps after a reduction that do not count. Default 0.
    min_lr : float or list of float
        Lowest learning rate, for all groups or one each. Default 0.
    eps : float
        A reduction by no more is left out. Default 1e-8.

    Attributes
    ----------
    best : float
    num_bad_epochs : int

    Raises
    ------
    ValueError, TypeError
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if not factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor is {factor}, expected less than 1")
        if mode not in ("min", "max"):
            raise ValueError(f"ReduceLROnPlateau: mode is {mode!r}, expected 'min' or 'max'")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f"ReduceLROnPlateau: threshold_mode is {threshold_mode!r}, expected 'rel' or 'abs'"
            )
        self.optimizer = checked_optimizer(self, optimizer)
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.default_min_lr = None if isinstance(min_lr, list | tuple) else min_lr
        self.min_lrs: list[float] = per_group(self, "min_lr", min_lr, optimizer)
        self.eps = eps
        self.last_epoch = 0
        self.best = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = 0
        self.num_bad_epochs = 0
        self._last_lr = present_rates(optimizer)

    @property
    def in_cooldown(self) -> bool:
        """Whether steps do not count."""
        return self.cooldown_counter > 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Takes note of a metric.

        Parameters
        ----------
        metrics : float or Tensor
        epoch : int, optional
            The number of this step; deprecated in PyTorch. Default: one more than the last.
        """
        refuse(STEPPED)
        metric = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(metric):
            self.best = metric
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = present_rates(self.optimizer)

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(self.min_lrs) != len(groups):  # groups were added
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"ReduceLROnPlateau: min_lrs has {len(self.min_lrs)} values, expected "
                    f"{len(groups)}, one a group"
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        rates = present_rates(self.optimizer)
        for group, rate, lowest in zip(groups, rates, self.min_lrs, strict=True):
            reduced = max(rate * self.factor, lowest)
            if rate - reduced > self.eps:
                set_learning_rate(group, reduced)

    def _is_better(self, metric: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            bound = self.best * (1 + sign * self.threshold)
        else:
            bound = self.best + sign * self.threshold
        return metric > bound if self.mode == "max" else metric < bound
