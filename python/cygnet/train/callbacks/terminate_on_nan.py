"""Ending a training whose loss is no number any more."""

from __future__ import annotations

import math

from cygnet.train.callbacks.base import Callback, Logs

__all__ = ["TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """Ends training after a batch that makes the loss NaN or infinite.

    Parameters
    ----------
    raise_error : bool, default False
        Whether to raise an error; else training ends as after its last epoch.

    Raises
    ------
    RuntimeError
        While it trains, if `raise_error` is set.

    Examples
    --------
    >>> import cygnet as cn
    >>> from cygnet.train import TerminateOnNaN
    >>> model = cn.nn.Linear(2, 1)
    >>> optimizer = cn.optim.SGD(model.parameters(), lr=1e30)
    >>> trainer = cn.Trainer(model, cn.nn.MSELoss(), optimizer, metrics=())
    >>> history = trainer.fit(cn.ones(4, 2), cn.ones(4, 1), batch_size=1, epochs=9, verbose=0,
    ...                       callbacks=TerminateOnNaN())
    TerminateOnNaN: batch 2 of the epoch: the loss is inf; training ends
    >>> len(history.epoch)
    1
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss):
            return
        text = f"TerminateOnNaN: batch {batch + 1} of the epoch: the loss is {loss}"
        if self.raise_error:
            raise RuntimeError(text)
        print(f"{text}; training ends")
        self.learner.stop_training = True
