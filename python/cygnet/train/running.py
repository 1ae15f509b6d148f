"""Figures that grow batch by batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
        samples = len(target)
        self._loss_sum += float(loss._array) * samples
        self.samples += samples
        for metric in self._metrics:
            metric.update(output, target)
        return samples

    def values(self) -> dict[str, float]:
        """The averages so far."""
        loss = self._loss_sum / self.samples if self.samples else float("nan")
        return {"loss": loss} | {metric.name: _plain(metric.result()) for metric in self._metrics}

    def state_dict(self) -> dict[str, Any]:
        """The sums so far."""
        metrics = [_own_state(metric) or dict(vars(metric)) for metric in self._metrics]
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
    """The state that a metric names itself; of others it is all that they hold."""
    state: dict[str, Any] = metric.state_dict() if hasattr(metric, "state_dict") else {}
    return state
