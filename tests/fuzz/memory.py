"""Memory between pages that cannot be touched: a step outside of an array ends the process.

And the limit of memory that a child process makes its calls under.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
from pathlib import Path
from typing import Any

import numpy as np

from cygnet import kernels

PAGE = mmap.PAGESIZE
MOST = 28_000  # pieces: each takes two of the 65,530 mappings that Linux gives a process
_library = ctypes.CDLL(None, use_errno=True)
_library.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

# Sanitizers reserve terabytes of addresses: they have a limit of their own, of each allocation.
SANITIZED = "sanitize" in kernels.build_info()


def environment_with_limit(megabytes: int) -> dict[str, str]:
    """The environment of a child that is going to call `limit_memory`."""
    environment = dict(os.environ)
    if SANITIZED and megabytes:
        for name in ("ASAN_OPTIONS", "TSAN_OPTIONS"):
            environment[name] = f"{environment.get(name, '')}:max_allocation_size_mb={megabytes}"
    return environment


def limit_memory(megabytes: int) -> None:
    """Limits what this process may take beside what it has; 0 is no limit."""
    if megabytes and not SANITIZED:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * mmap.PAGESIZE + (megabytes << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


class Base:
    """An array in guarded memory, and what it shall hold before every call."""

    __slots__ = ("array", "master", "variants")

    def __init__(self, array: np.ndarray, values: np.ndarray) -> None:
        self.array = array
        array[...] = values
        self.master = array.tobytes()
        self.variants: dict[Any, Base] = {}

    def restore(self) -> None:
        self.array[...] = np.frombuffer(self.master, self.array.dtype).reshape(self.array.shape)


class Guarded:
    """Hands out memory whose end or start lies at a page that cannot be touched, in turns."""

    pieces = 0  # of the process

    def __init__(self, room: int = 1 << 28) -> None:
        self._map = mmap.mmap(-1, room)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        self._next = 0
        self._room = room
        self._at_the_start = False

    def _close(self) -> None:
        Guarded.pieces += 1
        if Guarded.pieces > MOST:
            return
        if _library.mprotect(self._address + self._next, PAGE, 0):
            raise OSError(ctypes.get_errno(), "mprotect")
        self._next += PAGE

    def full(self) -> bool:
        """Whether there is no more memory with guards."""
        return Guarded.pieces >= MOST or self._next + (1 << 20) > self._room

    def base(self, values: np.ndarray, shift: int = 0) -> Base:
        """A copy of an array in the same memory order; `shift` bytes off its alignment."""
        if self._next == 0:
            self._close()
        pages = -(-(values.nbytes + shift) // PAGE) or 1
        if self._next + (pages + 1) * PAGE > self._room:
            raise MemoryError("the fuzzer's guarded memory is full")
        end = self._next + pages * PAGE
        self._at_the_start = not self._at_the_start
        offset = self._next + shift if self._at_the_start else end - values.nbytes - shift
        self._next = end
        self._close()
        order = np.argsort([-abs(s) for s in values.strides], kind="stable")
        plain = np.ndarray([values.shape[i] for i in order], values.dtype, self._map, offset)
        return Base(plain.transpose(np.argsort(order)), values)
