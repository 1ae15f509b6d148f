"""The one loop of training, and those of evaluation and prediction.

They know batches, steps and callbacks; what a step is, a learner knows.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from cygnet.random import Generator
from cygnet.train.batches import EpochBatches, random_states, set_random_states
from cygnet.train.callbacks.base import Logs
from cygnet.train.callbacks.callback_list import CallbackList, Callbacks
from cygnet.train.history import History

__all__ = ["Fit", "Learner", "evaluate", "predict"]


class Learner(Protocol):
    """What the loops train and measure.

    Attributes
    ----------
    model : Module
        `Callback.model`; its `state_dict` are the weights in a checkpoint.
    optimizer : object
        Has `state_dict` and `load_state_dict`.
    stop_training : bool
        Whether to stop after the present batch or epoch.
    """

    model: Any
    optimizer: Any
    stop_training: bool

    def begin_epoch(self) -> None:
        """Goes to training mode and forgets the figures."""

    def train_batch(self, batch: Any) -> int:
        """Takes a step and notes its figures; returns the number of samples."""

    def end_batches(self) -> None:
        """After the last batch of an epoch, before its validation."""

    def end_epoch(self, figures: Mapping[str, float]) -> None:
        """After an epoch and its validation, before the callbacks: steps of schedules."""

    def evaluating(self) -> AbstractContextManager[Any]:
        """Evaluation mode without gradients, inside a with block."""

    def reset_figures(self) -> None:
        """Forgets the figures."""

    def test_batch(self, batch: Any) -> int:
        """Measures a batch; returns the number of samples."""

    def predict_batch(self, batch: Any) -> Any:
        """The outputs for a batch, which may hold targets."""

    def figures(self) -> dict[str, float]:
        """The averages since they were forgotten."""

    def state_dict(self) -> dict[str, Any]:
        """What else a checkpoint must hold in the middle of an epoch: figures, schedules."""

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over what `state_dict` returned."""


