"""Tensors that modules own, and the arguments `device` and `dtype` that modules make them by."""

from __future__ import annotations

from typing import Any

import numpy as np

from cygnet.device import check_device
from cygnet.dtypes import get_default_dtype
from cygnet.kernels import DTypeError
from cygnet.tensor import FLOATS, Tensor, array_from, as_dtype

__all__ = ["Buffer", "Parameter", "float_dtype"]


class Parameter(Tensor):
    """A tensor that a :class:`~cygnet.nn.Module` registers when it is assigned as an attribute.

    Parameters
    ----------
    data : Tensor or array_like, optional
        The initial value. A tensor's or array's memory is used as it is, not copied. Default: a
        tensor without elements.
    requires_grad : bool, default True
        Whether ``backward`` fills ``grad``.
    """

    __slots__ = ()

    def __init__(self, data: Any = (), requires_grad: bool = True) -> None:
        self._begin(array_from(data, None, "Parameter"))
        self.requires_grad_(requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that a :class:`~cygnet.nn.Module` registers as a buffer when it is assigned.

    Parameters
    ----------
    data : Tensor or array_like, optional
        The initial value. A tensor's or array's memory is used as it is, not copied. Default: a
        tensor without elements.
    persistent : bool, default True
        Whether ``state_dict`` holds it.
    """

    __slots__ = ("persistent",)

    def __init__(self, data: Any = (), *, persistent: bool = True) -> None:
        self._begin(array_from(data, None, "Buffer"))
        self.persistent = persistent


def float_dtype(op: str, device: Any, dtype: Any) -> np.dtype[Any]:
    """The element type of a module's parameters, by default the default type; an error for a
    device other than the CPU and for a dtype other than float32 and float64.
    """
    check_device(op, device)
    if dtype is None:
        return get_default_dtype()
    checked = as_dtype(dtype, op)
    if checked not in FLOATS:
        raise DTypeError(f"{op}: argument dtype expected float32 or float64, got {checked}")
    return checked
