"""Keras's names on Cygnet: models, layers, losses, metrics, optimizers and callbacks.

A facade: it holds no kernel and no gradient of its own. Tensors are Cygnet's, channels last.
Submodules load when they are first used.
"""

from __future__ import annotations

import importlib
from typing import Any

from cygnet.keras import ops as ops  # what operators of KerasTensors are made of
from cygnet.keras.input import Input, InputLayer
from cygnet.keras.layer import Layer
from cygnet.keras.model import Model
from cygnet.keras.sequential import Sequential
from cygnet.keras.symbolic import KerasTensor
from cygnet.keras.variable import Variable

_SUBMODULES = frozenset(
    {
        "activations",
        "backend",
        "callbacks",
        "constraints",
        "datasets",
        "initializers",
        "layers",
        "losses",
        "metrics",
        "models",
        "optimizers",
        "preprocessing",
        "random",
        "regularizers",
        "saving",
        "utils",
    }
)

# Names of submodules that stand here as well.
_LAZY = {
    "Initializer": "initializers",
    "Loss": "losses",
    "Metric": "metrics",
    "Optimizer": "optimizers",
    "Regularizer": "regularizers",
}
__version__ = "3.15"
"""The Keras whose names and numbers these are."""

__all__ = ["Input", "InputLayer", "KerasTensor", "Layer", "Model", "Sequential", "Variable"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"cygnet.keras.{_LAZY[name]}"), name)
    if name not in _SUBMODULES:
        raise AttributeError(f"module 'cygnet.keras' has no attribute {name!r}")
    return importlib.import_module(f"cygnet.keras.{name}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_LAZY, *_SUBMODULES})
