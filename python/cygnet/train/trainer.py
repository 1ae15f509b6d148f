"""Training, measuring and predicting with a model of the core."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import Any

import numpy as np

from cygnet.autograd import no_grad
from cygnet.data import Dataset, TensorDataset
from cygnet.errors import constructor
from cygnet.nn import BCEWithLogitsLoss, Module
from cygnet.ops.create import as_tensor
from cygnet.optim.lr_scheduler import ReduceLROnPlateau
from cygnet.replay import Capture
from cygnet.tensor import Tensor
from cygnet.train import loop, steps
from cygnet.train.callbacks.backup import BackupAndRestore
from cygnet.train.callbacks.callback_list import CallbackList, Callbacks, checked_callbacks
from cygnet.train.finder import LearningRateCurve, sweep
from cygnet.train.history import History
from cygnet.train.inputs import (
    check_count,
    dataset_of,
    is_loader,
    loader_of,
    split,
    tensor_of,
    type_name,
)
from cygnet.train.metrics import Accuracy, Metric, resolve
from cygnet.train.modes import kept_modes
from cygnet.train.running import Running
from cygnet.train.weights import class_weights, loss_of_samples

__all__ = ["Trainer"]


class Trainer:
    """Trains a model, measures it and predicts with it.

    Parameters
    ----------
    model : Module
    loss : callable
        ``loss(output, target)`` gives a scalar Tensor: the mean over the samples of a batch.
    optimizer : optimizer of :mod:`cygnet.optim`, optional
        Needed by :meth:`fit` only.
    metrics : str, Metric or sequence of them, default ("accuracy",)
        See :func:`cygnet.metrics.resolve`. After BCEWithLogitsLoss, "accuracy" is measured at
        the threshold 0.
    scheduler : scheduler of :mod:`cygnet.optim.lr_scheduler`, optional
        Stepped after each epoch, or after each step if its ``interval`` is "batch".
        `ReduceLROnPlateau` follows ``val_loss``, where it was measured, or ``loss`` without
        validation data.
    clip_norm, clip_value : float, optional
        Scale the gradients before each step so that their norm together is at most this, or clip
        each element to [-clip_value, clip_value].
    accumulate : int, default 1
        Batches whose gradients are averaged for one step; at an epoch's end there may be fewer.
    jit_compile : bool, default True
        Whether steps of training, evaluation and prediction that come again are captured (see
        :func:`cygnet.capture`): the same bits, without Python's time. What a replay could not do
        runs as it is: a step of a subclass's own, hooks, optimizers of one's own, models that read
        values, print, or change what they hold in Python. Gradients then keep their memory from
        step to step: `clone` what is to be kept. It can be set at any time.

    Attributes
    ----------
    history : History
        Figures of the last :meth:`fit`, also after it was interrupted.

    Examples
    --------
    >>> import cygnet as cn
    >>> model = cn.nn.Sequential(cn.nn.Flatten(), cn.nn.Linear(64, 10))
    >>> optimizer = cn.optim.Adam(model.parameters(), lr=0.01)
    >>> trainer = cn.Trainer(model, cn.nn.CrossEntropyLoss(), optimizer)
    >>> history = trainer.fit(cn.data.digits(), epochs=3, verbose=0)
    >>> trainer.evaluate(cn.data.digits("test"))["accuracy"] > 0.9
    True
    """

    @constructor
    def __init__(
        self,
        model: Module,
        loss: Callable[[Any, Any], Tensor],
        optimizer: Any = None,
        metrics: str | Metric | Sequence[str | Metric] = ("accuracy",),
        scheduler: Any = None,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        accumulate: int = 1,
        jit_compile: bool = True,
    ) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"Trainer: argument model expected a Module, got {type_name(model)}")
        if not callable(loss) or isinstance(loss, type):
            raise TypeError(
                f"Trainer: argument loss expected a function or loss module, got {loss!r}"
            )
        if optimizer is not None and not (
            hasattr(optimizer, "step") and hasattr(optimizer, "zero_grad")
        ):
            raise TypeError(
                f"Trainer: argument optimizer expected an optimizer, got {type_name(optimizer)}"
            )
        if scheduler is not None and not hasattr(scheduler, "step"):
            raise TypeError(
                f"Trainer: argument scheduler expected a scheduler, got {type_name(scheduler)}"
            )
        for name, bound in (("clip_norm", clip_norm), ("clip_value", clip_value)):
            if bound is not None and not bound > 0:
                raise ValueError(f"Trainer: argument {name} expected more than 0, got {bound}")
        check_count("Trainer", "accumulate", accumulate)
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.accumulate = accumulate
        self.jit_compile = jit_compile
        self.metrics = resolve(metrics)
        if isinstance(loss, BCEWithLogitsLoss) and not isinstance(metrics, Metric):
            named = [metrics] if isinstance(metrics, str) else list(metrics)
            for given, metric in zip(named, self.metrics, strict=True):
                if given == "accuracy" and isinstance(metric, Accuracy):
                    metric.threshold = 0.0
        self.history = History()
        self._running = Running(self.metrics)
        self._accumulated = 0  # batches whose gradients wait for a step
        self._schedules_steps = False
        self._followed = "loss"  # by a schedule
        self._weighing: tuple[bool, Tensor | None] | None = None
        self._sample_loss: Callable[[Any, Any], Tensor] | None = None
        self._train = Capture(steps.train, asked=False)
        self._test = Capture(steps.test, asked=False)
        self._predict = Capture(steps.predict, asked=False)

    @property
    def stop_training(self) -> bool:
        """Whether :meth:`fit` is to stop after the present batch or epoch; callbacks set it here or
        on the model.
        """
        return bool(vars(self.model).get("stop_training", False))

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self.model.stop_training = value

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        shuffle: bool = True,
        validation_data: Any = None,
        validation_split: float = 0.0,
        verbose: int = 1,
        drop_last: bool = False,
        callbacks: Callbacks = None,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        resume: str | PathLike[str] | None = None,
        save_freq: str | int = "epoch",
    ) -> History:
        """Train.

        An interruption (Ctrl-C) is passed on; the model then has the weights of the last full
        step, its former mode and no gradients, and ``trainer.history`` the finished epochs.

        Parameters
        ----------
        x : Tensor, numpy.ndarray, Dataset or DataLoader
            Samples along the first axis; or batches (inputs..., target) of a loader, for which
            `y`, `batch_size`, `shuffle`, `drop_last` and `validation_split` do not apply.
            Floating-point arrays are converted to the model's dtype.
        y : Tensor or numpy.ndarray, optional
            Targets, one a sample; None where `x` holds them.
        epochs : int, default 1
        batch_size : int, default 32
        shuffle : bool, default True
            Whether each epoch has its own order.
        validation_data : (x, y), Dataset or DataLoader, optional
            Measured after each epoch.
        validation_split : float, default 0.0
            The share of samples, in [0, 1), from the end of the data, that is not trained on but
            measured after each epoch.
        verbose : {0, 1, 2}
            0 silent, 1 a bar on a terminal and else one line an epoch, 2 one line an epoch.
        drop_last : bool, default False
            Whether a last smaller batch is left out.
        callbacks : Callback or sequence of them, optional
            See :mod:`cygnet.train.callbacks`.
        class_weight : mapping of int to float, optional
            What the losses of samples of a class are multiplied by; 1 for classes that it lacks.
            Needs a loss module with a `reduction`, and targets that are labels or, in floating
            point, one-hot rows.
        sample_weight : Tensor or numpy.ndarray, optional
            What the loss of each sample is multiplied by, for `x` and `y` of arrays. The loss of a
            batch is the sum of these products, divided by the number of samples.
        initial_epoch : int, default 0
            Number of the first epoch.
        steps_per_epoch : int, optional
            Batches of an epoch; the next one goes on behind them.
        validation_freq : int or sequence of int, default 1
            Measure after every so many epochs, or after those of these numbers, from 1.
        resume : path-like, optional
            A folder: the state is saved there as `save_freq` says, and a later call with the same
            arguments goes on from it, with the same bits as without interruption. Short for
            ``BackupAndRestore(resume, save_freq, delete_checkpoint=False)``.
        save_freq : "epoch" or int, default "epoch"
            For `resume`: save after each epoch, or also after so many batches.

        Returns
        -------
        History

        Raises
        ------
        ValueError
            If x and y differ in length, are empty, or a number is out of range.
        TypeError
            If an argument is of the wrong type.
        """
        if self.optimizer is None:
            raise ValueError("fit: the Trainer was made without an optimizer")
        check_count("fit", "epochs", epochs)
        check_count("fit", "batch_size", batch_size)
        check_count("fit", "initial_epoch", initial_epoch, least=0)
        if steps_per_epoch is not None:
            check_count("fit", "steps_per_epoch", steps_per_epoch)
        if not isinstance(validation_freq, Sequence):
            check_count("fit", "validation_freq", validation_freq)
        if verbose not in (0, 1, 2):
            raise ValueError(f"fit: argument verbose expected 0, 1 or 2, got {verbose!r}")
        data = dataset_of("fit", x, y, self._dtype, sample_weight)
        validation = None
        if validation_split:
            if validation_data is not None:
                raise ValueError("fit: validation_data and validation_split exclude each other")
            data, validation = split(data, validation_split)
            if sample_weight is not None:
                validation = TensorDataset(*validation.tensors[:2])
        elif validation_data is not None:
            pair = isinstance(validation_data, tuple | list)
            if pair and len(validation_data) != 2:
                raise ValueError(
                    "fit: argument validation_data expected (x, y), a Dataset or a loader, got "
                    f"{len(validation_data)} parts"
                )
            inputs, targets = validation_data if pair else (validation_data, None)
            validation = dataset_of("fit", inputs, targets, self._dtype)
        held_out = loader_of(validation, batch_size)

        def validate(calls: CallbackList) -> dict[str, float]:
            return loop.evaluate(self, held_out, calls, name="fit: validation_data")

        given = checked_callbacks(callbacks)
        if resume is not None:
            given.append(BackupAndRestore(resume, save_freq, delete_checkpoint=False))
        run = loop.Fit(
            self,
            loader_of(data, batch_size, shuffle, drop_last),
            epochs=epochs,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validate=None if validation is None else validate,
            validation_freq=validation_freq,
            generators=getattr(held_out, "generators", ()),
            callbacks=given,
            verbose=verbose,
        )
        self.history = run.history
        self._followed = "loss" if validation is None else "val_loss"
        self.forget_gradients()
        try:
            if class_weight is not None or sample_weight is not None:
                of_classes = class_weights(class_weight, self._dtype)
                self._weighing = sample_weight is not None, of_classes
                self._sample_loss = loss_of_samples(self.loss, self._sample_loss)
            with kept_modes(self.model):
                return run.run()
        finally:
            self._weighing = None
            self.forget_gradients()

    def train_step(self, *batch: Any) -> Tensor:
        """Takes one step on a batch, as :meth:`fit` does; a subclass may define its own, of which
        only the loss is measured unless it calls this one.

        Parameters
        ----------
        *batch : Tensor
            Inputs and the target.

        Returns
        -------
        Tensor
            The loss of the batch.

        Examples
        --------
        >>> import cygnet as cn
        >>> model = cn.nn.Linear(2, 1)
        >>> optimizer = cn.optim.SGD(model.parameters(), lr=0.1)
        >>> trainer = cn.Trainer(model, cn.nn.MSELoss(), optimizer, metrics="mse")
        >>> first = trainer.train_step(cn.ones(4, 2), cn.ones(4, 1))
        >>> bool(trainer.train_step(cn.ones(4, 2), cn.ones(4, 1)) < first)
        True
        """
        if not self._accumulated:
            self.optimizer.zero_grad()
        count = self._accumulated + 1
        is_last = count == self.accumulate
        loss: Tensor
        loss, output = self._run(
            self._train,
            self.model,
            self.loss if self._weighing is None else self._sample_loss,
            self.optimizer,
            batch,
            self._weighing,
            count if is_last else 0,
            self.clip_norm,
            self.clip_value,
        )
        self._accumulated = count
        if is_last:
            self._end_step()
        has_weights = self._weighing is not None and self._weighing[0]
        self._running.add(loss, output, batch[-2 if has_weights else -1])
        return loss

    def _run(self, step: Capture[..., Any], *arguments: Any) -> Any:
        """Makes a step, captured or not."""
        return step(*arguments) if self.jit_compile else step.function(*arguments)

    def _end_step(self) -> None:
        """After the optimizer's step."""
        self._accumulated = 0
        if self._schedules_steps:
            self.scheduler.step()

    def train_on_batch(self, x: Any, y: Any = None) -> dict[str, float]:
        """Takes one step in training mode.

        Parameters
        ----------
        x, y : Tensor or numpy.ndarray
            Inputs and targets of one batch.

        Returns
        -------
        dict of str to float
            ``loss`` and each metric of the batch, before the step.
        """
        if self.optimizer is None:
            raise ValueError("train_on_batch: the Trainer was made without an optimizer")
        batch = dataset_of("train_on_batch", x, y, self._dtype).tensors
        self.begin_epoch()
        self.train_step(*batch)
        return self._running.values()

    def forget_gradients(self) -> None:
        """Forgets the gradients of all batches since the last step."""
        self._accumulated = 0
        self.optimizer.zero_grad()

    def learning_rate_finder(
        self,
        x: Any,
        y: Any = None,
        *,
        batch_size: int = 32,
        lowest: float = 1e-7,
        highest: float = 10.0,
        steps: int = 100,
        smoothing: float = 0.9,
        limit: float = 4.0,
    ) -> LearningRateCurve:
        """Trains for a moment with a learning rate that grows from step to step, to show which are
        useful: from where the loss falls to where it rises. Model, optimizer and random numbers are
        as before afterwards.

        Parameters
        ----------
        x, y, batch_size
            As in :meth:`fit`, in random order.
        lowest, highest : float
            Where the rate begins and ends, growing by the same factor. Defaults 1e-7, 10.
        steps : int, default 100
        smoothing : float, default 0.9
            In [0, 1): the part of the average loss that each step keeps.
        limit : float, default 4.0
            Ends the search where the smooth loss is this many times its lowest value.

        Returns
        -------
        LearningRateCurve
            Rates, losses and a `suggestion`; `plot` draws them.

        References
        ----------
        Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3.3; the
        exponential growth is Gugger's, "How do you find a good learning rate", 2018.

        Examples
        --------
        >>> import cygnet as cn
        >>> model = cn.nn.Sequential(cn.nn.Flatten(), cn.nn.Linear(64, 10))
        >>> optimizer = cn.optim.SGD(model.parameters(), lr=0.01)
        >>> trainer = cn.Trainer(model, cn.nn.CrossEntropyLoss(), optimizer)
        >>> 1e-4 < trainer.learning_rate_finder(cn.data.digits()).suggestion < 1
        True
        """
        if self.optimizer is None:
            raise ValueError("learning_rate_finder: the Trainer was made without an optimizer")
        check_count("learning_rate_finder", "batch_size", batch_size)
        data = dataset_of("learning_rate_finder", x, y, self._dtype)
        batches = loader_of(data, batch_size, shuffle=True)
        return sweep(self, batches, lowest, highest, steps, smoothing, limit)

    # What the loops call, see `loop.Learner`.

    def begin_epoch(self) -> None:
        """Goes to training mode and forgets the figures."""
        self.model.train()
        self._running.reset()
        self._schedules_steps = getattr(self.scheduler, "interval", "epoch") == "batch"

    def train_batch(self, batch: Any) -> int:
        """Takes a step on a batch; returns the number of its samples."""
        samples = self._running.samples
        loss = self.train_step(*batch)
        if self._running.samples == samples:  # a step of a subclass's own
            return self._running.add_loss(float(loss), len(batch[-1]))
        return self._running.samples - samples

    def end_batches(self) -> None:
        """Takes the step that gradients are left for."""
        if self._accumulated:
            steps.update(self.optimizer, self._accumulated, self.clip_norm, self.clip_value)
            self._end_step()

    def end_epoch(self, figures: Mapping[str, float]) -> None:
        """Steps a schedule of epochs."""
        if isinstance(self.scheduler, ReduceLROnPlateau):
            if self._followed in figures:  # not each epoch need be measured
                self.scheduler.step(figures[self._followed])
        elif self.scheduler is not None and not self._schedules_steps:
            self.scheduler.step()

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Evaluation mode without gradients; afterwards each module has its former mode."""
        with kept_modes(self.model), no_grad():
            self.model.eval()
            yield

    def reset_figures(self) -> None:
        """Forgets the figures."""
        self._running.reset()

    def test_batch(self, batch: Any) -> int:
        """Measures a batch; returns the number of its samples."""
        loss, output = self._run(self._test, self.model, self.loss, tuple(batch))
        return self._running.add(loss, output, batch[-1])

    def predict_batch(self, batch: Any) -> Any:
        """The outputs for a batch, whose last part is a target if it has several."""
        parts = list(batch) if isinstance(batch, tuple | list) else [batch]
        return self._run(self._predict, self.model, parts[:-1] or parts)

    def figures(self) -> dict[str, float]:
        """The averages so far."""
        return self._running.values()

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint holds beside the model and optimizer: the loss, figures, schedule, and
        gradients that wait for a step.
        """
        parameters = steps.parameters_of(self.optimizer) if self._accumulated else []
        gradients = [parameter.grad for parameter in parameters]
        return {
            "loss": self.loss.state_dict() if isinstance(self.loss, Module) else {},
            "running": self._running.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler is not None else None,
            "accumulated": self._accumulated,
            "gradients": [None if each is None else each.detach().clone() for each in gradients],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over what `state_dict` returned."""
        self._running.load_state_dict(state_dict["running"])
        if isinstance(self.loss, Module):
            self.loss.load_state_dict(state_dict["loss"])
        if (self.scheduler is None) != (state_dict["scheduler"] is None):
            had, has = ("without", "has one") if self.scheduler else ("with", "has none")
            raise ValueError(f"it was trained {had} a scheduler, and this Trainer {has}")
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state_dict["scheduler"])
        self._accumulated = state_dict["accumulated"]
        if self._accumulated:
            parameters = steps.parameters_of(self.optimizer)
            for parameter, gradient in zip(parameters, state_dict["gradients"], strict=True):
                parameter.grad = gradient

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        *,
        batch_size: int = 256,
        callbacks: Callbacks = None,
        verbose: int = 0,
    ) -> dict[str, float]:
        """Loss and metrics, averaged over the samples, in evaluation mode.

        Parameters
        ----------
        x, y
            As in :meth:`fit`.
        batch_size : int, default 256
        callbacks : Callback or sequence of them, optional
        verbose : {0, 1, 2}, default 0

        Returns
        -------
        dict of str to float
            ``loss`` and each metric by name.
        """
        check_count("evaluate", "batch_size", batch_size)
        batches = loader_of(dataset_of("evaluate", x, y, self._dtype), batch_size)
        return loop.evaluate(self, batches, callbacks, verbose=verbose)

    def predict(
        self,
        x: Any,
        batch_size: int = 256,
        *,
        callbacks: Callbacks = None,
        verbose: int = 0,
    ) -> Any:
        """Outputs of the model in evaluation mode.

        Parameters
        ----------
        x : Tensor, numpy.ndarray, Dataset or DataLoader
            Targets that a dataset or loader yields last are ignored.
        batch_size : int, default 256
        callbacks : Callback or sequence of them, optional
        verbose : {0, 1, 2}, default 0

        Returns
        -------
        numpy.ndarray or Tensor
            Outputs of all samples; an array if `x` is an array. Of a model of several outputs a
            tuple of them.
        """
        check_count("predict", "batch_size", batch_size)
        is_data = isinstance(x, Dataset) or is_loader(x)
        data = x if is_data else TensorDataset(tensor_of("predict", "x", x, self._dtype))
        outputs = loop.predict(self, loader_of(data, batch_size), callbacks, verbose=verbose)
        return _joined(outputs, as_tensor if is_data or isinstance(x, Tensor) else np.asarray)

    @property
    def _dtype(self) -> Any:
        return next((parameter.dtype for parameter in self.model.parameters()), np.float32)


def _joined(outputs: Sequence[Any], make: Callable[[Any], Any]) -> Any:
    """The outputs of all batches as one, each part of tuples by itself."""
    if isinstance(outputs[0], tuple | list):
        return tuple(_joined(part, make) for part in zip(*outputs, strict=True))
    return make(np.concatenate([output._array for output in outputs]))
