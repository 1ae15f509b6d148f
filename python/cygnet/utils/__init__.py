"""Data, and memory shared with other libraries, where PyTorch has them."""

from __future__ import annotations

import importlib
from typing import Any

_SUBMODULES = frozenset({"data", "dlpack"})


def __getattr__(name: str) -> Any:
    if name not in _SUBMODULES:
        raise AttributeError(f"module 'cygnet.utils' has no attribute {name!r}")
    return importlib.import_module(f"cygnet.utils.{name}")
