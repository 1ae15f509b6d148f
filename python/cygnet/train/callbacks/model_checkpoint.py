"""Saving the model while it is trained."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cygnet import io
from cygnet.train.callbacks.base import Logs
from cygnet.train.callbacks.monitor import Monitor, check_at_least
from cygnet.train.callbacks.saving import SaveTimer

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(Monitor):
    """Saves the model after epochs or batches, always or when it has become better.

    A model that has a method `save` (or `save_weights`) writes itself by it; of others the
    `state_dict` is written by :func:`cygnet.save`. To go on with an interrupted training, see
    `BackupAndRestore`.

    Parameters
    ----------
    filepath : path-like
        May have fields: ``{epoch:02d}`` and ``{batch}``, from 1, and figures such as
        ``{val_loss:.3f}``. Folders are made.
    monitor : str, default "val_loss"
        Of what `save_best_only` asks.
    verbose : {0, 1}, default 0
        With 1, says what is saved.
    save_best_only : bool, default False
        Whether to save only where `monitor` is better than at each time before.
    save_weights_only : bool, default False
        Whether to call `save_weights` in place of `save`.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger is better; 'auto' for what suits the name.
    save_freq : "epoch" or int, default "epoch"
        Save after each epoch, or after so many batches.
    initial_value_threshold : float, optional
        The value that `monitor` must be better than at first.
    period : int, default 1
        With ``save_freq="epoch"``: save after every so many epochs. Of older programs.

    Attributes
    ----------
    best : float or None
        The best value.

    Raises
    ------
    KeyError
        When it saves, if `filepath` has a field that is no figure.

    Examples
    --------
    >>> import tempfile, cygnet as cn
    >>> from cygnet.train import ModelCheckpoint
    >>> folder = tempfile.mkdtemp()
    >>> model = cn.nn.Linear(2, 1)
    >>> optimizer = cn.optim.SGD(model.parameters(), lr=0.1)
    >>> trainer = cn.Trainer(model, cn.nn.MSELoss(), optimizer, metrics=())
    >>> save = ModelCheckpoint(folder + "/best.safetensors", "loss", save_best_only=True)
    >>> history = trainer.fit(cn.ones(4, 2), cn.ones(4, 1), epochs=2, verbose=0, callbacks=save)
    >>> bool((cn.load(folder + "/best.safetensors")["weight"] == model.weight).all())
    True
    """

    reads_batch_logs = False

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        period: int = 1,
    ) -> None:
        super().__init__(monitor, mode)
        check_at_least(self, "period", period, 1)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.period = period
        self.best = initial_value_threshold
        self._epoch = 0
        self._timer = SaveTimer("ModelCheckpoint", save_freq)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch" and (epoch + 1) % self.period == 0:
            self._save_if_better(f"epoch {epoch + 1}", {"epoch": epoch + 1}, logs or {})

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._timer.is_due():
            fields = {"epoch": self._epoch + 1, "batch": batch + 1}
            title = f"epoch {self._epoch + 1}, batch {batch + 1}"
            self._save_if_better(title, fields, logs or self.learner.figures())

    def _save_if_better(self, title: str, fields: dict[str, Any], logs: Logs) -> None:
        try:
            path = self.filepath.format(**(logs | fields))
        except KeyError as error:
            raise KeyError(
                f"ModelCheckpoint: filepath {self.filepath!r} has the field {error}, expected one "
                f"of {', '.join(logs | fields)}"
            ) from None
        if self.save_best_only and (value := self.current(logs)) is not None:
            if not self.improves(value, self.best):
                self._say(f"{title}: {self.monitor} {value:.5f} is not better than {self.best:.5f}")
                return
            self.best = value
            self._say(f"{title}: {self.monitor} is {value:.5f}, the best so far")
        self._save(Path(path))
        self._say(f"{title}: saved in {path}")

    def _save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = getattr(self.model, "save_weights" if self.save_weights_only else "save", None)
        if writer is not None:
            writer(str(path))
        else:
            io.save(self.model.state_dict(), path)

    def _say(self, text: str) -> None:
        if self.verbose:
            print(f"ModelCheckpoint: {text}")

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "counted": self._timer.counted}

    def load_state_dict(self, state_dict: Any) -> None:
        self.best, self._timer.counted = state_dict["best"], state_dict["counted"]
