"""Calling several callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from cygnet.train.callbacks.base import Callback, Logs
from cygnet.train.history import History
from cygnet.train.progress import Progress

__all__ = ["CallbackList", "Callbacks", "checked_callbacks"]

Callbacks: TypeAlias = "Callback | CallbackList | Iterable[Callback] | None"
Hook: TypeAlias = Callable[..., Any]

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
    add_history, add_progbar : bool, default False
        Whether a `History`, and then a `Progress`, is to be there.
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

    Attributes
    ----------
    callbacks : list of Callback
    history : History or None
        The first one of them.

    Examples
    --------
    >>> from cygnet.train import CallbackList, LambdaCallback
    >>> callbacks = CallbackList(LambdaCallback(on_train_begin=lambda logs: print("hello")))
    >>> callbacks.on_train_begin()
    hello
    """

    def __init__(
        self,
        callbacks: Callbacks = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        *,
        learner: Any = None,
        loop: Any = None,
        **params: Any,
    ) -> None:
        given = checked_callbacks(callbacks)
        if add_history and not any(isinstance(callback, History) for callback in given):
            given.append(History())
        if add_progbar and not any(isinstance(callback, Progress) for callback in given):
            given.append(Progress())
        self.history = next((each for each in given if isinstance(each, History)), None)
        self.callbacks = sorted(given, key=lambda callback: callback.runs_last)  # keeps their order
        self.params = params
        for callback in self.callbacks:
            callback.loop = loop
            callback.learner = model if learner is None else learner
            if model is not None:
                callback.set_model(model)
            if params:
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
        """Calls `Callback.close` of all, in reverse order; they forget the loop and its data."""
        for callback in reversed(self.callbacks):
            callback.close()
        for callback in self.callbacks:
            callback.loop = None


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