class Fit:
    """A run of training.

    Parameters
    ----------
    learner : Learner
    batches : iterable
        See `EpochBatches`.
    epochs : int
        Where to stop, counted from 0. Default 1.
    initial_epoch : int
        Where to begin. Default 0.
    steps_per_epoch : int, optional
        Batches of an epoch. Default: all.
    validate : callable, optional
        ``validate(callbacks)`` measures held-out data, as ``evaluate(learner, data, callbacks)``
        does; the figures it returns get the prefix ``val_``.
    validation_freq : int or collection of int
        Measure after every so many epochs, or after the epochs of these numbers from 1. Default 1.
    generators : sequence of Generator
        What else a checkpoint must hold the states of: those of the validation data. Default none.
    callbacks : Callback or iterable of them, optional
        After them come a `History` and, unless `verbose` is 0, a `Progress`, if there is none
        among them.
    verbose : int
        See `Progress`. Default 0.

    Attributes
    ----------
    callbacks : CallbackList
    history : History
    epoch : int
        The epoch that runs or has been finished last.
    batch : int
        Finished batches of this epoch; set when hooks are called.
    samples : int
        Samples of the epoch's steps, of this run.
    """

    def __init__(
        self,
        learner: Learner,
        batches: Iterable[Any],
        *,
        epochs: int = 1,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validate: Callable[[CallbackList], Mapping[str, float]] | None = None,
        validation_freq: int | Iterable[int] = 1,
        generators: Sequence[Generator] = (),
        callbacks: Callbacks = None,
        verbose: int = 0,
    ) -> None:
        self.learner = learner
        self.batches = EpochBatches(batches, steps_per_epoch)
        self.epochs = epochs
        self.epoch = initial_epoch
        self.batch = 0
        self.samples = 0
        self._validate = validate
        self._validation_freq = (
            frozenset(validation_freq)
            if isinstance(validation_freq, Iterable)
            else int(validation_freq)
        )
        own = self.batches.generators
        self._generators = [*own, *(each for each in generators if each not in own)]
        self._epoch_is_done = False
        self._stopped = False  # before `epochs`
        self._logs: Logs = {}  # of the last finished epoch
        self._midway: Mapping[str, Any] | None = None  # a state to go on from in an epoch
        self.callbacks = CallbackList(
            callbacks,
            True,
            bool(verbose),
            learner.model,
            learner=learner,
            loop=self,
            verbose=verbose,
            epochs=epochs,
            steps=self.batches.steps,
        )
        assert self.callbacks.history is not None
        self.history = self.callbacks.history

    def run(self) -> History:
        """Trains; returns the history.

        Raises
        ------
        ValueError
            If the data hold no batch.
        """
        learner, callbacks = self.learner, self.callbacks
        learner.stop_training = False
        try:
            callbacks.on_train_begin()
            while self.epoch + self._epoch_is_done < self.epochs and not self._stopped:
                self.epoch += self._epoch_is_done
                self._epoch_is_done = False
                if not self._run_epoch():
                    break
            callbacks.on_train_end(dict(self._logs))
        finally:
            self.batches.close()
            callbacks.close()
        return self.history

    def _run_epoch(self) -> bool:
        """Trains an epoch, or the rest of one; False if there are no data left."""
        learner, callbacks = self.learner, self.callbacks
        self.batch = self.samples = 0
        learner.begin_epoch()
        callbacks.on_epoch_begin(self.epoch)
        if self._midway is not None:
            self.batches.load_state_dict(self._midway["batches"], self._midway["batch"])
            self._load(self._midway)
            self._midway = None
        if not (self.batch and learner.stop_training):  # unless it was stopped here
            self._train()
        if not self.batch:
            if not self.history.epoch:
                raise ValueError("fit: the data hold no batch (see batch_size and drop_last)")
            warnings.warn(
                f"fit: the data ended before epoch {self.epoch + 1} of {self.epochs}; a generator "
                "is passed once",
                stacklevel=4,
            )
            return False
        learner.end_batches()
        figures: Logs = learner.figures()
        if self._validate is not None and self._validates():
            measured = self._validate(callbacks)
            figures |= {f"val_{name}": value for name, value in measured.items()}
        learner.end_epoch(figures)
        self._logs = figures
        self._epoch_is_done, self._stopped = True, learner.stop_training
        callbacks.on_epoch_end(self.epoch, dict(figures))
        self._stopped = learner.stop_training
        return True

    def _train(self) -> None:
        learner, callbacks = self.learner, self.callbacks
        train_batch = learner.train_batch
        begin = callbacks.hooks("on_train_batch_begin")
        end = callbacks.hooks("on_train_batch_end")
        reads_logs = callbacks.reads_logs("on_train_batch_end")
        batch, samples = self.batch, 0
        for data in self.batches.epoch(batch):
            for hook in begin:
                hook(batch, {})
            samples += train_batch(data)
            if end:
                self.batch, self.samples = batch + 1, samples
                logs = learner.figures() if reads_logs else {}
                for hook in end:
                    hook(batch, logs)
            batch += 1
            if learner.stop_training:
                break
        self.batch, self.samples = batch, samples
        self.batches.end_epoch(batch, learner.stop_training)

    def _validates(self) -> bool:
        epoch = self.epoch + 1
        if isinstance(self._validation_freq, int):
            return epoch % self._validation_freq == 0
        return epoch in self._validation_freq

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on from here with the same bits; to be called in a callback's
        hook at the end of a batch or an epoch.
        """
        learner = self.learner
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "epoch_is_done": self._epoch_is_done,
            "stopped": learner.stop_training,
            "logs": self._logs,
            "random": random_states(self._generators),
            "batches": self.batches.state_dict(0 if self._epoch_is_done else self.batch),
            "model": learner.model.state_dict(),
            "optimizer": learner.optimizer.state_dict(),
            "learner": learner.state_dict(),
            "callbacks": [
                [type(callback).__name__, callback.state_dict()]
                for callback in self.callbacks.callbacks
            ],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Makes a run that has just begun go on where `state_dict` was called.

        Raises
        ------
        RuntimeError
            If the model is another.
        """
        self._load(state_dict)
        if self._epoch_is_done:
            self.batches.load_state_dict(state_dict["batches"], 0)
            set_random_states(state_dict["random"], self._generators)
        else:
            self._midway = state_dict

    def _load(self, state: Mapping[str, Any]) -> None:
        learner = self.learner
        learner.model.load_state_dict(state["model"])
        learner.optimizer.load_state_dict(state["optimizer"])
        learner.load_state_dict(state["learner"])
        learner.stop_training = state["stopped"]
        self.epoch, self.batch = state["epoch"], state["batch"]
        self._epoch_is_done = state["epoch_is_done"]
        self._stopped = self._epoch_is_done and state["stopped"]
        self._logs = state["logs"]
        present = list(self.callbacks.callbacks)
        for name, saved in state["callbacks"]:
            callback = next((each for each in present if type(each).__name__ == name), None)
            if callback is not None:
                present.remove(callback)
                if saved:
                    callback.load_state_dict(saved)
            elif saved and self._midway is None:  # else it has been said
                warnings.warn(
                    f"fit: the checkpoint was written with a callback {name}, which this run lacks",
                    stacklevel=6,
                )
        set_random_states(state["random"], self._generators)


