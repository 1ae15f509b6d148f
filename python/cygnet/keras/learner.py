"""What the loops of `cygnet.train` see of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from cygnet.autograd import no_grad
from cygnet.tensor import Tensor
from cygnet.train.running import Running

__all__ = ["Learner", "array_of", "figures_of", "first_leaf"]


class Learner:
    """A model as the loops train it.

    Parameters
    ----------
    model : Model
    train, test : callable or None
        Train and measure a batch (x, y, sample_weight). None: the model's `train_step` or
        `test_step` does, and returns the figures.
    """

    def __init__(self, model: Any, train: Any, test: Any) -> None:
        self.model = model
        self.optimizer = model.optimizer
        self._logs: Mapping[str, Any] | None = None  # of a step that the model defines itself
        self._train = train
        self._test = test

    @property
    def stop_training(self) -> bool:
        """The model's."""
        stop: bool = self.model.stop_training
        return stop

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self.model.stop_training = value

    def begin_epoch(self) -> None:
        """Training mode, without figures."""
        self.model.train()
        self.reset_figures()

    def reset_figures(self) -> None:
        """Forget the figures."""
        self._logs = None
        self.model.reset_metrics()

    def train_batch(self, batch: Any) -> int:
        """One step; returns the number of samples."""
        if self._train is not None:
            self._train(*batch)
        else:
            self._logs = self.model.train_step(_packed(batch))
        return len(first_leaf(batch[0]))

    def test_batch(self, batch: Any) -> int:
        """Measure a batch; returns the number of samples."""
        if self._test is not None:
            self._test(*batch)
        else:
            self._logs = self.model.test_step(_packed(batch))
        return len(first_leaf(batch[0]))

    def predict_batch(self, batch: Any) -> Any:
        """The outputs for a batch."""
        return self.model.predict_step(batch)

    def end_batches(self) -> None:
        """Nothing."""

    def end_epoch(self, figures: Mapping[str, float]) -> None:
        """Nothing."""

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Evaluation mode without gradients, inside a with block."""
        model = self.model
        modes = [(module, module.training) for module in model.modules()]
        model.eval()
        try:
            with no_grad():
                yield
        finally:
            for module, mode in modes:
                module.training = mode

    def figures(self) -> dict[str, float]:
        """The figures so far, by their sorted names, as Keras has them."""
        found = self.model.get_metrics_result() if self._logs is None else self._logs
        return {name: _number(found[name]) for name in sorted(found)}

    def state_dict(self) -> dict[str, Any]:
        """The sums behind the figures."""
        model = self.model
        return {
            "loss": model._loss_figure.state_dict(),
            "parts": {name: part.state_dict() for name, part in model._part_figures.items()},
            "compiled": [each.state_dict() for each in model._compiled_groups()],
            "own": [metric.state_dict() for metric in self._own_metrics()],
        }

    def _own_metrics(self) -> list[Any]:
        compiled = [metric for each in self.model._compiled_groups() for metric in each.metrics]
        return [metric for metric in self.model.metrics if metric not in compiled]

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was called."""
        model = self.model
        model._loss_figure.load_state_dict(state_dict["loss"])
        for name, part in state_dict["parts"].items():
            model._part_figures.setdefault(name, Running([])).load_state_dict(part)
        for each, states in zip(model._compiled_groups(), state_dict["compiled"], strict=True):
            each.load_state_dict(states)
        for metric, state in zip(self._own_metrics(), state_dict["own"], strict=True):
            metric.load_state_dict(state)


def _packed(batch: Any) -> Any:
    """A batch as `train_step` takes it: without the parts that are missing."""
    x, y, weight = batch
    if weight is not None:
        return x, y, weight
    if y is not None:
        return x, y
    return x if not isinstance(x, tuple | list) else (x,)


def first_leaf(structure: Any) -> Any:
    """The first leaf of a structure: its length is the number of samples."""
    while isinstance(structure, tuple | list | dict):
        structure = next(iter(structure.values() if isinstance(structure, dict) else structure))
    return structure


def figures_of(metric: Any) -> dict[str, Any]:
    """A metric's result by its name, or its results by theirs."""
    result = metric.result()
    return dict(result) if isinstance(result, dict) else {metric.name: result}


def _number(value: Any) -> Any:
    if isinstance(value, int | float):
        return value
    array = np.asarray(value)
    return float(array) if array.ndim == 0 else array


def array_of(value: Any) -> Any:
    """The array of an output."""
    return value._array if isinstance(value, Tensor) else np.asarray(value)
