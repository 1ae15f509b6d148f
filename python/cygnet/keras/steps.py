"""What a model does with one batch. Its steps are functions, so that they can be captured."""

from __future__ import annotations

import warnings
from typing import Any

from cygnet.keras import feed, tree
from cygnet.keras.attached import logits, masks
from cygnet.keras.compiled import CompiledMetrics, figures_of
from cygnet.keras.layer import Layer, has_added_losses
from cygnet.keras.learner import LossTracker, first_leaf
from cygnet.replay import Capture
from cygnet.replay.draft import mapped
from cygnet.tensor import Tensor

__all__ = ["Stepped"]

Result = tuple[Any, ...]
"""The loss, the losses of several outputs, the outputs and what is attached to each."""


def _train(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, weight: Any) -> Result:
    """A step of training, but for models that are frozen as a whole; before its result stands
    whether the loss depends on weights. The model's own `loss` says which recording serves.
    """
    y_pred = model(x, training=True)
    value, parts = model._loss_and_parts(x, y, y_pred, weight, True)
    trains = value.requires_grad
    if trains or not model._compiled_variables:
        if not optimizer.built:
            optimizer.build(model.trainable_variables or model._compiled_variables)
        if trains:
            value.backward()
            optimizer.step()
    return trains, *_result(value, parts, y_pred)


def _test(model: Any, loss: Any, x: Any, y: Any, weight: Any) -> Result:
    """Measuring a batch; the loss is None of a model without one."""
    y_pred = model(x, training=False)
    value, parts = None, []
    if loss is not None or has_added_losses():
        value, parts = model._loss_and_parts(x, y, y_pred, weight, False)
    return _result(value, parts, y_pred)


def _predict(model: Any, x: Any) -> Any:
    """The outputs for a batch."""
    return model(x, training=False)


def _result(loss: Any, parts: list[Any], y_pred: Any) -> Result:
    """All of it off the tape."""
    beside = [(masks.of(each), logits.of(each)) for each in tree.flatten(y_pred)]
    found: Result = mapped((loss, parts, y_pred, beside), Tensor.detach)
    return found


def _restore(y_pred: Any, beside: list[tuple[Any, Any]]) -> None:
    """Attaches to outputs what was attached to them when they were made: metrics heed it."""
    for output, values in zip(tree.flatten(y_pred), beside, strict=True):
        for kind, value in zip((masks, logits), values, strict=True):
            if value is not None:
                kind.attach(output, value)


