"""Cygnet: deep learning on the CPU, small, exact and fast.

PyTorch's names, defaults and weight layouts; kernels in C++ that also work directly on NumPy arrays
(`cygnet.kernels`). Importing this package loads NumPy and the extension; the rest is loaded when
it is first used.
"""

from __future__ import annotations

import importlib
from typing import Any

from cygnet import autograd, kernels, ops
from cygnet.autograd import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from cygnet.config import get_num_threads, set_num_threads, show_config
from cygnet.kernels import DTypeError, ShapeError, empty_cache, memory_stats
from cygnet.ops import *
from cygnet.random import Generator, manual_seed
from cygnet.tensor import Tensor

# Submodules and names that are loaded when they are first asked for, and where the names live.
_SUBMODULES = frozenset({"data", "io", "metrics", "models", "nn", "optim", "random", "train"})
_LAZY = {
    "Trainer": "cygnet.train",
    "load": "cygnet.io",
    "save": "cygnet.io",
    "summary": "cygnet.nn.summary",
}

__all__ = [
    "DTypeError",
    "Generator",
    "ShapeError",
    "Tensor",
    "Trainer",
    "autograd",
    "empty_cache",
    "enable_grad",
    "get_num_threads",
    "is_grad_enabled",
    "kernels",
    "load",
    "manual_seed",
    "memory_stats",
    "no_grad",
    "ops",
    "save",
    "set_grad_enabled",
    "set_num_threads",
    "show_config",
    "summary",
    *ops.__all__,
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(importlib.import_module(_LAZY[name]), name)
    elif name in _SUBMODULES:
        value = importlib.import_module(f"cygnet.{name}")
    elif name == "__version__":
        value = kernels.build_info()["version"]
    else:
        raise AttributeError(f"module 'cygnet' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})