def evaluate(
    learner: Learner,
    batches: Iterable[Any],
    callbacks: Callbacks = None,
    *,
    steps: int | None = None,
    verbose: int = 0,
    name: str = "evaluate",
) -> dict[str, float]:
    """Figures of a learner over batches.

    Parameters
    ----------
    learner : Learner
    batches : iterable
    callbacks : CallbackList, Callback or iterable of them, optional
        A list is called as it is.
    steps : int, optional
        Read no more batches than these.
    verbose : int
        See `Progress`. Default 0.
    name : str
        What an error message begins with.

    Raises
    ------
    ValueError
        If there is no batch.
    """
    source = EpochBatches(batches, steps)
    calls = _calls(callbacks, learner, source, verbose)
    begin, end = calls.hooks("on_test_batch_begin"), calls.hooks("on_test_batch_end")
    reads_logs = calls.reads_logs("on_test_batch_end")
    batch = 0
    try:
        with learner.evaluating():
            calls.on_test_begin()
            learner.reset_figures()
            for data in source.epoch():
                for hook in begin:
                    hook(batch, {})
                learner.test_batch(data)
                if end:
                    logs = learner.figures() if reads_logs else {}
                    for hook in end:
                        hook(batch, logs)
                batch += 1
            if not batch:
                raise ValueError(f"{name}: the data hold no batch")
            figures = learner.figures()
            calls.on_test_end(dict(figures))
    finally:
        if calls is not callbacks:
            calls.close()
    return figures


def predict(
    learner: Learner,
    batches: Iterable[Any],
    callbacks: Callbacks = None,
    *,
    steps: int | None = None,
    verbose: int = 0,
) -> list[Any]:
    """The outputs for each batch; parameters as of `evaluate`."""
    source = EpochBatches(batches, steps)
    calls = _calls(callbacks, learner, source, verbose)
    begin, end = calls.hooks("on_predict_batch_begin"), calls.hooks("on_predict_batch_end")
    outputs: list[Any] = []
    try:
        with learner.evaluating():
            calls.on_predict_begin()
            for batch, data in enumerate(source.epoch()):
                for hook in begin:
                    hook(batch, {})
                outputs.append(learner.predict_batch(data))
                for hook in end:
                    hook(batch, {"outputs": outputs[-1]})
            if not outputs:
                raise ValueError("predict: the data hold no batch")
            calls.on_predict_end()
    finally:
        if calls is not callbacks:
            calls.close()
    return outputs


def _calls(
    callbacks: Callbacks, learner: Learner, source: EpochBatches, verbose: int
) -> CallbackList:
    if isinstance(callbacks, CallbackList):
        return callbacks
    params = {"verbose": verbose, "epochs": 1, "steps": source.steps}
    return CallbackList(callbacks, False, bool(verbose), learner.model, learner=learner, **params)
