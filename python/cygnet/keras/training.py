"""What models do beside being called: compile, fit, evaluate and predict."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np

from cygnet.autograd import no_grad
from cygnet.keras import feed, tree
from cygnet.keras.compiled import CompiledLoss, CompiledMetrics
from cygnet.keras.learner import Learner, LossTracker, first_leaf
from cygnet.keras.steps import Stepped
from cygnet.keras.symbolic import KerasTensor
from cygnet.tensor import Tensor
from cygnet.train import loop
from cygnet.train.callbacks import BackupAndRestore, CallbackList
from cygnet.train.callbacks.callback_list import checked_callbacks
from cygnet.train.history import History
from cygnet.train.metrics.base import array_of

__all__ = ["Trainable"]


class Trainable(Stepped):
    """Training, measuring and predicting, for `Model`."""

    def _init_training(self) -> None:
        vars(self).update(
            optimizer=None,
            stop_training=False,
            history=None,
            compiled=False,
            _compiled_loss=None,
            _compiled_metrics=None,
            _weighted_metrics=None,
            _compile_arguments=None,
            _compiled_variables=[],
            _loss_trackers={},
            _regularized=None,
            run_eagerly=False,
            jit_compile="auto",
        )
        self._forget_recordings()

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how the model is trained and measured.

        Parameters
        ----------
        optimizer : str or Optimizer
            Default "rmsprop".
        loss : str, Loss or function, or list or dict of them, one an output
            ``loss(y_true, y_pred)``.
        loss_weights : list or dict of float, optional
            Factors of the outputs' losses. Default 1.
        metrics : list of (str, Metric or function), optional
            Of several outputs a list or dict of lists. 'accuracy' is the one that suits the
            loss and the outputs.
        weighted_metrics : list, optional
            Metrics that heed `sample_weight` and `class_weight`.
        run_eagerly : bool
            True is ``jit_compile=False``. Default False.
        jit_compile : bool or "auto"
            Whether steps of `fit`, `evaluate` and `predict` that come again are captured (see
            `cygnet.capture`): the same bits, without Python's time. What a replay could not do runs
            as it is: steps of the class's own, `add_loss`, masked recurrent layers, layers and
            losses that read values, print, or change what they hold in Python, and optimizers of
            one's own or with `use_ema` or `gradient_accumulation_steps`. Default "auto": True.
        steps_per_execution, auto_scale_loss
            Have no effect.

        Raises
        ------
        ValueError
            For an unknown name; the nearest are told.
        """
        from cygnet.keras import optimizers

        names = self.output_names
        optimizer = optimizers.get(optimizer)
        vars(self).update(
            optimizer=optimizer,
            compiled=True,
            _compiled_loss=None if loss is None else CompiledLoss(loss, loss_weights, names),
            _compiled_metrics=CompiledMetrics(metrics, names, loss),
            _weighted_metrics=CompiledMetrics(weighted_metrics, names, loss, weighted=True),
            _compile_arguments={
                "optimizer": optimizer,
                "loss": loss,
                "loss_weights": loss_weights,
                "metrics": metrics,
                "weighted_metrics": weighted_metrics,
            },
            _compiled_variables=self.trainable_variables,
            _loss_trackers={"loss": LossTracker()},
            _regularized=None,
            run_eagerly=run_eagerly,
            jit_compile=jit_compile,
        )
        self._forget_recordings()

    def _check_compiled(self, op: str) -> None:
        if not self.compiled and getattr(type(self), _STEPS[op]) is getattr(Trainable, _STEPS[op]):
            raise RuntimeError(
                f"{op}: model {self.name!r} must be compiled first: model.compile(...)"
            )

    # Runs

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        *,
        resume: str | PathLike[str] | None = None,
        save_freq: str | int = "epoch",
        **ignored: Any,
    ) -> History:
        """Train the model.

        Parameters
        ----------
        x : array_like, list or dict of them, Dataset, DataLoader, Sequence or generator
            Samples along the first axis; or batches (x, y) or (x, y, sample_weight).
        y : array_like, or structure of them, optional
            Targets; None where `x` holds them.
        batch_size : int, optional
            Default 32.
        epochs : int
            Number of the last epoch. Default 1.
        verbose : 'auto', 0, 1 or 2
            0 silent, 1 or 'auto' a bar on a terminal and else one line an epoch, 2 one line an
            epoch.
        callbacks : list of Callback, optional
        validation_split : float
            The share of the samples, in [0, 1), from the end, that is not trained on but
            measured after each epoch. Default 0.
        validation_data : (x, y), (x, y, sample_weight), or batches of them, optional
            Measured after each epoch.
        shuffle : bool
            Whether each epoch has its own order; of no effect on batches. Default True.
        class_weight : dict of int to float, optional
            Factors of the samples' losses by their labels.
        sample_weight : array_like, optional
            Factors of the samples' losses.
        initial_epoch : int
            Number of the epoch to begin with, from 0. Default 0.
        steps_per_epoch, validation_steps : int, optional
            Batches of an epoch and of a validation. Default: all.
        validation_batch_size : int, optional
            Default: `batch_size`.
        validation_freq : int or collection of int
            Validate after every so many epochs, or after those of these numbers from 1.
        resume : path-like, optional
            A folder for checkpoints: what a run that was killed left there is gone on with, to
            the same bits: ``BackupAndRestore(resume, save_freq, delete_checkpoint=False)`` among
            the callbacks.
        save_freq : "epoch" or int
            For `resume`: save after each epoch, or also after so many batches.
        **ignored
            `workers`, `use_multiprocessing` and `max_queue_size` of older programs.

        Returns
        -------
        History
            Its ``history`` is a dict of lists, one value an epoch.
        """
        unknown = ignored.keys() - {"workers", "use_multiprocessing", "max_queue_size"}
        if unknown:
            raise TypeError(f"fit: unknown argument {sorted(unknown)[0]!r}")
        self._check_compiled("fit")
        validation: Any = None
        if validation_split and validation_data is None:
            if not feed.is_arrays(x):
                raise ValueError(
                    f"fit: validation_split expected arrays, got {type(x).__name__} x, which gives "
                    "batches"
                )
            arrays, held_out = feed.split(
                "fit", feed.arrays_of("fit", x, y, sample_weight), validation_split
            )
            x, y, sample_weight = arrays
            validation = held_out
        elif validation_data is not None:
            validation = (
                validation_data if isinstance(validation_data, tuple | list) else (validation_data,)
            )
            if not 1 <= len(validation) <= 3:
                raise ValueError(
                    "fit: validation_data expected (x, y) or (x, y, sample_weight), got "
                    f"{len(validation)} parts"
                )
        batches = feed.feed_of("fit", x, y, sample_weight, batch_size, shuffle, class_weight)
        held_out_batches: feed.Feed | None = None
        if validation is not None:
            held, targets, weight = (*validation, None, None)[:3]
            size = validation_batch_size or batch_size
            held_out_batches = feed.feed_of("fit: validation_data", held, targets, weight, size)
        learner = _learner(self)
        self._prepare(batches)
        given = checked_callbacks(callbacks)
        if resume is not None:
            if not self.built and type(self).train_step is Trainable.train_step:
                raise ValueError(
                    f"fit: resume needs the weights of model {self.name!r} before the first batch: "
                    "give it an Input, or build it"
                )
            given.append(BackupAndRestore(resume, save_freq, delete_checkpoint=False))

        def validate(calls: CallbackList) -> dict[str, float]:
            assert held_out_batches is not None
            return loop.evaluate(learner, held_out_batches, calls, steps=validation_steps)

        run = loop.Fit(
            learner,
            batches,
            epochs=epochs,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validate=None if held_out_batches is None else validate,
            validation_freq=validation_freq,
            callbacks=given,
            generators=() if held_out_batches is None else held_out_batches.generators,
            verbose=_verbosity("fit", verbose),
        )
        vars(self)["history"] = run.history
        return run.run()

    def _prepare(self, batches: feed.Feed) -> None:
        """Make the weights and the optimizer's state before the first batch, where the shapes are
        known.
        """
        vars(self)["_regularized"] = None
        ours = type(self).train_step is Trainable.train_step
        if not self.built and ours and isinstance(batches, feed.ArrayFeed):
            x = tree.map_structure(_symbol, batches.structure[0])
            with no_grad():
                self._build_like(x)
        if self.optimizer is not None and self.built:
            if not self.optimizer.built:
                self.optimizer.build(self.trainable_variables or self._compiled_variables)
            elif ours:
                self._check_optimizer()

    def _check_optimizer(self) -> None:
        """ValueError if the optimizer was built for other weights."""
        known = {id(variable) for variable in self.optimizer.trainable_variables}
        if self.optimizer.built and any(id(v) not in known for v in self.trainable_variables):
            raise ValueError(
                f"fit: the optimizer of model {self.name!r} was built for other weights: compile "
                "the model again, with a new optimizer"
            )

    def _build_like(self, symbols: Any) -> None:
        """Make the weights for inputs like KerasTensors."""
        self._symbolic_outputs((symbols,), {})

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **ignored: Any,
    ) -> Any:
        """Loss and metrics in evaluation mode; parameters as in `fit`.

        Returns
        -------
        list of float, or float, or dict
            In the order of `metrics_names`; the loss alone without metrics; with `return_dict` by
            name.
        """
        self._check_compiled("evaluate")
        batches = feed.feed_of("evaluate", x, y, sample_weight, batch_size)
        figures = loop.evaluate(
            _learner(self),
            batches,
            callbacks,
            steps=steps,
            verbose=_verbosity("evaluate", verbose),
        )
        if return_dict:
            return figures
        names = [name for name in self.metrics_names if name in figures]
        values = [figures[name] for name in (*names, *(k for k in figures if k not in names))]
        return values[0] if len(values) == 1 else values

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
        **ignored: Any,
    ) -> Any:
        """The outputs for all samples, in evaluation mode; parameters as in `fit`.

        Returns
        -------
        numpy.ndarray, or structure of them
        """
        batches = feed.feed_of("predict", x, None, None, batch_size)
        outputs = loop.predict(
            _learner(self),
            batches,
            callbacks,
            steps=steps,
            verbose=_verbosity("predict", verbose),
        )
        flat = [tree.flatten(output) for output in outputs]
        joined = [np.concatenate(list(map(array_of, parts))) for parts in zip(*flat, strict=True)]
        return tree.pack(outputs[0], iter(joined))

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """One training step on arrays; returns the loss and the metrics so far, as `evaluate`
        does.
        """
        self._check_compiled("train_on_batch")
        return self._on_batch("train_on_batch", x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics so far with one batch of arrays, as `evaluate` returns them."""
        self._check_compiled("test_on_batch")
        return self._on_batch("test_on_batch", x, y, sample_weight, None, return_dict)

    def _on_batch(
        self, op: str, x: Any, y: Any, weight: Any, class_weight: Any, return_dict: bool
    ) -> Any:
        count = len(first_leaf(feed.arrays_of(op, x, y, weight)[0]))
        batch = next(iter(feed.feed_of(op, x, y, weight, count, False, class_weight)))
        learner = _learner(self)
        if op == "train_on_batch":
            if self.optimizer is not None:
                self._check_optimizer()
            learner.train_batch(batch)
        else:
            with learner.evaluating():
                learner.test_batch(batch)
        figures = learner.figures()
        if return_dict:
            return figures
        values = [figures[name] for name in self.metrics_names if name in figures]
        return values[0] if len(values) == 1 else values

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch of arrays, as arrays."""
        with no_grad():
            outputs = self.predict_step((feed.as_tensors(x),))
        return tree.map_structure(array_of, outputs)


_STEPS = {
    "fit": "train_step",
    "train_on_batch": "train_step",
    "evaluate": "test_step",
    "test_on_batch": "test_step",
}


def _learner(model: Trainable) -> Learner:
    """A model as the loops train it; steps that its class defines run in place of ours."""

    def own(name: str, step: Any) -> Any:
        return step if getattr(type(model), name) is getattr(Trainable, name) else None

    return Learner(model, own("train_step", model._train), own("test_step", model._test))


def _symbol(value: Tensor) -> KerasTensor:
    return KerasTensor((None, *value.shape[1:]), str(value.dtype))


def _verbosity(op: str, verbose: Any) -> int:
    if verbose in ("auto", True):
        return 1
    if verbose not in (0, 1, 2):
        raise ValueError(f"{op}: argument verbose expected 'auto', 0, 1 or 2, got {verbose!r}")
    return int(verbose)
