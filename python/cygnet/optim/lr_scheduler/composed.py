"""Schedules made of schedules."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from cygnet.optim.lr_scheduler.base import LRScheduler, present_rates, set_learning_rate
from cygnet.optim.lr_scheduler.plateau import ReduceLROnPlateau
from cygnet.optim.optimizer import Optimizer

__all__ = ["ChainedScheduler", "SequentialLR"]


class _ComposedLR(LRScheduler):
    """Several schedules of one optimizer."""

    _unsaved = LRScheduler._unsaved | {"_schedulers"}

    def __init__(self, optimizer: Optimizer | None, schedulers: Sequence[LRScheduler]) -> None:
        kind = type(self).__name__
        if not schedulers:
            raise ValueError(f"{kind}: schedulers is empty, expected at least one")
        for i, each in enumerate(schedulers):
            if not isinstance(each, LRScheduler):
                raise TypeError(
                    f"{kind}: schedulers[{i}] expected an LRScheduler, got {type(each).__name__}"
                )
            if isinstance(each, ReduceLROnPlateau):
                raise ValueError(
                    f"{kind}: schedulers[{i}] is a ReduceLROnPlateau, whose step needs a metric"
                )
            optimizer = each.optimizer if optimizer is None else optimizer
            if each.optimizer is not optimizer:
                raise ValueError(f"{kind}: schedulers[{i}] belongs to another optimizer")
        self._schedulers = schedulers
        self.optimizer = schedulers[0].optimizer
        self._last_lr = present_rates(self.optimizer)

    def state_dict(self) -> dict[str, Any]:
        """The attributes, and the schedules' states as '_schedulers'."""
        states = [each.state_dict() for each in self._schedulers]
        return {**super().state_dict(), "_schedulers": states}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` returned."""
        state = dict(state_dict)
        for each, saved in zip(self._schedulers, state.pop("_schedulers"), strict=True):
            each.load_state_dict(saved)
        super().load_state_dict(state)


class ChainedScheduler(_ComposedLR):
    """Steps several schedules together, as `torch.optim.lr_scheduler.ChainedScheduler` does: each
    acts on the learning rate that the one before it set.

    Parameters
    ----------
    schedulers : sequence of LRScheduler
    optimizer : Optimizer, optional
        The schedules' own.

    Raises
    ------
    ValueError, TypeError
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        super().__init__(optimizer, schedulers)

    def step(self) -> None:  # type: ignore[override]
        """Moves on by one step."""
        for each in self._schedulers:
            each.step()
        self._last_lr = present_rates(self.optimizer)

    def _initial_step(self) -> None:
        for each in self._schedulers:
            each._initial_step()
        self._last_lr = present_rates(self.optimizer)

    def _go_to(self, epoch: int) -> None:
        for each in self._schedulers:
            each._go_to(epoch)
        self._last_lr = present_rates(self.optimizer)


class SequentialLR(_ComposedLR):
    """Follows several schedules one after the other, as `torch.optim.lr_scheduler.SequentialLR`
    does: each begins at its milestone.

    Parameters
    ----------
    optimizer : Optimizer
    schedulers : sequence of LRScheduler
    milestones : list of int
        The steps at which the second and each further schedule begins.
    last_epoch : int
        The number of steps taken before, -1 (the default) to begin.

    Raises
    ------
    ValueError, TypeError
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ) -> None:
        super().__init__(optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: milestones has {len(milestones)} steps, expected "
                f"{len(schedulers) - 1}, one less than schedulers"
            )
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        # What the schedules' own first steps have done to the optimizer is undone.
        for group in optimizer.param_groups:
            set_learning_rate(group, group["initial_lr"])
        _take_back(self)
        self._initial_step()

    def _initial_step(self) -> None:
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def _go_to(self, epoch: int) -> None:
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._go_to(0)
        self.last_epoch = 0
        self._last_lr = first.get_last_lr()
        for _ in range(epoch):
            self.step()

    def step(self) -> None:  # type: ignore[override]
        """Moves on by one step."""
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        present = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            present._go_to(0)
        else:
            present.step()
        self._last_lr = present.get_last_lr()


def _take_back(schedule: LRScheduler) -> None:
    """Counts back the step that each schedule's constructor took."""
    if isinstance(schedule, _ComposedLR):
        for each in schedule._schedulers:
            _take_back(each)
    else:
        schedule.last_epoch -= 1
