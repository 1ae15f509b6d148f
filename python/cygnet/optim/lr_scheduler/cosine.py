"""Schedules that follow a cosine."""

from __future__ import annotations

import math

from cygnet.optim.lr_scheduler.base import STEPPED, LRScheduler, check_positive, present_rates
from cygnet.optim.optimizer import Optimizer
from cygnet.recorder import refuse

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]


class CosineAnnealingLR(LRScheduler):
    """Lets the learning rate fall to `eta_min` in `T_max` steps along half a cosine, and rise again
    in as many, as `torch.optim.lr_scheduler.CosineAnnealingLR` does.

    Parameters
    ----------
    optimizer : Optimizer
    T_max : int
    eta_min : float
        Default 0.
    last_epoch : int
        See `LRScheduler`.

    Raises
    ------
    ValueError
        If `T_max` is not positive.

    References
    ----------
    I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, eq. 5,
    without the restarts.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: int,  # noqa: N803 (PyTorch's name, as are the next)
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        check_positive(self, "T_max", T_max)
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        rates = present_rates(self.optimizer)
        if self._is_initial:
            return rates
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            # The step after the lowest rate, of which no factor leads away.
            part = (1 - math.cos(math.pi / self.T_max)) / 2
            return [
                rate + (base - self.eta_min) * part
                for rate, base in zip(rates, self.base_lrs, strict=True)
            ]
        now, before = (
            1 + math.cos(math.pi * step / self.T_max)
            for step in (self.last_epoch, self.last_epoch - 1)
        )
        return [now / before * (rate - self.eta_min) + self.eta_min for rate in rates]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Lets the learning rate fall to `eta_min` along half a cosine, again and again, as
    `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts` does.

    Parameters
    ----------
    optimizer : Optimizer
    T_0 : int
        Steps to the first restart.
    T_mult : int
        How many times as long each further fall takes. Default 1.
    eta_min : float
        Default 0.
    last_epoch : int
        See `LRScheduler`.

    Raises
    ------
    ValueError
        If `T_0` or `T_mult` is no positive int.

    References
    ----------
    I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, eq. 5.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,  # noqa: N803
        T_mult: int = 1,  # noqa: N803
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"CosineAnnealingWarmRestarts: {name} is {value!r}, expected a positive int"
                )
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        part = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * part for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Moves on by one step, or to any.

        Parameters
        ----------
        epoch : float, optional
            Where to go, in steps from the beginning; may lie between two.

        Raises
        ------
        ValueError
            If it is negative.
        """
        refuse(STEPPED)
        if epoch is None and self.last_epoch >= 0:
            self.last_epoch += 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            self._locate(0 if epoch is None else epoch)
        self._apply(self.get_lr())

    def _go_to(self, epoch: int) -> None:
        self._locate(epoch)
        self._apply(self.get_lr())

    def _locate(self, epoch: float) -> None:
        """Finds the fall that `epoch` lies in and the steps since it began."""
        if epoch < 0:
            raise ValueError(f"CosineAnnealingWarmRestarts: epoch is {epoch}, expected at least 0")
        self.last_epoch = math.floor(epoch)
        self.T_i = self.T_0
        if self.T_mult == 1:
            self.T_cur = epoch % self.T_0
            return
        self.T_cur = epoch
        while self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult
