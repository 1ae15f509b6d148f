"""Modules without initial values."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from cygnet.device import check_device
from cygnet.nn.module import Module

__all__ = ["skip_init"]

_M = TypeVar("_M", bound=Module)


def skip_init(module_cls: type[_M], *args: Any, **kwargs: Any) -> _M:
    """A new module whose parameters and buffers a program is about to fill.

    PyTorch leaves them uninitialised. Here they are initialised as always, which is fast, so that
    random numbers drawn later are those of a program without it.

    Parameters
    ----------
    module_cls : class of Module
    *args, **kwargs
        Its arguments, `device` among those it must know.

    Raises
    ------
    RuntimeError
        If it is no class of modules or takes no `device`.
    """
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise RuntimeError(f"skip_init: module_cls expected a class of Module, got {module_cls!r}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError(f"skip_init: {module_cls.__name__} takes no argument device")
    check_device("skip_init", kwargs.pop("device", None))
    return module_cls(*args, **kwargs)
