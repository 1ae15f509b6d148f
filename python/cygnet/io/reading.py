"""Files read piece by piece: what they claim is checked before memory is taken for it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np

from cygnet.tensor import Array

# A path, or an object with `read` or `write` of bytes.
File: TypeAlias = str | os.PathLike[str] | IO[bytes]

_PIECE = 1 << 18  # bytes that are read at a time


def name_of(file: File) -> str:
    """What messages call a file."""
    if isinstance(file, str | os.PathLike):
        return os.fspath(file)
    return str(getattr(file, "name", f"the {type(file).__name__}"))


@dataclass
class Source:
    """A file that can be sought in, and how many bytes of it are left."""

    stream: IO[bytes]
    left: int

    def read(self, count: int) -> bytes:
        """`count` bytes, or all that are left if these are fewer."""
        pieces = []
        while count > 0 and (piece := self.stream.read(min(count, _PIECE))):
            pieces.append(piece)
            count -= len(piece)
            self.left -= len(piece)
        return b"".join(pieces)

    def fill(self, array: Array) -> None:
        """Reads a C-contiguous array.

        Raises
        ------
        ValueError
            If the file ends before.
        """
        room = array.reshape(-1).view(np.uint8)
        for begin in range(0, room.size, _PIECE):
            part = room[begin : begin + _PIECE]
            read = self.read(part.size)
            if len(read) != part.size:
                raise ValueError(f"it ends {part.size - len(read)} bytes too early")
            part[:] = np.frombuffer(read, np.uint8)

    def back(self, count: int) -> None:
        """Returns to what was read last."""
        self.stream.seek(-count, os.SEEK_CUR)
        self.left += count


@contextmanager
def opened(file: File) -> Iterator[Source]:
    """The bytes of a path, or of an open file from where it stands. What cannot tell its length,
    such as a pipe, is read as a whole before.
    """
    if isinstance(file, str | os.PathLike):
        path = Path(file)
        if not path.exists():
            raise FileNotFoundError(f"load: there is no file {path}")
        if path.is_dir():
            raise IsADirectoryError(f"load: {path} is a folder")
        with open(path, "rb") as stream:
            yield _source(stream)
        return
    if not hasattr(file, "read"):
        raise TypeError(f"load: f expected a path or a file, got {type(file).__name__}")
    yield _source(file)


def _source(file: Any) -> Source:
    known = hasattr(file, "seekable") and file.seekable()
    content = file.read(0) if known else file.read()
    if not isinstance(content, bytes | bytearray):
        raise TypeError(f"load: {name_of(file)} gives text, expected a file opened with 'rb'")
    stream = file if known else io.BytesIO(content)
    here = stream.tell()
    end = stream.seek(0, os.SEEK_END)
    stream.seek(here)
    return Source(stream, max(end - here, 0))
