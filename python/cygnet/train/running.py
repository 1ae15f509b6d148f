"""Figures that grow batch by batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cygnet.io.nested import describe
from cygnet.tensor import Tensor
from cygnet.train.history import is_several
from cygnet.train.metrics import Metric

__all__ = ["Running"]


class Running:
    """The loss, weighted by samples, and the metrics of the batches so far.

    Parameters
    ----------
    metrics : list of Metric
    """

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics
        self.reset()

    def reset(self) -> None:
        """Forgets all batches."""
        self._loss_sum = 0.0
        self.samples = 0
        for metric in self._metrics:
            metric.reset()

    def add(self, loss: Tensor, output: Any, target: Any) -> int:
        """Adds a batch; returns the number of its samples."""
        for metric in self._metrics:
            metric.update(output, target)
        return self.add_loss(float(loss._array), len(target))

    def add_loss(self, loss: float, samples: int) -> int:
        """Adds a batch of which only the loss is known; returns the number of its samples."""
        self._loss_sum += loss * samples
        self.samples += samples
        return samples

    def values(self) -> dict[str, float]:
        """The averages so far."""
        loss = self._loss_sum / self.samples if self.samples else float("nan")
        return {"loss": loss} | {metric.name: _plain(metric.result()) for metric in self._metrics}

    def state_dict(self) -> dict[str, Any]:
        """The sums so far."""
        metrics = [_own_state(metric) or _savable(vars(metric)) for metric in self._metrics]
        return {"loss_sum": self._loss_sum, "samples": self.samples, "metrics": metrics}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Goes on where `state_dict` was called."""
        self.reset()
        self._loss_sum, self.samples = state_dict["loss_sum"], state_dict["samples"]
        for metric, state in zip(self._metrics, state_dict["metrics"], strict=True):
            if _own_state(metric):
                metric.load_state_dict(state)
            else:
                vars(metric).update(state)


def _plain(value: Any) -> Any:
    """A number as Python has it; an array, of a metric with several values, as it is."""
    return value if is_several(value) else float(value)


def _own_state(metric: Any) -> dict[str, Any]:
    """The state that a metric names itself; of others it is all that they hold for a file."""
    state: dict[str, Any] = metric.state_dict() if hasattr(metric, "state_dict") else {}
    return state


def _savable(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Those that a file can hold: functions and other objects are the program's own."""
    savable = {}
    for name, value in attributes.items():
        try:
            describe(value, name)
        except TypeError:
            continue
        savable[name] = value
    return savable
