"""What all schedules share."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from cygnet import kernels
from cygnet.errors import constructor, name_constructor
from cygnet.optim.optimizer import Optimizer, ParamGroup, number_of
from cygnet.recorder import refuse
from cygnet.tensor import Tensor

__all__ = ["LRScheduler"]

STEPPED = (
    "lr_scheduler: a schedule takes a step while calls are recorded, which a replay would not do; "
    "step it outside of the captured function"
)


class LRScheduler:
    """Base of the schedules: `step` sets every group's 'lr' to what `get_lr` returns.

    A subclass defines `get_lr`, which may use `last_epoch`, `base_lrs` and the groups' present
    learning rates: most schedules multiply those, so that several can act on one optimizer.

    Parameters
    ----------
    optimizer : Optimizer
    last_epoch : int
        The number of steps taken before, -1 (the default) to begin.

    Attributes
    ----------
    last_epoch : int
        Steps taken so far.
    base_lrs : list of float
        The groups' learning rates at the beginning.
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
    _unsaved: ClassVar[frozenset[str]] = frozenset({"optimizer"})
    _is_initial = False  # within the step that the constructor takes

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        name_constructor(cls)

    @constructor
    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked_optimizer(self, optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", number_of(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: param_groups[{i}] has no 'initial_lr', which "
                    f"last_epoch={last_epoch} needs"
                )
        self.base_lrs = [number_of(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._last_lr: list[float] = []
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def get_lr(self) -> list[float]:
        """The learning rate of each group at step `last_epoch`."""
        raise NotImplementedError(f"{type(self).__name__} must define get_lr")

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group as the last step set it; numbers, also where a group's
        is a tensor.
        """
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Moves on by one step; call it after the optimizer's step.

        Parameters
        ----------
        epoch : int, optional
            Goes to this step instead, as if it were reached from the beginning; deprecated in
            PyTorch.
        """
        refuse(STEPPED)
        if self._step_count == 1 and not self.optimizer._has_stepped:
            warnings.warn(
                f"{type(self).__name__}: step was called before the optimizer's first step, which "
                "skips the first learning rate of the schedule",
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is None:
            self.last_epoch += 1
            self._apply(self.get_lr())
        else:
            self._go_to(epoch)

    def _go_to(self, epoch: int) -> None:
        """Takes all steps up to `epoch` anew."""
        self._apply(self.base_lrs)
        for self.last_epoch in range(epoch + 1):
            self._is_initial = self.last_epoch == 0
            self._apply(self.get_lr())
        self._is_initial = False

    def _apply(self, rates: list[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_learning_rate(group, rate)
        self._last_lr = present_rates(self.optimizer)

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimizer and functions."""
        return {name: value for name, value in vars(self).items() if name not in self._unsaved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` returned."""
        vars(self).update(state_dict)


def checked_optimizer(schedule: LRScheduler, optimizer: Any) -> Optimizer:
    """The optimizer; TypeError if it is none."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"{type(schedule).__name__}: optimizer expected an Optimizer, got "
            f"{type(optimizer).__name__}"
        )
    return optimizer


def present_rates(optimizer: Optimizer) -> list[float]:
    """The groups' learning rates as numbers."""
    return [number_of(group["lr"]) for group in optimizer.param_groups]


def set_learning_rate(group: ParamGroup, rate: float) -> None:
    """Gives a group a learning rate; a tensor gets it as its value."""
    if isinstance(group["lr"], Tensor):
        kernels.copy_into(group["lr"]._array, np.array(rate, group["lr"].dtype))
    else:
        group["lr"] = rate


def per_group(schedule: LRScheduler, name: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """One value a group, from one for all or a list of them."""
    count = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [value] * count
    if len(value) != count:
        raise ValueError(
            f"{type(schedule).__name__}: {name} has {len(value)} values, expected {count}, one a "
            "group"
        )
    return list(value)


def check_positive(schedule: LRScheduler, name: str, value: Any) -> None:
    """Raises ValueError unless 0 < value."""
    if not value > 0:
        raise ValueError(f"{type(schedule).__name__}: {name} is {value}, expected more than 0")


def saved_function(function: Callable[..., Any] | None) -> dict[str, Any] | None:
    """What a state dictionary keeps of a function: the attributes of a callable object."""
    if function is None or isinstance(function, types.FunctionType | types.BuiltinFunctionType):
        return None
    return dict(vars(function))
