"""What the loops of `cygnet.train` see of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from cygnet.autograd import no_grad
from cygnet.keras.layers.random_cell import own_generator
from cygnet.keras.metrics import Mean
from cygnet.random import Generator
from cygnet.tensor import Tensor
from cygnet.train.metrics.base import array_of
from cygnet.train.modes import kept_modes

__all__ = ["Learner", "LossTracker", "first_leaf"]


class LossTracker(Mean):
    """The mean of a loss, weighted by samples."""

    def __init__(self, name: str = "loss") -> None:
        super().__init__(name)

    def note(self, loss: Tensor, samples: int) -> None:
        """Add the loss of a batch."""
        self.total += float(array_of(loss)) * samples
        self.count += samples

    @property
    def is_used(self) -> bool:
        """Whether a batch has been added."""
        return bool(self.count)


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
        with kept_modes(self.model), no_grad():
            self.model.eval()
            yield

    def figures(self) -> dict[str, float]:
        """The figures so far, by their sorted names, as Keras has them."""
        found = dict(self.model.get_metrics_result() if self._logs is None else self._logs)
        for name, value in list(found.items()):
            if isinstance(value, dict):  # of several metrics
                found = {**found, **value}
                del found[name]
        return {name: _number(found[name]) for name in sorted(found)}

    def state_dict(self) -> dict[str, Any]:
        """The sums behind the figures, and the generators of layers."""
        model = self.model
        return {
            "losses": {each.name: each.state_dict() for each in model._loss_trackers.values()},
            "metrics": [metric.state_dict() for metric in self._other_metrics()],
            "generators": [generator.get_state() for generator in self._generators()],
        }

    def _generators(self) -> list[Generator]:
        """Those of layers with a `seed`."""
        own = [own_generator(module) for module in self.model.modules()]
        return [generator for generator in own if generator is not None]

    def _other_metrics(self) -> list[Any]:
        return [each for each in self.model.metrics if not isinstance(each, LossTracker)]

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was called."""
        model = self.model
        for name, state in state_dict["losses"].items():
            model._loss_tracker(name).load_state_dict(state)
        for metric, state in zip(self._other_metrics(), state_dict["metrics"], strict=True):
            metric.load_state_dict(state)
        for generator, state in zip(self._generators(), state_dict["generators"], strict=True):
            generator.set_state(state)


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


def _number(value: Any) -> Any:
    if isinstance(value, int | float):
        return value
    array = np.asarray(value)
    return float(array) if array.ndim == 0 else array
