"""Ending a training that makes no progress."""

from __future__ import annotations

from typing import Any

from cygnet.train.callbacks.base import Logs
from cygnet.train.callbacks.monitor import Monitor, check_at_least

__all__ = ["EarlyStopping"]


class EarlyStopping(Monitor):
    """Ends training when a figure has not become better for a while.

    Parameters
    ----------
    monitor : str, default "val_loss"
    min_delta : float, default 0
        By how much a value must be better to count.
    patience : int, default 0
        Epochs without a better value after which training ends.
    verbose : {0, 1}, default 0
        With 1, says that training was ended and which weights the model has.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger is better; 'auto' for what suits the name.
    baseline : float, optional
        Only values better than this make the waiting begin anew.
    restore_best_weights : bool, default False
        Whether the model gets the weights of the best epoch when training ends, also after the last
        epoch; not when an error or KeyboardInterrupt ends it.
    start_from_epoch : int, default 0
        Epochs before this one do not count.

    Attributes
    ----------
    best : float or None
        The best value.
    best_epoch, stopped_epoch : int
        Numbers of epochs from 0; `stopped_epoch` is 0 if training was not ended.
    wait : int
        Epochs since the last better value.

    Examples
    --------
    >>> import cygnet as cn
    >>> from cygnet.train import EarlyStopping
    >>> model = cn.nn.Linear(2, 1)
    >>> optimizer = cn.optim.SGD(model.parameters(), lr=0.0)
    >>> trainer = cn.Trainer(model, cn.nn.MSELoss(), optimizer, metrics=())
    >>> history = trainer.fit(cn.ones(4, 2), cn.ones(4, 1), epochs=20, verbose=0,
    ...                       callbacks=[EarlyStopping("loss", patience=3)])
    >>> len(history.epoch)
    4
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        check_at_least(self, "patience", patience, 0)
        check_at_least(self, "start_from_epoch", start_from_epoch, 0)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.best_weights: dict[str, Any] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = self.current(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.improves(value, self.best):
            self.best = value
            self.best_epoch = epoch
            if self.restore_best_weights:
                state = self.model.state_dict()
                self.best_weights = {name: each.clone() for name, each in state.items()}
            if self.baseline is None or self.improves(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.learner.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.verbose and self.stopped_epoch:
            print(f"EarlyStopping: training ends after epoch {self.stopped_epoch + 1}")
        if self.best_weights is not None:
            if self.verbose:
                print(f"EarlyStopping: the weights are those of epoch {self.best_epoch + 1}")
            self.model.load_state_dict(self.best_weights)

    def state_dict(self) -> dict[str, Any]:
        names = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")
        return {name: getattr(self, name) for name in names}