class Stepped(Layer):
    """Steps of training, measuring and predicting, for `Model`."""

    def _forget_recordings(self) -> None:
        vars(self).update(
            _train_step=Capture(_train, asked=False),
            _test_step=Capture(_test, asked=False),
            _predict_step=Capture(_predict, asked=False),
        )

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of a batch, with what layers and regularizers add; subclasses may override it.

        Returns
        -------
        Tensor
            A number.
        """
        total, parts = self._summed_losses(y, y_pred, sample_weight)
        self._note_parts(parts, y_pred)
        return total

    def _loss_and_parts(
        self, x: Any, y: Any, y_pred: Any, weight: Any, training: bool
    ) -> tuple[Any, list[Any]]:
        """What `compute_loss` gives, and losses of outputs that are yet to be noted."""
        if type(self).compute_loss is Stepped.compute_loss:
            return self._summed_losses(y, y_pred, weight)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight, training=training)
        return loss, []

    def _summed_losses(self, y: Any, y_pred: Any, weight: Any) -> tuple[Any, list[Any]]:
        total, parts = None, []
        if self._compiled_loss is not None:
            total, parts = self._compiled_loss(y, y_pred, weight)
        if self._is_regularized() or has_added_losses():
            for loss in self.losses:
                total = loss if total is None else total + loss
        if total is None:
            raise ValueError(
                f"fit: model {self.name!r} has no loss: give compile one, or call add_loss"
            )
        return total, parts

    def _is_regularized(self) -> bool:
        if self._regularized is None:
            vars(self)["_regularized"] = any(
                getattr(weight, "regularizer", None) is not None
                for weight in self.trainable_weights
            )
        found: bool = self._regularized
        return found

    def _loss_tracker(self, name: str) -> LossTracker:
        """The mean of a loss; made when it is first asked for."""
        tracker = self._loss_trackers.get(name)
        if tracker is None:
            tracker = self._loss_trackers[name] = LossTracker(name)
        found: LossTracker = tracker
        return found

    def _note_parts(self, parts: list[Any], outputs: Any) -> None:
        if not parts:
            return
        samples = len(first_leaf(outputs))
        for name, part in zip(self._compiled_loss.names, parts, strict=True):
            if part is not None:
                self._loss_tracker(f"{name}_loss").note(part, samples)

    def compiled_loss(
        self, y: Any, y_pred: Any, sample_weight: Any = None, regularization_losses: Any = None
    ) -> Any:
        """Keras 2's name of the compiled loss, for a `train_step` of one's own; the losses of
        regularizers are given.
        """
        loss, _ = self._compiled_loss(y, y_pred, sample_weight)
        self._loss_tracker("loss").note(loss, len(first_leaf(y)))
        for other in regularization_losses or ():
            loss = loss + other
        return loss

    @property
    def compiled_metrics(self) -> CompiledMetrics:
        """The compiled metrics, for a `train_step` of one's own: they have `update_state`."""
        metrics: CompiledMetrics = self._compiled_metrics
        return metrics

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Update the compiled metrics with a batch; returns the figures so far."""
        self._update_metrics(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def _update_metrics(self, y: Any, y_pred: Any, weight: Any) -> None:
        if y is not None:
            for each in self._compiled_groups():
                each.update_state(y, y_pred, weight)

    def _compiled_groups(self) -> list[CompiledMetrics]:
        groups = (self._compiled_metrics, self._weighted_metrics)
        return [each for each in groups if each is not None and each.is_given]

    def get_metrics_result(self) -> dict[str, Any]:
        """The figures so far: the loss, those of the outputs, the metrics."""
        return {
            name: value
            for metric in self.metrics
            if not isinstance(metric, LossTracker) or metric.is_used
            for name, value in figures_of(metric).items()
        }

    def train_step(self, data: Any) -> Any:
        """Train on one batch; subclasses may override it.

        Parameters
        ----------
        data : Tensor or tuple
            x, (x, y) or (x, y, sample_weight).

        Returns
        -------
        dict of str to number
            What `fit` shows and keeps.
        """
        self._train(*feed.parts_of("fit", data))
        return self.get_metrics_result()

    def _train(self, x: Any, y: Any, weight: Any) -> None:
        self.optimizer.zero_grad()
        arguments = (self.optimizer, self._compiled_loss, x, y, weight)
        trains, *result = self._run(self._train_step, *arguments)
        if not trains and self._compiled_variables:
            self._train_frozen(x, y, weight)
            return
        if not trains:
            warnings.warn(f"fit: model {self.name!r} has no trainable weights", stacklevel=2)
        self._note(x, y, weight, *result)

    def _run(self, step: Capture[..., Any], *arguments: Any) -> Any:
        """Makes a step, captured or not."""
        if self.run_eagerly or self.jit_compile is False:
            return step.function(self, *arguments)
        if self.built:
            self._is_regularized()  # else it would be found out in a step
        return step(self, *arguments)

    def _note(
        self, x: Any, y: Any, weight: Any, loss: Any, parts: Any, y_pred: Any, beside: Any
    ) -> None:
        """Takes the figures of a step."""
        _restore(y_pred, beside)
        self._note_parts(parts, y_pred)
        if loss is not None:
            self._loss_tracker("loss").note(loss, len(first_leaf(x)))
        self._update_metrics(y, y_pred, weight)

    def _train_frozen(self, x: Any, y: Any, weight: Any) -> None:
        """A step of a model all of whose weights were frozen after `compile`: those that were
        trainable then are trained, as in Keras 2, whose adversarial networks rely on it.
        """
        variables = self._compiled_variables
        for variable in variables:
            variable.requires_grad = True
        try:
            self._train(x, y, weight)
        finally:
            for variable in variables:
                variable.requires_grad = False

    def test_step(self, data: Any) -> Any:
        """Measure one batch; as `train_step`."""
        self._test(*feed.parts_of("evaluate", data))
        return self.get_metrics_result()

    def _test(self, x: Any, y: Any, weight: Any) -> None:
        result = self._run(self._test_step, self._compiled_loss, x, y, weight)
        self._note(x, y, weight, *result)

    def predict_step(self, data: Any) -> Any:
        """The outputs of one batch; subclasses may override it."""
        return self._run(self._predict_step, feed.parts_of("predict", data)[0])

    @property
    def metrics(self) -> list[Any]:
        """The losses' means, the compiled metrics, and those that are attributes of the model."""
        found = [*self._loss_trackers.values(), *self._compiled_groups()]
        return found + [
            value
            for name, value in vars(self).items()
            if name[0] != "_" and hasattr(value, "update_state") and value not in found
        ]

    @property
    def metrics_names(self) -> list[str]:
        """Names of the figures, as `evaluate` lists them."""
        return [name for metric in self.metrics for name in figures_of(metric)]

    def reset_metrics(self) -> None:
        """Forget the figures."""
        for metric in self.metrics:
            metric.reset_state()
