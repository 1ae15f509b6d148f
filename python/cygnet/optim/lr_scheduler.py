"""Schedules of the learning rate."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, Literal

from cygnet.optim.optimizer import Optimizer

__all__ = ["LRScheduler", "OneCycleLR"]


class LRScheduler(ABC):
    """Base of the schedules: `step` sets every group's 'lr' to what `get_lr` returns.

    Parameters
    ----------
    optimizer : Optimizer
    last_epoch : int
        The number of steps taken before, -1 (the default) to begin.

    Attributes
    ----------
    last_epoch : int
        Steps taken so far.
    interval : str
        What a step stands for in training: 'epoch' or 'batch'.

    Raises
    ------
    TypeError
        If `optimizer` is none.
    KeyError
        If the schedule is to continue, but a group has no 'initial_lr'.
    """

    interval = "epoch"

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"{type(self).__name__}: optimizer expected an Optimizer, got "
                f"{type(optimizer).__name__}"
            )
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: param_groups[{i}] has no 'initial_lr', which "
                    f"last_epoch={last_epoch} needs"
                )
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._last_lr: list[float] = []
        self.step()

    @abstractmethod
    def get_lr(self) -> list[float]:
        """The learning rate of each group at step `last_epoch`."""

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group as the last step set it."""
        return self._last_lr

    def step(self) -> None:
        """Moves on by one step."""
        self.last_epoch += 1
        rates = self.get_lr()
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = rates

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimizer."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` returned."""
        self.__dict__.update(state_dict)


class OneCycleLR(LRScheduler):
    """The one-cycle schedule, a step a batch, as `torch.optim.lr_scheduler.OneCycleLR` defines it.

    The learning rate rises from ``max_lr / div_factor`` to `max_lr` and falls to
    ``max_lr / (div_factor * final_div_factor)``, while momentum (or the first beta) does the
    opposite.

    Parameters
    ----------
    optimizer : Optimizer
    max_lr : float or list of float
        Highest learning rate, for all groups or one each.
    total_steps : int, optional
        Steps in the cycle; else ``epochs * steps_per_epoch``.
    epochs, steps_per_epoch : int, optional
    pct_start : float
        The part of the cycle that rises. Default 0.3.
    anneal_strategy : str
        'cos' (the default) or 'linear'.
    cycle_momentum : bool
        Whether momentum follows, too. Default True.
    base_momentum, max_momentum : float or list of float
        Its bounds. Default 0.85 and 0.95.
    div_factor, final_div_factor : float
        Default 25 and 1e4.
    three_phase : bool
        Whether to fall as long as the rise, to where it began, before the final fall. Default
        False.
    last_epoch : int
        The number of steps taken before, -1 (the default) to begin.

    Raises
    ------
    ValueError, TypeError

    References
    ----------
    L. Smith, N. Topin, "Super-convergence: very fast training of neural networks using large
    learning rates", 2019.
    """

    interval = "batch"

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"{type(self).__name__}: optimizer expected an Optimizer, got "
                f"{type(optimizer).__name__}"
            )
        if total_steps is not None:
            self.total_steps = _positive("total_steps", total_steps)
        elif epochs is not None and steps_per_epoch is not None:
            self.total_steps = _positive("epochs", epochs) * _positive(
                "steps_per_epoch", steps_per_epoch
            )
        else:
            raise ValueError("OneCycleLR: expected total_steps, or epochs and steps_per_epoch")
        if not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: pct_start is {pct_start}, expected 0 to 1")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"OneCycleLR: anneal_strategy is {anneal_strategy!r}, expected 'cos' or 'linear'"
            )
        # Each phase: the step that it ends at, then where learning rate and momentum go.
        rise = float(pct_start * self.total_steps) - 1
        self._phases: list[tuple[float, str, str, str, str]] = [
            (rise, "initial_lr", "max_lr", "max_momentum", "base_momentum")
        ]
        if three_phase:
            fall = float(2 * pct_start * self.total_steps) - 2
            self._phases += [
                (fall, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
                (self.total_steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
            ]
        else:
            self._phases.append(
                (self.total_steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")
            )
        self._anneal_strategy = anneal_strategy
        groups = optimizer.param_groups
        if last_epoch == -1:
            for group, highest in zip(groups, _per_group("max_lr", max_lr, groups), strict=True):
                group["initial_lr"] = highest / div_factor
                group["max_lr"] = highest
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
                raise ValueError(
                    "OneCycleLR: cycle_momentum=True expected an optimizer with momentum or betas"
                )
            self.use_beta1 = "betas" in optimizer.defaults
            if last_epoch == -1:
                highs = _per_group("max_momentum", max_momentum, groups)
                lows = _per_group("base_momentum", base_momentum, groups)
                for group, high, low in zip(groups, highs, lows, strict=True):
                    self._set_momentum(group, high)
                    group["max_momentum"] = high
                    group["base_momentum"] = low
        super().__init__(optimizer, last_epoch)

    def _set_momentum(self, group: dict[str, Any], momentum: float) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum

    def _anneal(self, start: float, end: float, part: float) -> float:
        if self._anneal_strategy == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)

    def get_lr(self) -> list[float]:
        """The learning rate of each group at step `last_epoch`; sets momentum as well.

        Raises
        ------
        ValueError
            After more steps than the cycle has.
        """
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"OneCycleLR: step {step} is beyond the end of the cycle, total_steps="
                f"{self.total_steps}"
            )
        begin = 0.0
        for phase in self._phases:
            end, lr_from, lr_to, momentum_from, momentum_to = phase
            if step <= end or phase is self._phases[-1]:
                break
            begin = end
        part = (step - begin) / (end - begin) if end != begin else 1.0
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._anneal(group[lr_from], group[lr_to], part))
            if self.cycle_momentum:
                self._set_momentum(
                    group, self._anneal(group[momentum_from], group[momentum_to], part)
                )
        return rates


def _per_group(name: str, value: Any, groups: list[dict[str, Any]]) -> list[float]:
    """One number a group, from one for all or a list of them."""
    if not isinstance(value, list | tuple):
        return [value] * len(groups)
    if len(value) != len(groups):
        raise ValueError(
            f"OneCycleLR: {name} has {len(value)} values, expected {len(groups)}, one a group"
        )
    return list(value)


def _positive(name: str, value: Any) -> int:
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"OneCycleLR: {name} is {value!r}, expected a positive int")
    return value
