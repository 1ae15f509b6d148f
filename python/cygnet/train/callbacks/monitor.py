"""What callbacks share that follow a figure."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

from cygnet.train.callbacks.base import Callback

__all__ = ["Monitor", "check_at_least"]

_RISING = ("acc", "auc", "f1", "fbeta", "iou", "precision", "r2", "recall", "score", "similarity")
_FALLING = ("loss", "error", "mse", "mae", "mape", "msle", "rmse", "entropy", "hinge", "divergence")


class Monitor(Callback):
    """Base of callbacks that follow a figure.

    Parameters
    ----------
    monitor : str
        The figure's name in the logs.
    mode : str
        'min' if smaller is better, 'max' if larger is, 'auto' for what suits the name.
    min_delta : float
        By how much a value must be better to count; its sign does not matter.
    """

    def __init__(self, monitor: str, mode: str, min_delta: float = 0) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(
                f"{type(self).__name__}: argument mode expected 'auto', 'min' or 'max', got "
                f"{mode!r}"
            )
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(min_delta)
        self._has_warned = False

    def current(self, logs: Mapping[str, Any] | None) -> float | None:
        """The figure's value; None, with one warning, if there is none of that name."""
        value = (logs or {}).get(self.monitor)
        if value is not None:
            return float(value)
        if not self._has_warned:
            self._has_warned = True
            names = ", ".join(logs or {}) or "none"
            warnings.warn(
                f"{type(self).__name__}: there is no figure {self.monitor!r} to follow; figures "
                f"are: {names}",
                stacklevel=2,
            )
        return None

    def improves(self, value: float, reference: float | None) -> bool:
        """Whether a value is better than another; any number is better than None, NaN never."""
        if math.isnan(value) or reference is None:
            return not math.isnan(value)
        if self._rises():
            return value - self.min_delta > reference
        return value + self.min_delta < reference

    def _rises(self) -> bool:
        """Whether larger is better."""
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        owners = (self.learner, self.model)
        for metric in (each for owner in owners for each in getattr(owner, "metrics", ())):
            if getattr(metric, "name", None) == name and hasattr(metric, "_direction"):
                return bool(metric._direction == "up")
        if any(part in name for part in _FALLING):
            return False
        if any(part in name for part in _RISING):
            return True
        raise ValueError(
            f"{type(self).__name__}: mode='auto' does not know whether {self.monitor!r} is better "
            "small or large: say mode='min' or mode='max'"
        )


def check_at_least(callback: Callback, name: str, value: Any, least: int) -> None:
    """Raises ValueError unless the value is a number of at least `least`."""
    if not isinstance(value, int | float) or not value >= least:
        raise ValueError(
            f"{type(callback).__name__}: argument {name} expected at least {least}, got {value!r}"
        )
