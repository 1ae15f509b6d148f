"""Reading and setting learning rates."""

from __future__ import annotations

from typing import Any

from cygnet.optim.lr_scheduler.base import set_learning_rate as set_of_group
from cygnet.optim.optimizer import number_of

__all__ = ["get_learning_rate", "set_learning_rate"]


def get_learning_rate(optimizer: Any) -> float:
    """An optimizer's learning rate, of several groups the first one's.

    Parameters
    ----------
    optimizer : Optimizer
        Of :mod:`cygnet.optim`, or an object with a `learning_rate`.
    """
    if hasattr(optimizer, "learning_rate"):
        return float(optimizer.learning_rate)
    return number_of(optimizer.param_groups[0]["lr"])


def set_learning_rate(optimizer: Any, rate: float) -> None:
    """Sets an optimizer's learning rate; several groups keep the ratios of theirs.

    Parameters
    ----------
    optimizer : Optimizer
        Of :mod:`cygnet.optim`, or an object with a `learning_rate`.
    rate : float
        Of several groups the first one's.
    """
    if hasattr(optimizer, "learning_rate"):
        optimizer.learning_rate = rate
        return
    first, *others = optimizer.param_groups
    previous = number_of(first["lr"])
    set_of_group(first, rate)
    for group in others:
        set_of_group(group, number_of(group["lr"]) * rate / previous if previous else rate)
