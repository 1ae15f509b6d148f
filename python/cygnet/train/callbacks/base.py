"""What callbacks are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

from cygnet.errors import name_constructor

__all__ = ["Callback", "Logs"]

Logs: TypeAlias = dict[str, Any]


class Callback:
    """Base of callbacks: a subclass overrides the hooks that it needs.

    Hooks get `logs`, a dict of figures that all callbacks of a call share: what one adds, the next
    ones and the history have as well. Hooks that are not overridden cost nothing.

    Attributes
    ----------
    model : Module
        The model that is trained.
    learner : object
        What trains it, a `Trainer` or what the Keras face has for one. It has `optimizer`, and
        ``learner.stop_training = True`` ends the training after the batch or epoch, as does Keras's
        ``model.stop_training = True``.
    params : dict
        'epochs', 'steps' (batches of an epoch, or None) and 'verbose'.

    Examples
    --------
    >>> import cygnet as cn
    >>> from cygnet.train import Callback
    >>> class GoodEnough(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.learner.stop_training = logs["accuracy"] > 0.5
    >>> model = cn.nn.Sequential(cn.nn.Flatten(), cn.nn.Linear(64, 10))
    >>> optimizer = cn.optim.Adam(model.parameters(), lr=0.01)
    >>> trainer = cn.Trainer(model, cn.nn.CrossEntropyLoss(), optimizer)
    >>> history = trainer.fit(cn.data.digits(), epochs=50, verbose=0, callbacks=[GoodEnough()])
    >>> len(history.epoch)
    1
    """

    # Subclasses need not call __init__.
    model: Any = None
    learner: Any = None
    params: dict[str, Any] | None = None
    loop: Any = None
    """The `Fit` that calls this callback; its `state_dict` is all that a checkpoint holds."""

    reads_batch_logs: ClassVar[bool] = True
    """Whether the hooks at a batch's end read their logs; figures are computed only for such."""

    runs_last: ClassVar[bool] = False
    """Whether the hooks are called after those of all other callbacks, also of the history."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        name_constructor(cls)

    def set_model(self, model: Any) -> None:
        """Called first, with the model."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called after `set_model`, with the parameters of the training."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before training."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After training that no error has ended; `logs` are the last epoch's."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before epoch `epoch`, from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch and its validation; `logs` has the figures of both, the latter's as
        ``val_...``.
        """

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before training on batch `batch` of the epoch, from 0."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a training step; `logs` has the figures of the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before an evaluation or validation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After an evaluation or validation; `logs` has its figures."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of an evaluation or validation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of an evaluation or validation; `logs` has the figures so far."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of a prediction; ``logs["outputs"]`` are the model's."""

    def close(self) -> None:
        """At the end of training, evaluation or prediction, also if an error ends it."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold for this callback to go on as if nothing had happened:
        numbers, texts, arrays, tensors, and lists and dicts of these. By default nothing.
        """
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over what `state_dict` returned; called after `on_train_begin`."""
        vars(self).update(state_dict)
