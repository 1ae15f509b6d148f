"""Training and evaluation modes of modules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cygnet.nn import Module

__all__ = ["kept_modes"]


@contextmanager
def kept_modes(model: Module) -> Iterator[None]:
    """After the with block each module has the mode that it had before."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
