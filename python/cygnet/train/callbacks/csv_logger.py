"""The figures as a table on the disk."""

from __future__ import annotations

import csv
import os
from typing import IO, Any

from cygnet.train.callbacks.base import Callback, Logs
from cygnet.train.history import one_line

__all__ = ["CSVLogger"]


class CSVLogger(Callback):
    """Writes a line with the figures of each epoch to a file.

    Columns are ``epoch`` and the names of the first epoch's figures by the alphabet, and with
    ``val_`` before them if none of it has that. What an epoch lacks is NA. A training that goes on
    from a checkpoint removes the lines after it.

    Parameters
    ----------
    filename : path-like
    separator : str, default ","
    append : bool, default False
        Whether to write behind what the file has, without a header unless it is empty; else it is
        overwritten.

    Examples
    --------
    >>> import tempfile, cygnet as cn
    >>> from cygnet.train import CallbackList, CSVLogger
    >>> path = tempfile.mkdtemp() + "/log.csv"
    >>> callbacks = CallbackList(CSVLogger(path))
    >>> callbacks.on_train_begin()
    >>> callbacks.on_epoch_end(0, {"loss": 0.5, "val_loss": 0.75})
    >>> callbacks.close()
    >>> print(open(path).read().strip())
    epoch,loss,val_loss
    0,0.5,0.75
    """

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(
                f"CSVLogger: argument separator expected one character, got {separator!r}"
            )
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None
        self._file: IO[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.close()
        self.keys = None
        open(self.filename, "a", encoding="utf-8").close()  # an error is better known now

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        file = self._file or self._open("a" if self.append else "w")
        writer = csv.writer(file, delimiter=self.sep, lineterminator="\n")
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
        if self._position() == 0:
            writer.writerow(["epoch", *self.keys])
        writer.writerow([epoch, *(one_line(logs.get(key, "NA")) for key in self.keys)])
        file.flush()

    def _open(self, mode: str) -> IO[str]:
        self._file = open(self.filename, mode, newline="", encoding="utf-8")  # noqa: SIM115
        return self._file

    def _position(self) -> int:
        return os.fstat(self._file.fileno()).st_size if self._file is not None else 0

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def state_dict(self) -> dict[str, Any]:
        position = self._position()
        if self._file is None and self.append:  # what earlier trainings wrote
            position = os.path.getsize(self.filename)
        return {"keys": self.keys, "position": position}

    def load_state_dict(self, state_dict: Any) -> None:
        self.close()
        self.keys = state_dict["keys"]
        if self.keys is not None or self.append:
            os.truncate(self.filename, min(state_dict["position"], os.path.getsize(self.filename)))
            self._open("a")
