"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

_LONGEST_NAME = 200  # bytes: file systems allow 255, the rest of a temporary name takes up to 35


def write_whole(path: Path, content: bytes | bytearray) -> None:
    """Writes a file so that `path` never holds a part of it, also if the machine stops meanwhile.

    The content goes to a temporary name in the same folder, is flushed to the disk and renamed. A
    file that stood at `path` stays until then.

    Raises
    ------
    OSError
        If the file cannot be written; nothing is left behind.
    """
    name = os.fsdecode(os.fsencode(path.name)[:_LONGEST_NAME])
    temporary = path.with_name(f".{name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):  # not every file system can flush a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
