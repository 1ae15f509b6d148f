"""Schedules in which the learning rate rises and falls, and momentum does the opposite."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

from cygnet.optim.lr_scheduler.base import (
    LRScheduler,
    check_positive,
    checked_optimizer,
    per_group,
    saved_function,
    set_learning_rate,
)
from cygnet.optim.optimizer import Optimizer, ParamGroup

__all__ = ["CyclicLR", "OneCycleLR"]


class _CycledMomentumLR(LRScheduler):
    """A schedule, a step a batch, that may set momentum, or the first of `betas`, too."""

    interval = "batch"
    cycle_momentum: bool

    def _init_momentum(
        self,
        optimizer: Optimizer,
        cycle_momentum: bool,
        base_momentum: float | list[float],
        max_momentum: float | list[float],
        last_epoch: int,
    ) -> None:
        """Notes the bounds in the groups, and begins at the upper one."""
        self.cycle_momentum = cycle_momentum
        if not cycle_momentum:
            return
        if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
            raise ValueError(
                f"{type(self).__name__}: cycle_momentum=True expected an optimizer with momentum "
                "or betas"
            )
        self.use_beta1 = "betas" in optimizer.defaults
        if last_epoch == -1:
            highs = per_group(self, "max_momentum", max_momentum, optimizer)
            lows = per_group(self, "base_momentum", base_momentum, optimizer)
            for group, high, low in zip(optimizer.param_groups, highs, lows, strict=True):
                self._set_momentum(group, high)
                group["max_momentum"] = high
                group["base_momentum"] = low

    def _set_momentum(self, group: ParamGroup, momentum: float) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


class CyclicLR(_CycledMomentumLR):
    """Lets the learning rate rise and fall between two bounds, a step a batch, as
    `torch.optim.lr_scheduler.CyclicLR` does.

    Parameters
    ----------
    optimizer : Optimizer
    base_lr, max_lr : float or list of float
        The bounds, for all groups or one each.
    step_size_up : int
        Steps of a rise. Default 2000.
    step_size_down : int, optional
        Steps of a fall. Default: as many.
    mode : str
        What happens to the upper bound: 'triangular' (the default), nothing; 'triangular2', its
        distance halves in each cycle; 'exp_range', it shrinks by `gamma` in each step.
    gamma : float
        Default 1.
    scale_fn : callable, optional
        A factor of the distance in place of `mode`: a function of the cycle, from 1, or of the
        step.
    scale_mode : str
        What `scale_fn` is a function of: 'cycle' (the default) or 'iterations'.
    cycle_momentum : bool
        Whether momentum follows, too, from its upper bound down. Default True.
    base_momentum, max_momentum : float or list of float
        Its bounds. Default 0.8 and 0.9.
    last_epoch : int
        See `LRScheduler`.

    Raises
    ------
    ValueError, TypeError

    References
    ----------
    L. Smith, "Cyclical learning rates for training neural networks", 2017.
    """

    _unsaved = LRScheduler._unsaved | {"_scale_fn"}

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        checked_optimizer(self, optimizer)
        if scale_fn is None and mode not in ("triangular", "triangular2", "exp_range"):
            raise ValueError(
                f"CyclicLR: mode is {mode!r}, expected 'triangular', 'triangular2' or 'exp_range'"
            )
        check_positive(self, "step_size_up", step_size_up)
        if step_size_down is None:
            step_size_down = step_size_up
        check_positive(self, "step_size_down", step_size_down)
        self.total_size = float(step_size_up + step_size_down)
        self.step_ratio = step_size_up / self.total_size
        lows = per_group(self, "base_lr", base_lr, optimizer)
        self.max_lrs = per_group(self, "max_lr", max_lr, optimizer)
        if last_epoch == -1:
            for group, low in zip(optimizer.param_groups, lows, strict=True):
                set_learning_rate(group, low)
        self.mode = mode
        self.gamma = gamma
        self._scale_fn = scale_fn
        if scale_fn is None:
            scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.scale_mode = scale_mode
        self._init_momentum(optimizer, cycle_momentum, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = lows

    def scale_fn(self, x: float) -> float:
        """The factor of the bounds' distance in cycle or step `x`."""
        if self._scale_fn is not None:
            return self._scale_fn(x)
        match self.mode:
            case "triangular2":
                return float(1 / 2.0 ** (x - 1))
            case "exp_range":
                return float(self.gamma**x)
        return 1.0

    def get_lr(self) -> list[float]:
        """The learning rate of each group at step `last_epoch`; sets momentum as well."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                high, low = group["max_momentum"], group["base_momentum"]
                self._set_momentum(group, high - (high - low) * height * scale)
        return [
            low + (high - low) * height * scale
            for low, high in zip(self.base_lrs, self.max_lrs, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimizer; of `scale_fn` those of a callable object."""
        return {**super().state_dict(), "_scale_fn_custom": saved_function(self._scale_fn)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` returned; `scale_fn` stays."""
        state = dict(state_dict)
        saved = state.pop("_scale_fn_custom", None)
        if saved is not None:
            vars(self._scale_fn).update(saved)
        super().load_state_dict(state)


class OneCycleLR(_CycledMomentumLR):
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
        checked_optimizer(self, optimizer)
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
        if last_epoch == -1:
            highest = per_group(self, "max_lr", max_lr, optimizer)
            for group, high in zip(optimizer.param_groups, highest, strict=True):
                group["initial_lr"] = high / div_factor
                group["max_lr"] = high
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self._init_momentum(optimizer, cycle_momentum, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

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


def _positive(name: str, value: Any) -> int:
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"OneCycleLR: {name} is {value!r}, expected a positive int")
    return value
