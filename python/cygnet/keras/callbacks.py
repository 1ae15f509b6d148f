"""Callbacks by Keras's names: those of `cygnet.train.callbacks`."""

from cygnet.train.callbacks import *
from cygnet.train.callbacks import __all__ as _names
from cygnet.train.history import History
from cygnet.train.progress import Progress as ProgbarLogger

__all__ = [*_names, "History", "ProgbarLogger"]
