"""The state of a training on the disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cygnet import io

__all__ = ["Checkpoint"]

_KIND = "state of a training"


class Checkpoint:
    """A file that holds the state of a training, whole at any time.

    A new state is written under a temporary name, flushed to the disk and renamed, and so is the
    folder's entry: the file that was there stays until then.

    Parameters
    ----------
    folder : path-like
        Made if it does not exist.
    keep_previous : bool, default False
        Whether the state before the last one stays as well, for a disk that damages files.
    """

    def __init__(self, folder: str | os.PathLike[str], keep_previous: bool = False) -> None:
        self.folder = Path(folder)
        self.path = self.folder / "training.safetensors"
        self._previous = self.folder / "training.previous.safetensors"
        self._keep_previous = keep_previous

    def save(self, state: Mapping[str, Any]) -> None:
        """Writes a state.

        Raises
        ------
        OSError
            If the disk is full or the folder cannot be written to. The state before remains.
        TypeError
            If a state holds what no file can.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if self._keep_previous and self.path.exists():
                self._link_previous()
            io.save({"kind": _KIND, **state}, self.path)
        except OSError as error:
            text = f"the state of the training could not be saved: {error.strerror or error}"
            raise OSError(error.errno, text, str(self.path)) from error

    def _link_previous(self) -> None:
        """Gives the present file a second name, which remains when it is replaced."""
        temporary = self.folder / f".{self._previous.name}.{os.getpid()}.tmp"
        temporary.unlink(missing_ok=True)
        os.link(self.path, temporary)
        os.replace(temporary, self._previous)
        temporary.unlink(missing_ok=True)  # renaming does nothing where both are names of one file

    def load(self) -> dict[str, Any] | None:
        """The state that was saved last, or the one before if that is damaged or missing and one
        was kept; None if there is none.

        Raises
        ------
        ValueError
            Naming the file, if it is damaged or something else.
        """
        if not self.path.exists():
            return _read(self._previous) if self._previous.exists() else None
        try:
            return _read(self.path)
        except (ValueError, OSError):
            if not self._previous.exists():
                raise
            state = _read(self._previous)
            os.replace(self._previous, self.path)  # lest the next save keeps the damaged one
            return state

    def delete(self) -> None:
        """Removes the files, and the folder if nothing else is in it."""
        self._previous.unlink(missing_ok=True)  # first: alone it would be read
        self.path.unlink(missing_ok=True)
        self.remove_torn()
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def remove_torn(self) -> None:
        """Removes what a process left that ended while it wrote."""
        for path in (self.path, self._previous):
            for torn in self.folder.glob(f".{path.name}.*.tmp"):
                torn.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    state = io.load(path)
    if not isinstance(state, dict) or state.get("kind") != _KIND:
        raise ValueError(f"fit: {path} holds no state of a training")
    return state
