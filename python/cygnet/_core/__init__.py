"""Picks and loads the build of the extension for this processor.

The extension is compiled once for each instruction-set level. The highest one that both the
processor and this installation have is imported; the environment variable ``CYGNET_ISA`` forces
one.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from types import ModuleType

from cygnet._core import _cpu as _cpu

KNOWN = ("v2", "v3", "v4", "neon")


def _installed(level: str) -> bool:
    return importlib.util.find_spec(f"{__name__}._native_{level}") is not None


def _pick() -> str:
    runnable: list[str] = _cpu.levels()
    forced = os.environ.get("CYGNET_ISA")
    if forced:
        if forced not in KNOWN:
            raise ImportError(f"CYGNET_ISA is {forced!r}, expected one of {', '.join(KNOWN)}")
        if forced not in runnable:
            raise ImportError(
                f"CYGNET_ISA is {forced!r}, but this processor runs only {', '.join(runnable)}"
            )
        if not _installed(forced):
            raise ImportError(f"CYGNET_ISA is {forced!r}, but this installation has no such build")
        return forced
    for level in reversed(runnable):
        if _installed(level):
            return level
    raise ImportError(
        f"no build of Cygnet's extension runs on this processor (levels: {runnable or 'none'})"
    )


isa = _pick()
native: ModuleType = importlib.import_module(f"{__name__}._native_{isa}")
