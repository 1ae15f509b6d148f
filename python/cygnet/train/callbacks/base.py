"""What callbacks are, and the list that calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, TypeAlias

__all__ = ["Callback", "CallbackList", "Logs"]

Logs: TypeAlias = dict[str, Any]
Hook: TypeAlias = Callable[..., Any]


class Callback:
    """Base of callbacks: a subclass overrides the hooks that it needs.

    Hooks get `logs`, a dict of figures that all callbacks of a call share: what one adds, the next
    ones and the history have as well. Hooks that are not overridden cost nothing.

    Attributes
    ----------
    model : Module
        The model that is trained.
    learner : object
        What trains it: a `Trainer`, or the model itself in the Keras face. It has `optimizer`, and
        ``learner.stop_training = True`` ends the training after the batch or epoch.
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


_ALIASES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


def _overrides(callback: Callback, name: str) -> bool:
    """Whether a callback's class, or the callback itself, has a hook of its own."""
    own = getattr(type(callback), name) is not getattr(Callback, name) or name in vars(callback)
    return own or (name in _ALIASES and _overrides(callback, _ALIASES[name]))


class CallbackList:
    """Calls several callbacks, each hook of them in their order.

    Parameters
    ----------
    callbacks : Callback, CallbackList or iterable of them, optional
    model : Module, optional
    learner : object, optional
        Default: the model.
    loop : Fit, optional
    **params
        For `Callback.set_params`.

    Raises
    ------
    TypeError
        If one of them is no Callback.

    Examples
    --------
    >>> from cygnet.train import CallbackList, LambdaCallback
    >>> callbacks = CallbackList(LambdaCallback(on_train_begin=lambda logs: print("hello")))
    >>> callbacks.on_train_begin()
    hello
    """

    def __init__(
        self,
        callbacks: Callback | Iterable[Callback] | None = None,
        model: Any = None,
        learner: Any = None,
        loop: Any = None,
        **params: Any,
    ) -> None:
        given = checked_callbacks(callbacks)
        self.callbacks = sorted(given, key=lambda callback: callback.runs_last)  # keeps their order
        self.params = params
        for callback in self.callbacks:
            callback.loop = loop
            callback.learner = model if learner is None else learner
            callback.set_model(model)
            callback.set_params(params)

    def hooks(self, name: str) -> list[Hook]:
        """The bound methods of the callbacks that override a hook."""
        return [getattr(each, name) for each in self.callbacks if _overrides(each, name)]

    def reads_logs(self, name: str) -> bool:
        """Whether a callback that overrides this hook at a batch's end reads the figures."""
        return any(each.reads_batch_logs and _overrides(each, name) for each in self.callbacks)

    def _call(self, name: str, *arguments: Any, logs: Logs | None) -> None:
        logs = {} if logs is None else logs
        for hook in self.hooks(name):
            hook(*arguments, logs)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Calls the hook of all callbacks, as do the methods below."""
        self._call("on_train_begin", logs=logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._call("on_train_end", logs=logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._call("on_epoch_begin", epoch, logs=logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._call("on_epoch_end", epoch, logs=logs)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_train_batch_begin", batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_train_batch_end", batch, logs=logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._call("on_test_begin", logs=logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._call("on_test_end", logs=logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_test_batch_begin", batch, logs=logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_test_batch_end", batch, logs=logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._call("on_predict_begin", logs=logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._call("on_predict_end", logs=logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_predict_batch_begin", batch, logs=logs)

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._call("on_predict_batch_end", batch, logs=logs)

    def close(self) -> None:
        """Calls `Callback.close` of all, in reverse order."""
        for callback in reversed(self.callbacks):
            callback.close()


def checked_callbacks(callbacks: Any) -> list[Callback]:
    """The callbacks as a list; TypeError if one is none."""
    if callbacks is None:
        return []
    if isinstance(callbacks, CallbackList):
        return list(callbacks.callbacks)
    if isinstance(callbacks, Callback | str | type):
        callbacks = [callbacks]
    checked = []
    for callback in callbacks:
        if isinstance(callback, list | tuple | CallbackList):
            checked += checked_callbacks(callback)
        elif isinstance(callback, Callback):
            checked.append(callback)
        else:
            got = type(callback).__name__
            if isinstance(callback, type):
                got = f"the class {callback.__name__}: write {callback.__name__}(...)"
            raise TypeError(f"callbacks: expected Callback objects, got {got}")
    return checked
