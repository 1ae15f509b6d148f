"""Callbacks that change the learning rate."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from cygnet.train.callbacks.base import Callback, Logs
from cygnet.train.callbacks.monitor import Monitor, check_at_least
from cygnet.train.learning_rate import get_learning_rate, set_learning_rate

__all__ = ["LearningRateScheduler", "ReduceLROnPlateau"]


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch, and notes it as the figure ``learning_rate``.

    Parameters
    ----------
    schedule : callable
        ``schedule(epoch, learning_rate)`` gives the epoch's learning rate, from its number (from 0)
        and the present one; or ``schedule(epoch)``.
    verbose : {0, 1}, default 0
        With 1, says what it sets.

    Examples
    --------
    >>> import cygnet as cn
    >>> from cygnet.train import LearningRateScheduler
    >>> model = cn.nn.Linear(2, 1)
    >>> optimizer = cn.optim.SGD(model.parameters(), lr=0.1)
    >>> trainer = cn.Trainer(model, cn.nn.MSELoss(), optimizer, metrics=())
    >>> halve = LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
    >>> history = trainer.fit(cn.ones(4, 2), cn.ones(4, 1), epochs=3, verbose=0, callbacks=halve)
    >>> history.history["learning_rate"]
    [0.1, 0.05, 0.025]
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        if not callable(schedule):
            raise TypeError(
                "LearningRateScheduler: argument schedule expected a function, got "
                f"{type(schedule).__name__}"
            )
        self.schedule = schedule
        self.verbose = verbose
        self._takes_rate = _takes_two(schedule)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.learner.optimizer
        arguments = (epoch, get_learning_rate(optimizer)) if self._takes_rate else (epoch,)
        value = self.schedule(*arguments)
        try:
            rate = float(value)
        except (TypeError, ValueError):
            raise ValueError(
                f"LearningRateScheduler: schedule expected to return a number, got {value!r}"
            ) from None
        set_learning_rate(optimizer, rate)
        if self.verbose:
            print(f"LearningRateScheduler: epoch {epoch + 1}: the learning rate is {rate:g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = get_learning_rate(self.learner.optimizer)


def _takes_two(schedule: Callable[..., Any]) -> bool:
    try:
        inspect.signature(schedule).bind(0, 0.0)
    except (TypeError, ValueError):
        return False
    return True


class ReduceLROnPlateau(Monitor):
    """Multiplies the learning rate by a factor when a figure has not become better for a while, and
    notes it as the figure ``learning_rate``.

    Parameters
    ----------
    monitor : str, default "val_loss"
    factor : float, default 0.1
        In (0, 1).
    patience : int, default 10
        Epochs without a better value after which the rate is reduced.
    verbose : {0, 1}, default 0
        With 1, says what it sets.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger is better; 'auto' for what suits the name.
    min_delta : float, default 1e-4
        By how much a value must be better to count.
    cooldown : int, default 0
        Epochs after a reduction that do not count.
    min_lr : float, default 0.0
        The lowest learning rate.
    epsilon : float, optional
        `min_delta` in older programs.

    Attributes
    ----------
    best : float or None
        The best value.
    wait, cooldown_counter : int
        Epochs since the last better value; epochs still not to count.

    Examples
    --------
    >>> import cygnet as cn
    >>> from cygnet.train import ReduceLROnPlateau
    >>> model = cn.nn.Linear(2, 1)
    >>> optimizer = cn.optim.SGD(model.parameters(), lr=1.0)
    >>> trainer = cn.Trainer(model, cn.nn.MSELoss(), optimizer, metrics=())
    >>> reduce = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
    >>> history = trainer.fit(cn.ones(4, 2), cn.ones(4, 1), epochs=4, verbose=0, callbacks=reduce)
    >>> history.history["learning_rate"], optimizer.param_groups[0]["lr"]
    ([1.0, 1.0, 0.5, 0.25], 0.125)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        *,
        epsilon: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, min_delta if epsilon is None else epsilon)
        if not 0 < factor < 1:
            raise ValueError(f"ReduceLROnPlateau: argument factor expected in (0, 1), got {factor}")
        for name, value in (("patience", patience), ("cooldown", cooldown), ("min_lr", min_lr)):
            check_at_least(self, name, value, 0)
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.best: float | None = None
        self.wait = 0
        self.cooldown_counter = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        logs["learning_rate"] = get_learning_rate(self.learner.optimizer)
        value = self.current(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(value, self.best):
            self.best = value
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and logs["learning_rate"] > self.min_lr:
                self._reduce(epoch, logs["learning_rate"])

    def in_cooldown(self) -> bool:
        """Whether epochs do not count."""
        return self.cooldown_counter > 0

    def _reduce(self, epoch: int, rate: float) -> None:
        rate = max(rate * self.factor, self.min_lr)
        set_learning_rate(self.learner.optimizer, rate)
        self.cooldown_counter = self.cooldown
        self.wait = 0
        if self.verbose:
            print(f"ReduceLROnPlateau: epoch {epoch + 1}: the learning rate is now {rate:g}")

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("best", "wait", "cooldown_counter")}
