"""The optimizers under the name that programs for Keras 2.11 to 2.15 used."""

from __future__ import annotations

from cygnet.keras.optimizers.base import Optimizer
from cygnet.keras.optimizers.rules import SGD, Adadelta, Adagrad, Adam, Adamax, Nadam, RMSprop

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "Adamax", "Nadam", "Optimizer", "RMSprop"]
