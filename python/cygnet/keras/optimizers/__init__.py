"""Optimizers by Keras's names, with Keras's numbers; the kernels are those of `cygnet.optim`."""

from __future__ import annotations

from typing import Any

from cygnet.keras.lookup import Registry
from cygnet.keras.optimizers import legacy, schedules
from cygnet.keras.optimizers.base import Optimizer
from cygnet.keras.optimizers.rules import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    Nadam,
    RMSprop,
)

_CLASSES = (SGD, Adadelta, Adagrad, Adam, AdamW, Adamax, Lion, Nadam, RMSprop)
_REGISTRY = Registry(
    "optimizers",
    {each.__name__: each for each in _CLASSES},
    {each.__name__.lower(): each for each in _CLASSES},
)
serialize = _REGISTRY.serialize
deserialize = _REGISTRY.deserialize


def get(identifier: Any) -> Any:
    """The optimizer that a name in any capitals, a configuration or the object stands for.

    Raises
    ------
    ValueError
        If there is none of that name; the nearest names are told.
    """
    if isinstance(identifier, Optimizer):
        return identifier
    return _REGISTRY.get(identifier.lower() if isinstance(identifier, str) else identifier)


__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "legacy",
    "schedules",
    "serialize",
]
