"""Saving the whole training, and going on from there."""

from __future__ import annotations

import os

from cygnet.train.callbacks.base import Callback, Logs
from cygnet.train.callbacks.saving import SaveTimer
from cygnet.train.checkpoint import Checkpoint

__all__ = ["BackupAndRestore"]


class BackupAndRestore(Callback):
    """Saves all that a training needs to go on after an end at any moment, also by a signal or a
    power failure, and goes on from it when training begins.

    The continued training has the same bits as one without interruption: weights, the optimizer's
    and schedules' state, random numbers, order of and position in the data, figures, history, and
    the states of callbacks. Arguments must be the same as before. Random numbers are those of the
    default generator, of the loaders', of `random` and of ``numpy.random``; a generator that the
    program itself makes is not known. A Python generator of batches is read anew up to its place.

    Parameters
    ----------
    backup_dir : path-like
        Folder of the files; of this training only.
    save_freq : "epoch", int or False, default "epoch"
        Save after each epoch, or after so many batches and each epoch; False never saves.
    double_checkpoint : bool, default False
        Whether to keep the last two states, and to read the older if the newer is damaged.
    delete_checkpoint : bool, default True
        Whether to remove the state at the end of training. With False, a training that has ended
        returns at once when it is called again, and goes on if it is given more `epochs`.

    Raises
    ------
    ValueError
        If there is no folder's name, or `save_freq` is neither; when training begins, if the file
        is damaged.
    RuntimeError
        When training begins, if the file's model is another: with all missing and unexpected keys
        and wrong shapes. In a loop other than `fit`.
    OSError
        If a state cannot be written; the one before remains.

    Examples
    --------
    >>> import tempfile, cygnet as cn
    >>> from cygnet.train import BackupAndRestore
    >>> folder = tempfile.mkdtemp()
    >>> def train(epochs):
    ...     model = cn.nn.Sequential(cn.nn.Flatten(), cn.nn.Linear(64, 10))
    ...     optimizer = cn.optim.Adam(model.parameters(), 0.01)
    ...     trainer = cn.Trainer(model, cn.nn.CrossEntropyLoss(), optimizer)
    ...     backup = BackupAndRestore(folder, delete_checkpoint=False)
    ...     return trainer.fit(cn.data.digits(), epochs=epochs, verbose=0, callbacks=[backup])
    >>> train(1).epoch, train(3).epoch
    ([0], [0, 1, 2])
    """

    runs_last = True
    reads_batch_logs = False

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        if not os.fspath(backup_dir):
            raise ValueError("BackupAndRestore: argument backup_dir is empty")
        self.backup_dir = backup_dir
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self.checkpoint = Checkpoint(backup_dir, double_checkpoint)
        self._timer = SaveTimer("BackupAndRestore", save_freq)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if self.loop is None:
            raise RuntimeError(
                "BackupAndRestore: it saves what `fit` does, not a loop of one's own"
            )
        self.checkpoint.remove_torn()
        state = self.checkpoint.load()
        if state is None:
            return
        try:
            self.loop.load_state_dict(state)
        except (KeyError, ValueError, RuntimeError) as error:
            kind = RuntimeError if isinstance(error, RuntimeError) else ValueError
            raise kind(f"fit: {self.checkpoint.path} is of another training: {error}") from error

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._timer.is_due():
            self.checkpoint.save(self.loop.state_dict())

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq is not False:
            self.checkpoint.save(self.loop.state_dict())

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint:
            self.checkpoint.delete()
