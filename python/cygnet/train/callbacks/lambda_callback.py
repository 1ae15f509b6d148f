"""A callback of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cygnet.train.callbacks.base import Callback

__all__ = ["LambdaCallback"]


class LambdaCallback(Callback):
    """Calls functions as hooks.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end : callable, optional
        ``function(epoch, logs)``.
    on_train_begin, on_train_end : callable, optional
        ``function(logs)``.
    on_train_batch_begin, on_train_batch_end : callable, optional
        ``function(batch, logs)``.
    **kwargs
        Other hooks, or any attributes.

    Examples
    --------
    >>> from cygnet.train import CallbackList, LambdaCallback
    >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    >>> CallbackList(callback).on_epoch_end(3, {"loss": 0.5})
    3 0.5
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        hooks = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for name, hook in hooks.items():
            if hook is not None and not callable(hook):
                raise TypeError(
                    f"LambdaCallback: argument {name} expected a function, got "
                    f"{type(hook).__name__}"
                )
        vars(self).update({name: hook for name, hook in hooks.items() if hook is not None})
        vars(self).update(kwargs)
